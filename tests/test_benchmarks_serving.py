"""The benchmarks that serve run, at their smallest: what they measure then means nothing."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import collector, latency, posting
from benchmarks.collector import BARE, DEV, EVENTS_TOGETHER, dev_posted, written_bodies
from benchmarks.measuring import machine
from benchmarks.posting import Asked, Load, posted, started
from tests.lacking import lacking

ROOT = Path(__file__).parents[1]
SERVE_BARE = (sys.executable, "-m", "benchmarks.collector", "--bare")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """Bodies of one event a line, and of fifty."""
    return written_bodies(tmp_path_factory.mktemp("bodies"))


@pytest.fixture(params=["wrk", "own client"])
def sender(request, monkeypatch):
    """Either of the two that send."""
    if request.param == "own client":
        monkeypatch.setattr(posting.shutil, "which", lambda _: None)
    elif posting.client() != "wrk":
        lacking("wrk is not installed; the other client is tested all the same.")


def test_the_bare_server_is_asked(sender, bodies):
    with started(*SERVE_BARE) as url:
        load = posted(url, bodies[0], Asked(2, 1))
    assert load.requests > 0
    assert 0 < load.p50_ms <= load.p99_ms


def test_connections_that_rest_send_less(sender, bodies):
    with started(*SERVE_BARE) as url:
        load = posted(url, bodies[0], Asked(4, 1, pause_ms=100))
    # Four connections, each at most once in the pause: 40 a second, were answers for nothing.
    assert 4 <= load.requests < 120


def test_what_playlake_acknowledges_is_counted_by_its_spool(bodies, tmp_path):
    load = dev_posted(tmp_path / "data", bodies[1], Asked(1, 1), EVENTS_TOGETHER)
    assert load.requests > 0


def test_refusals_are_no_figures(bodies):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as knows_no_post:
        threading.Thread(target=knows_no_post.serve_forever).start()
        try:
            with pytest.raises(SystemExit, match=r"failed|ended with"):
                posted(f"http://127.0.0.1:{knows_no_post.server_port}", bodies[0], Asked(1, 1))
        finally:
            knows_no_post.shutdown()


def test_the_table_and_the_bounds_are_of_the_medians(capsys):
    bare, dev = ([Load(n * rate, 1.0, 1.0, 2.0, 0) for n in (1, 2, 9)] for rate in (100, 45))
    collector.report(machine(), {BARE: bare, DEV: dev}, dev[:1], dev[1:2], {"p50": 0.1, "p99": 0.3})
    shown = capsys.readouterr().out
    assert "bare uvicorn's: 0.45; at least 0.4: met" in shown
    assert "at half the maximum: 2; at most 25: met" in shown
    assert "events/s, 50 a request: 4.5e+03; at least 100000: NOT met" in shown
    assert "0.50 of it was sent" in shown
    assert "on the same" in shown


def test_the_warm_lambda_is_timed_and_says_nothing():
    # In a process of its own: its logger keeps the output that it was imported with.
    code = "import json; from benchmarks.collector import warm_ms; print(json.dumps(warm_ms(50)))"
    ran = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True
    )
    warm = json.loads(ran.stdout)
    assert 0 < warm["p50"] <= warm["p99"]


def test_probes_are_found_from_post_to_query(tmp_path, capsys):
    file = tmp_path / "latency.json"
    latency.main(["--rate", "20", "--seconds", "1", "--warm", "1", "--json", str(file)])
    found = json.loads(file.read_text())
    assert len(found["seconds"]) in range(18, 22)
    assert min(found["seconds"]) > 0
    assert "p99 in seconds" in capsys.readouterr().out
