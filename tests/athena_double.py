"""Athena over HTTP, as far as a client sees it: real SQL, answered by DuckDB from a local lake.

Shapes are those of the Athena API reference; values are written as Athena writes them.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from catalog.answer import AnswerColumn
from catalog.drivers.duckdb_engine import DuckDBEngine
from events.errors import PlaylakeError
from tests.http_double import Handler, HttpDouble


@dataclass(slots=True)
class Execution:
    """A query that was started."""

    request: dict[str, Any]
    states: deque[str]
    columns: tuple[AnswerColumn, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    scanned: int = 0
    reason: str = ""


class AthenaDouble(HttpDouble):
    """Serves one database of one workgroup. What it is to do otherwise is in its attributes."""

    def __init__(self, engine: DuckDBEngine, database: str) -> None:
        self.engine = engine
        self.database = database
        self.states = ("QUEUED", "RUNNING")
        """What a query goes through, one state a look, before it ends."""
        self.faults: dict[str, deque[tuple[int, str, str]]] = {}
        """By operation, the (status, code, message) that its next calls are refused with."""
        self.before_answering: dict[str, Callable[[], None]] = {}
        """By operation, what happens when it was done, and before its answer is sent."""
        self.failure: tuple[str, str] | None = None
        """The (state, reason) that queries end in instead of their answers."""
        self.calls: Counter[str] = Counter()
        self.executions: dict[str, Execution] = {}
        self.stopped: list[str] = []
        super().__init__(_Handler)

    def client(self) -> Any:
        """A client of boto3's own."""
        return boto3.client(
            "athena",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )

    @property
    def sql(self) -> list[str]:
        """What was asked, word for word."""
        return [each.request["QueryString"] for each in self.executions.values()]

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body of an answer."""
        self.calls[operation] += 1
        if self.faults.get(operation):
            status, code, message = self.faults[operation].popleft()
            return status, {"__type": code, "message": message}
        return 200, _OPERATIONS[operation](self, request)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        token = request["ClientRequestToken"]
        assert 32 <= len(token) <= 128
        if token not in self.executions:
            self.executions[token] = self._run(request)
        return {"QueryExecutionId": token}

    def _run(self, request: dict[str, Any]) -> Execution:
        execution = Execution(request, deque(self.states))
        try:
            # The local engine knows the database by one name only.
            sql = re.sub(rf'{self.database}(?="?\.)', "playlake", request["QueryString"])
            answer = self.engine.query(sql, full_scan=True)
            execution.columns, execution.rows = answer.columns, list(answer)
            execution.scanned = answer.scanned.bytes
            execution.states.append("SUCCEEDED")
        except PlaylakeError as error:
            execution.states.append("FAILED")
            execution.reason = f"SOME_ERROR: line 1:8:\n  {error}"
        if self.failure:
            execution.states[-1], execution.reason = self.failure
        return execution

    def _look(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self.executions[request["QueryExecutionId"]]
        state = execution.states[0] if len(execution.states) == 1 else execution.states.popleft()
        status = {"State": state, "SubmissionDateTime": 1.0}
        if state in ("FAILED", "CANCELLED"):
            status["StateChangeReason"] = execution.reason
        # Statistics are there from the moment it runs.
        statistics = {} if state == "QUEUED" else {"DataScannedInBytes": execution.scanned}
        return {"QueryExecution": {"Status": status, "Statistics": statistics}}

    def _results(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self.executions[request["QueryExecutionId"]]
        header = {"Data": [{"VarCharValue": column.name} for column in execution.columns]}
        rows = [header, *(_row(execution.columns, row) for row in execution.rows)]
        begin = int(request.get("NextToken", 0))
        end = begin + request["MaxResults"]
        result = {
            "Rows": rows[begin:end],
            "ResultSetMetadata": {"ColumnInfo": [_info(each) for each in execution.columns]},
        }
        more = {"NextToken": str(end)} if end < len(rows) else {}
        return {"ResultSet": result, "UpdateCount": 0, **more}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self.executions[request["QueryExecutionId"]]
        execution.states, execution.reason = deque(["CANCELLED"]), "Query cancelled by user"
        self.stopped.append(request["QueryExecutionId"])
        return {}


_OPERATIONS: dict[str, Callable[[AthenaDouble, dict[str, Any]], dict[str, Any]]] = {
    "StartQueryExecution": AthenaDouble._start,
    "GetQueryExecution": AthenaDouble._look,
    "GetQueryResults": AthenaDouble._results,
    "StopQueryExecution": AthenaDouble._stop,
}


class _Handler(Handler):
    def serve(self) -> None:
        operation = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
        status, answer = self.double.answer(operation, json.loads(self.body()))
        self.double.before_answering.get(operation, lambda: None)()
        self.answer(status, json.dumps(answer).encode(), content_type="application/x-amz-json-1.1")


def _info(column: AnswerColumn) -> dict[str, Any]:
    kind, _, sizes = column.type.removesuffix(")").partition("(")
    precision, scale = map(int, sizes.split(",")) if kind == "decimal" else (0, 0)
    name = {"real": "float"}.get(kind, "array" if kind.endswith("[]") else kind)
    info = {"CatalogName": "hive", "Name": column.name, "Label": column.name, "Type": name}
    return info | {"Precision": precision, "Scale": scale, "Nullable": "UNKNOWN"}


def _row(columns: tuple[AnswerColumn, ...], row: tuple[Any, ...]) -> dict[str, Any]:
    return {"Data": [_datum(*each) for each in zip(columns, row, strict=True)]}


def _datum(column: AnswerColumn, value: Any) -> dict[str, str]:
    """A NULL is a datum without a value."""
    if value is None:
        return {}
    zone = " UTC" if column.type == "timestamp with time zone" else ""
    return {"VarCharValue": _text(value) + zone}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return _WRITTEN.get(type(value), str)(value)


_WRITTEN: dict[type, Callable[[Any], str]] = {
    bool: lambda value: str(value).lower(),
    float: lambda value: {"nan": "NaN", "inf": "Infinity"}.get(repr(value), repr(value)),
    datetime: lambda value: value.isoformat(sep=" ", timespec="milliseconds"),
    bytes: lambda value: value.hex(" "),
}
