"""What drives the ports: SQLite and DuckDB on one machine, Glue and Athena on AWS."""
