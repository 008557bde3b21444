"""`playlake dev`: from a POST to an answer, over HTTP and the command line."""

import json
import re
import signal
import subprocess
import time

import httpx
import pytest

from tests.conftest import PLAYLAKE, eventually, run_playlake, running_dev
from tests.records import LAB_CLICK, LAB_PLAY

ACCEPTED = {"data": {"success": True, "accepted": 1}}

CURL = {"user-agent": "curl/7.88.1", "accept": "*/*", "content-type": "application/json"}
WGET = {
    "user-agent": "Wget/1.21.3",
    "accept": "*/*",
    "accept-encoding": "identity",
    "content-type": "application/x-www-form-urlencoded",
}


def ask(dev, sql):
    ran = run_playlake("query", sql, "--format", "json", "--data", dev.data)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_the_three_requests_of_the_lab_are_answered_and_found(dev):
    posted = time.monotonic()
    for body, headers in (
        (LAB_CLICK, CURL),
        (LAB_CLICK, WGET),
        (LAB_PLAY, CURL),
        ({**LAB_PLAY, "logged_at": LAB_PLAY["logged_at"] // 1000}, CURL),
    ):
        answer = httpx.post(f"{dev.url}/events", content=json.dumps(body), headers=headers)
        assert (answer.status_code, answer.json()) == (200, ACCEPTED)

    def all_of_them_are_told():
        told = "".join(dev.lines)
        assert told.count("video_play_events") == 2
        assert told.count("custom_events") == 2

    eventually(all_of_them_are_told, seconds=3 - (time.monotonic() - posted))
    plays = ask(
        dev,
        "SELECT duration, device_type, os_name, browser_name, dt, referer"
        " FROM video_play_events WHERE dt = '2018-08-29'",
    )
    assert (
        plays
        == [
            {
                "duration": 14000,
                "device_type": "desktop",
                "os_name": "Mac OS X",
                "browser_name": "Chrome",
                "dt": "2018-08-29",
                "referer": "http://www.lvh.me:57183/",
            }
        ]
        * 2
    )
    clicks = ask(
        dev,
        "SELECT event_name, json_extract_scalar(properties, '$.buttonName') AS button,"
        " CAST(json_extract_scalar(properties, '$.userId') AS bigint) AS user, user_agent"
        " FROM custom_events WHERE dt > '2026' ORDER BY user_agent",
    )
    assert [(row["event_name"], row["button"], row["user"]) for row in clicks] == [
        ("click", "helloWorld", 404444)
    ] * 2
    assert [row["user_agent"] for row in clicks] == ["Wget/1.21.3", "curl/7.88.1"]


def test_each_events_fate_is_printed_and_hostile_text_is_shown_not_obeyed(dev):
    dev.post([LAB_PLAY, {**LAB_PLAY, "started_at": "0"}, {"action": "\x1b[2J[red]x"}])

    def it_is_told():
        told = "".join(dev.lines)
        assert "foobarbaz  0.0 s to 14.0 s  by 12345  desktop, Mac OS X, Chrome" in told
        assert "wrong_type: started_at" in told
        assert "\\u001b[2J[red]x" in told
        assert "\x1b[2J" not in told

    eventually(it_is_told)


def test_a_refused_request_is_not_acknowledged_and_leaves_nothing(dev):
    answer = httpx.post(f"{dev.url}/events", content=b'{"a": NaN}', headers=CURL)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]
    assert "Delivered." in dev.stop()
    assert not list((dev.data / "lake").rglob("*.parquet"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_delivers_what_is_left_and_stops(dev, number):
    events = [{**LAB_PLAY, "event_id": f"e{n}"} for n in range(500)]
    assert dev.post(events).json()["data"]["accepted"] == 500
    told = dev.stop(number)
    assert "Delivered. Everything that was accepted is in the lake." in told
    assert dev.process.returncode == 0
    (row,) = ask(dev, "SELECT COUNT(*) AS n FROM video_play_events WHERE dt = '2018-08-29'")
    assert row["n"] == 500


def test_the_raw_lines_are_archived_as_they_came(dev):
    import gzip

    dev.post(LAB_CLICK)
    dev.stop()
    (archived,) = (dev.data / "raw").rglob("*.json.gz")
    (line,) = gzip.decompress(archived.read_bytes()).splitlines()
    assert LAB_CLICK.items() <= json.loads(line).items()


def test_an_event_that_is_sent_again_later_is_one_row_once_the_partition_is_quiet(dev):
    event = {**LAB_PLAY, "event_id": "again"}
    dev.post(event)
    eventually(lambda: _assert_files(dev, 1))
    dev.post(event)
    eventually(lambda: _assert_told_twice(dev))
    eventually(lambda: _assert_rows(dev, 1), seconds=10)


def _assert_files(dev, count):
    _assert_data_files(dev.data, count)


def _assert_told_twice(dev):
    assert "".join(dev.lines).count("foobarbaz") == 2


def _assert_rows(dev, count):
    (row,) = ask(dev, "SELECT COUNT(*) AS n FROM video_play_events WHERE dt = '2018-08-29'")
    assert row["n"] == count


def test_only_pages_on_the_list_may_read_answers(tmp_path):
    with running_dev(tmp_path, "--allow-origin", "https://site.example") as dev:
        for origin, allowed in (("https://site.example", True), ("https://evil.example", False)):
            answer = dev.post(LAB_CLICK, headers={"origin": origin})
            assert answer.status_code == 200
            assert ("access-control-allow-origin" in answer.headers) is allowed


def test_the_page_and_its_videos_are_served(dev):
    page = httpx.get(f"{dev.url}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<video" in page.text
    part = httpx.get(f"{dev.url}/videos/dawn.mp4", headers={"range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)


def test_a_second_dev_on_the_folder_is_refused_in_a_sentence(dev):
    ran = run_playlake("dev", "--port", "0", "--data", dev.data)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert str(dev.data) in ran.err


def test_a_port_that_is_taken_is_named(dev, tmp_path):
    port = dev.url.rpartition(":")[2]
    ran = run_playlake("dev", "--port", port, "--data", tmp_path / "other")
    assert ran.code == 2
    assert f"127.0.0.1:{port}" in ran.err
    assert "--port" in ran.err


def test_when_nobody_reads_what_it_prints_any_more_it_collects_on(tmp_path):
    command = [*PLAYLAKE, "dev", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = re.search(r"serves (\S+)/ ", process.stdout.readline())[1]
        process.stdout.close()
        for day in range(3):
            event = LAB_PLAY | {"logged_at": LAB_PLAY["logged_at"] + day * 86_400_000}
            assert httpx.post(f"{url}/events", json=event).status_code == 200
            found = day + 1
            eventually(lambda: _assert_data_files(tmp_path, found), seconds=5)  # noqa: B023
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def _assert_data_files(data, count):
    assert len(list((data / "lake").rglob("*.parquet"))) == count
