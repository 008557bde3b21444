"""A proxy before the emulator's Athena, which is DuckDB without a translation: it translates."""

import json
import re

import httpx

from catalog.drivers.dialect import duckdb_sql
from catalog.planning import plan
from catalog.rewriting import localize
from events.errors import QueryFailed
from tests.http_double import Handler, HttpDouble

_SENT = ("authorization", "content-type", "x-amz-date", "x-amz-target")
_START = "AmazonAthena.StartQueryExecution"


class AthenaDialect(HttpDouble):
    """Stands before `target` while a `with` lasts: what is asked there in Athena's SQL is answered.

    `refusing` is what Athena fails every query with from when it is set.
    """

    def __init__(self, target: str) -> None:
        self.client = httpx.Client(base_url=target, timeout=60)
        self.refusing: str | None = None
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.client.close()

    def environment(self) -> dict[str, str]:
        """What makes an AWS client ask Athena here, and all others where it did."""
        return {"AWS_ENDPOINT_URL_ATHENA": self.url}

    def translated(self, asked: dict[str, object]) -> dict[str, object]:
        """A StartQueryExecution whose SQL DuckDB answers as Athena would the one given."""
        if self.refusing is not None:
            return asked | {"QueryString": f"SELECT error('{self.refusing}')"}
        database = str(asked["QueryExecutionContext"]["Database"])  # type: ignore[index]
        return asked | {"QueryString": translated(str(asked["QueryString"]), database)}


class _Handler(Handler):
    def serve(self) -> None:
        body = self.body()
        if self.headers.get("x-amz-target") == _START:
            body = json.dumps(self.double.translated(json.loads(body))).encode()
        headers = {name: self.headers[name] for name in _SENT if name in self.headers}
        answer = self.double.client.post(self.path, headers=headers, content=body)
        self.answer(answer.status_code, answer.content, content_type="application/x-amz-json-1.1")


def translated(sql: str, database: str) -> str:
    """The SQL over the deployed database's tables, in DuckDB's words."""
    try:
        planned = plan(localize(sql, database))
    except QueryFailed:
        return sql  # Athena's to refuse
    text = duckdb_sql(planned.query)
    for scan in planned.scans:
        text = re.sub(rf'"?\b{scan.name}\b"?', f"{database}.{scan.table.name}", text)
    return text
