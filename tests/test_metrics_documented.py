"""docs/metrics.md defines what every report answers, column by column."""

import re
from pathlib import Path

import pytest

from catalog.named import named_queries
from tests.test_catalog_named import COLUMNS

METRICS = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
SECTIONS = {
    name: body
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", METRICS, re.MULTILINE | re.DOTALL)
    for name in re.findall(r"`(\w+)`", title)
}


def test_every_report_has_a_definition_and_every_definition_a_report():
    assert set(SECTIONS) == {query.name for query in named_queries()}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_of_a_report_is_defined_in_its_order(name):
    table = re.findall(r"^\| `(\w+)` \|", SECTIONS[name], re.MULTILINE)
    # The mixes share a section, and differ in their first column alone.
    shared = name.endswith("_mix")
    expected = [column for column, _ in COLUMNS[name]]
    assert table == (expected[1:] if shared else expected)
    if shared:
        assert f"`{expected[0]}`" in SECTIONS[name]


@pytest.mark.parametrize("query", named_queries(), ids=lambda query: query.name)
def test_every_parameter_beside_the_days_is_named(query):
    for parameter in query.parameters[2:]:
        assert f"--{parameter.name.replace('_', '-')}" in SECTIONS[query.name]
