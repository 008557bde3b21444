"""One query in Athena: started, waited for, its results read page by page, or stopped."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from catalog.drivers.aws import AwsError, cause, code, message
from events.errors import CatalogUnavailable, QueryFailed

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 2.0
"""An answer takes Athena about a second at least; GetQueryExecution is free of charge."""

_ROWS_A_PAGE = 1_000
"""The most that GetQueryResults gives (Athena API); on the first page, the header is one."""

_LONGEST_QUERY_BYTES = 262_144
"""Of UTF-8 (Athena user guide, "Service Quotas")."""

_SCAN_LIMIT = "bytes scanned limit"
_NO_WORKGROUP = "workgroup"
_FILE_GONE = "NoSuchKey"  # what S3 answered Athena, in whatever error of Athena's it comes


class Progress(NamedTuple):
    """How far a query is."""

    state: str
    """Athena's: QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED."""
    elapsed_seconds: float
    scanned_bytes: int
    """What it has read so far."""

    def __str__(self) -> str:
        megabytes = self.scanned_bytes / 2**20
        read = f", {megabytes:,.1f} MB read" if megabytes >= 0.1 else ""
        return f"{self.state.lower()} for {self.elapsed_seconds:.0f} s{read}"


@dataclass(slots=True, eq=False)
class Run:
    """A query that is run once. Its methods raise `QueryFailed` for what Athena says of the SQL,
    and `CatalogUnavailable` when Athena does not answer or does not let us."""

    client: Any
    workgroup: str
    database: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    _id: str = field(default="", init=False)
    _request: Mapping[str, Any] = field(default_factory=dict, init=False)
    _ended: bool = field(default=False, init=False)

    def start(self, sql: str, token: str) -> None:
        """Start the SQL. With the same token, 32 characters at least, it is started once."""
        length = len(sql.encode())
        if length > _LONGEST_QUERY_BYTES:
            raise QueryFailed(
                f"The query is {length:,} bytes long; Athena takes {_LONGEST_QUERY_BYTES:,}."
            )
        self._request = {
            "QueryString": sql,
            "ClientRequestToken": token,
            "QueryExecutionContext": {"Database": self.database},
            "WorkGroup": self.workgroup,
        }
        try:
            self._send()
        except AwsError as error:
            self._request = {}
            raise self._not_started(error) from error

    def wait(self, on_progress: Callable[[Progress], None]) -> int:
        """Wait until the answer is there, and say how many bytes were read for it."""
        began, pause = self.clock(), _FIRST_WAIT_SECONDS
        while True:
            execution = self._execution()
            status, scanned = execution["Status"], _scanned_bytes(execution)
            on_progress(Progress(status["State"], self.clock() - began, scanned))
            if status["State"] == "SUCCEEDED":
                self._ended = True
                return scanned
            if status["State"] in ("FAILED", "CANCELLED"):
                self._ended = True
                raise self._failed(status, scanned)
            self.sleep(pause)
            pause = min(_LONGEST_WAIT_SECONDS, pause * 1.5)

    def stop(self) -> None:
        """Stop the query if it still runs: nobody waits for it, and what it reads costs."""
        # Whoever stops has a reason to raise already; a query that just ended needs no stop.
        with suppress(*AwsError):
            if self._request and not self._id:
                # Interrupted before Athena's answer came: the same token gives the same query's id.
                self._send()
            if self._id and not self._ended:
                self.client.stop_query_execution(QueryExecutionId=self._id)

    def pages(self) -> Iterator[Mapping[str, Any]]:
        """Each page's `ResultSet`, as it is asked for."""
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            try:
                page = self.client.get_query_results(
                    QueryExecutionId=self._id, MaxResults=_ROWS_A_PAGE, **more
                )
            except AwsError as error:
                raise self._unavailable("give the rows", error) from error
            yield page["ResultSet"]
            token = page.get("NextToken")
            if not token:
                return

    def _send(self) -> None:
        self._id = self.client.start_query_execution(**self._request)["QueryExecutionId"]

    def _execution(self) -> Mapping[str, Any]:
        try:
            found = self.client.get_query_execution(QueryExecutionId=self._id)
        except AwsError as error:
            raise self._unavailable("say how far the query is", error) from error
        execution: Mapping[str, Any] = found["QueryExecution"]
        return execution

    def _failed(self, status: Mapping[str, Any], scanned: int) -> QueryFailed:
        reason = " ".join(str(status.get("StateChangeReason", "")).split())
        if _SCAN_LIMIT in reason.lower():
            return QueryFailed(
                f"Athena stopped the query at {scanned / 2**20:,.0f} MB: workgroup {self.workgroup}"
                " lets no query read more. Ask for fewer days or fewer columns, or deploy with a"
                " higher scan limit."
            )
        if _FILE_GONE in reason:
            return QueryFailed(
                "A file was gone when Athena came to read it: the compaction has put another in its"
                f" place. Run the query again. Athena's words: {reason}"
            )
        how = "failed" if status["State"] == "FAILED" else "was cancelled"
        return QueryFailed(f"The query {how} in Athena: {reason or 'it gives no reason'}")

    def _not_started(self, error: Exception) -> QueryFailed | CatalogUnavailable:
        if code(error) != "InvalidRequestException":
            return self._unavailable("start the query", error)
        if _NO_WORKGROUP in message(error).lower():
            return CatalogUnavailable(
                f"Athena has no workgroup {self.workgroup} that can be used: deploy first"
                f" (`npx serverless deploy`), or again: {message(error)}"
            )
        return QueryFailed(f"Athena refused the query: {message(error)}")

    def _unavailable(self, action: str, error: Exception) -> CatalogUnavailable:
        if code(error) == "TooManyRequestsException":
            return CatalogUnavailable(
                f"Athena did not {action}: the account runs as many queries as it may at once."
                " Try again when others have ended."
            )
        return CatalogUnavailable(f"Athena did not {action}: {cause(error)}")


def _scanned_bytes(execution: Mapping[str, Any]) -> int:
    return int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
