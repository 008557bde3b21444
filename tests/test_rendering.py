"""How an answer is printed where somebody reads it."""

import json
import sys

import pytest

from catalog.answer import AnswerColumn
from playlake.cli.options import Format
from playlake.cli.rendering import Listing, render, render_listing


def printed(capsys, monkeypatch, columns, width):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    names = [f"column_{number}" for number in range(columns)]
    row = tuple(f"value {number}" for number in range(columns))
    render_listing(dict.fromkeys(names, "varchar"), [row, row], Format.TABLE)
    return capsys.readouterr().out


def test_more_columns_than_the_window_has_room_for_are_a_line_each(capsys, monkeypatch):
    out = printed(capsys, monkeypatch, columns=30, width=80)
    assert out.count("column_29  value 29\n") == 2
    assert "row 2" in out


def test_what_has_room_in_the_window_is_a_table(capsys, monkeypatch):
    out = printed(capsys, monkeypatch, columns=4, width=80)
    assert out.count("column_3") == 1
    assert out.count("value 3") == 2


@pytest.mark.parametrize("output", [Format.CSV, Format.JSON])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_obeys_nothing_that_a_client_sent(capsys, monkeypatch, output, is_terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    hostile = (
        "\x9b2J\u202egnp" if output is Format.JSON else "\x1b]0;pwned\x07\x1b[2J\x9b2J\u202egnp"
    )
    render_listing({"video_id": "varchar"}, [(hostile,)], output)
    out = capsys.readouterr().out
    assert ("\\u202egnp" in out) is is_terminal
    assert any(char in out for char in "\x1b\x9b\u202e") is not is_terminal


@pytest.mark.parametrize("width", [80, 20])
def test_names_and_ids_are_shown_as_they_are(capsys, monkeypatch, width):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    heads = ["[ms]", "[/]", "\x1b:tv:"]
    render_listing(dict.fromkeys(heads, "varchar"), [("urn:tv:42", "[/]", "[b]")], Format.TABLE)
    out = capsys.readouterr().out
    for shown in ("[ms]", "[/]", "\\u001b:tv:", "urn:tv:42", "[b]"):
        assert shown in out


def test_what_begins_a_line_is_shown(capsys):
    render_listing({"video_id": "varchar"}, [("a\u2028b\u2029c\x85d",)], Format.TABLE)
    assert "a\\u2028b\\u2029c\\u0085d" in capsys.readouterr().out


def test_each_column_has_a_name_of_its_own_in_json(capsys):
    columns = tuple(AnswerColumn(name, "bigint") for name in ("a", "a", "a_1", "a"))
    render(Listing(columns, iter([(1, 2, 3, 4)])), Format.JSON)
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}
