"""The consumer of a Kinesis stream as processes: a supervisor, its daemons, a child for each shard.

    playlake consume           the supervisor: starts daemons, hears of commits, prints them
      └ java MultiLangDaemon   one a worker: leases shards, reads them; KCL's own, in Java
          └ python             one a shard that it leases: `playlake.drivers.kcl`

What crosses between the three are a properties file (`properties`), one environment variable
(`settings`) and datagrams on a Unix socket (`news`).
"""
