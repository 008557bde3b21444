"""Every error that playlake raises on purpose, as one tree.

    PlaylakeError
    ├── SettingsError          a setting is missing, or cannot be what it is
    ├── deploy.packaging.errors.PackagingError   a Lambda package cannot be made
    ├── DeclarationError       an event type contradicts itself or its neighbours
    ├── ingest.refusals.Refused   a request is not accepted; it ends in a response, inside ingest
    ├── Unavailable            infrastructure did not answer; nothing was acknowledged, try again
    │   ├── StreamUnavailable  the stream did not take the records
    │   ├── StoreUnavailable   the lake's store did not take or give an object
    │   └── CatalogUnavailable the catalog did not take or give its rows
    └── QueryError             a question that cannot be answered as it was asked
        ├── UnknownName        no such table, named query or parameter
        ├── FullScanRefused    no predicate on the partition key, and no leave to read everything
        └── QueryFailed        the engine refused the SQL

A message says what happened, with which value, and what to do next. A driver maps foreign
exceptions to these where it calls the foreign library, and nowhere else.
"""


class PlaylakeError(Exception):
    """Whatever playlake raises on purpose; its message is fit to show to a person."""


class SettingsError(PlaylakeError):
    """A setting is missing, or cannot be what it is."""


class DeclarationError(PlaylakeError):
    """An event type contradicts itself or its neighbours."""


class Unavailable(PlaylakeError):
    """Infrastructure did not answer. Nothing was acknowledged: the caller tries again."""


class StreamUnavailable(Unavailable):
    """The stream did not acknowledge every record it was given."""


class StoreUnavailable(Unavailable):
    """The store did not take, give or list objects."""


class CatalogUnavailable(Unavailable):
    """The catalog did not take or give its rows."""


class QueryError(PlaylakeError):
    """A question that cannot be answered as it was asked."""


class UnknownName(QueryError):
    """No such table, named query or parameter."""


class FullScanRefused(QueryError):
    """A query reads every partition of a table and nobody gave leave for that."""


class QueryFailed(QueryError):
    """The engine refused the SQL."""
