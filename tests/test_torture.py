"""The torture at a small scale, and that its counting would notice."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.lacking import lacking
from tests.torture import clocks, disk, full_disk, killed, server, soak, stopped
from tests.torture.__main__ import FAULTS, QUICK_SOAK_MINUTES, Run, main, times_of
from tests.torture.calls import Lacking
from tests.torture.clocks import Spell
from tests.torture.load import Load, Pace, Unkept, day_of, table_of
from tests.torture.memory import Memory
from tests.torture.row import Fault, Row, tallied
from tests.torture.rude import Rude
from tests.torture.server import Server, free_port
from tests.torture.table import PAGE, rewritten, show


def answering(*answers: tuple[int, dict[str, str]]):
    """A server that is not playlake: gives those answers, then the last one again and again."""

    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            status, headers = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in ({"content-length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def serving(*answers):
    with ThreadingHTTPServer(("127.0.0.1", 0), answering(*answers)) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


ONE = Pace(threads=1, pause_seconds=0.005)
REFUSED = (503, {"retry-after": "5"})


def test_a_ledger_has_what_was_answered_200_and_nothing_else():
    load = Load(1, ONE)
    with serving(REFUSED) as url, load.running(url):
        time.sleep(0.2)
    assert load.acknowledged == set()
    assert load.refused > 1


def test_what_was_refused_or_not_heard_is_sent_again_and_then_counts():
    load = Load(1, ONE)
    with load.running(f"http://127.0.0.1:{free_port()}"):
        time.sleep(0.1)
    unheard = load.sent
    load.expect_answer(time.monotonic())
    with serving(REFUSED, (200, {})) as url, load.running(url):
        assert load.recovered(5) < 5
        time.sleep(0.5)
    assert unheard > 0
    assert "0" in {event_id.split("-")[1] for event_id in load.acknowledged}


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), (400, {})])
def test_an_answer_that_no_contract_knows_ends_the_run(answer):
    with (
        pytest.raises(Unkept, match=f"answered {answer[0]}"),
        serving(answer) as url,
        Load(1, ONE).running(url),
    ):
        time.sleep(0.2)


def test_an_answer_to_a_request_from_before_is_no_recovery():
    load = Load(1, ONE)
    load.expect_answer(time.monotonic() + 60)
    with serving((200, {})) as url, load.running(url), pytest.raises(Unkept):
        load.recovered(0.2)
    assert load.acknowledged


def test_a_load_is_of_all_tables_and_of_several_days_and_sends_some_again():
    load = Load(1)
    made = [event for _ in range(400) for event in load._events()]
    ids = [event["event_id"] for event in made]
    assert {table_of(each) for each in ids} == {
        "video_play_events",
        "video_player_events",
        "custom_events",
        "rejected_events",
    }
    assert len({day_of(each) for each in ids}) > 5
    assert len(ids) > len(set(ids)) > 0.9 * len(ids)


def test_a_process_that_ends_by_itself_or_not_at_all_is_noticed(tmp_path, monkeypatch):
    with Server(tmp_path / "data", command=("false",)) as running:
        running.start()
        running._process.wait()
        with pytest.raises(Unkept, match="ended by itself, 1"):
            running.kill()
        with pytest.raises(Unkept, match="it ended 1"):
            running.stop()
    monkeypatch.setattr(server, "STOP_SECONDS", 0.2)
    deaf = ("sh", "-c", "trap '' TERM; echo Traceback; while :; do sleep 0.1; done")
    with Server(tmp_path / "data", command=deaf) as running:
        running.start()
        while "Traceback" not in running.said():
            time.sleep(0.02)
        with pytest.raises(Unkept, match="does not end"):
            running.stop()
        with pytest.raises(Unkept, match="stumbled"):
            running.must_not_have_stumbled()


def test_a_row_tells_of_a_lake_that_lacks_or_doubles_what_was_acknowledged():
    assert tallied({"a", "b"}, server.Counter(["a", "a", "c"])) == (1, 1)


def test_an_event_lies_where_the_contract_says_whatever_the_clock():
    day, years = "2016-11-26", clocks.TEN_YEARS
    behind = Spell(-years, frozenset({day}), frozenset())
    ahead = Spell(years, frozenset({"2036-11-21"}), frozenset())
    assert behind.places("click-7-2026-11-20") == {("custom_events", day, True)}
    assert ahead.places("click-7-2026-11-20") == {("custom_events", "2026-11-20", False)}
    assert behind.places("broken-7-2026-11-20") == {("rejected_events", day, False)}
    assert timedelta() < years


def test_a_full_disk_takes_nothing_more_until_it_has_space():
    try:
        with disk.small_disk(4) as small:
            (small.path / "file").write_bytes(bytes(100_000))
            small.fill(spare_bytes=0)
            with pytest.raises(OSError, match="No space left"):
                (small.path / "more").write_bytes(bytes(100_000))
            small.clear()
            (small.path / "more").write_bytes(bytes(100_000))
    except Lacking as error:
        lacking(str(error))


def test_rude_clients_leave_a_server_as_it_was(dev):
    rude = Rude(int(dev.url.rsplit(":", 1)[1]), seed=1)
    with rude.running():
        deadline = time.monotonic() + 20
        while len(rude.met) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert set(rude.met) == {"slow", "hang_up", "garbage", "not_json", "too_large"}
    assert dev.post({"action": "click"}).status_code == 200


def test_a_rude_client_that_is_answered_200_ends_the_run():
    with (
        pytest.raises(Unkept, match=r"answered b'HTTP/1\.1 200"),
        answering_anything() as port,
        Rude(port, seed=1).running(),
    ):
        time.sleep(3)


@contextmanager
def answering_anything():
    def run():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                connection.recv(100_000)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=run, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_memory_that_grows_is_told_from_spikes_and_from_a_warm_up():
    flat = Memory([(5.0 * at, min(100 + at, 150) + 30 * (at % 7 == 0)) for at in range(400)])
    assert abs(flat.growth) < 0.01
    assert abs(flat.slope) < 1
    leaking = Memory([(at, held + 0.05 * at) for at, held in flat.samples])
    assert leaking.slope == pytest.approx(180, abs=5)
    with pytest.raises(Unkept, match="grows by"):
        soak._must_be_flat(leaking)
    soak._must_be_flat(flat)


GOOD = Row("killed", 500, 1_234_567, 0, 0, (1.5, 2.5, 200.0), "start-up 3 | delivery 4")
BAD = Row("clock", 20, 99, 1, 0)


def test_a_whole_run_has_the_page_to_itself_and_a_part_of_one_leaves_the_rest():
    page = "before\n<!-- rows: make torture -->\nNot run yet.\n<!-- rows end -->\nafter\n"
    whole = rewritten(page, [GOOD, BAD], "Today.", whole=True)
    assert whole.startswith("before\n")
    assert whole.endswith("\nafter\n")
    assert "Today." in whole
    assert "Not run yet" not in whole
    assert (
        "| killed | 500 | 1,234,567 | 0 | 0 | 2.5 s | 3 min | start-up 3 \\| delivery 4 |\n"
        "| clock | 20 | 99 | 1 | 0 |  |  |  |\n"
    ) in whole
    mended = rewritten(whole, [Row("clock", 20, 99, 0, 0)], "Tomorrow.", whole=False)
    assert mended == whole.replace("| 99 | 1 |", "| 99 | 0 |")


def test_the_page_has_a_place_for_the_rows_and_names_each_local_fault():
    text = PAGE.read_text()
    assert rewritten(text, [], "", whole=False).count("<!-- rows") == 2
    for fault in (*killed.FAULTS, *stopped.FAULTS, *full_disk.FAULTS, *clocks.FAULTS):
        assert f"\n| {fault.name} | " in text


def run_of(*rows: Row, error: Exception | None = None) -> Run:
    """A run of one fault that gives those rows, then raises."""

    def cause(_times: int, _seed: int):
        yield from rows
        if error:
            raise error

    run = Run(server_console(), seed=1)
    run.cause(Fault("something", 1, cause), 1)
    return run


def server_console():
    from io import StringIO

    from rich.console import Console

    return Console(file=StringIO(), width=400)


def test_a_run_fails_by_a_loss_a_double_or_an_error(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert not run_of(GOOD).failed
    assert run_of(GOOD, BAD).failed
    assert run_of(Row("x", 1, 1, 0, 1)).failed
    assert run_of(GOOD, error=Unkept("it fell over")).failed
    assert "it fell over" in run_of(error=Unkept("it fell over")).console.file.getvalue()


def test_what_a_machine_lacks_is_said_and_fails_in_ci_alone(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run = run_of(error=Lacking("there is no compiler"))
    assert "something is not caused here: there is no compiler" in run.console.file.getvalue()
    assert not run.failed
    monkeypatch.setenv("CI", "true")
    assert run_of(error=Lacking("there is no compiler")).failed


def test_a_quick_run_causes_a_tenth_at_least_once():
    assert times_of(Fault("x", 500, run_of), quick=True, minutes=None) == 50
    assert times_of(Fault("x", 3, run_of), quick=True, minutes=None) == 1
    assert times_of(soak.FAULTS[0], quick=True, minutes=None) == QUICK_SOAK_MINUTES
    assert times_of(soak.FAULTS[0], quick=False, minutes=7) == 7


def test_a_row_is_shown_with_all_that_it_has():
    console = server_console()
    show(GOOD, console)
    assert console.file.getvalue() == (
        "killed: 500 times, 1,234,567 events acknowledged, 0 lost, 0 doubled;"
        " recovery 2.5 s, at the most 3 min; start-up 3 | delivery 4\n"
    )


def test_the_faults_have_names_of_their_own(capsys):
    assert main(["--list"]) == 0
    names = capsys.readouterr().out.split()
    assert len(names) == len(set(names)) == len(FAULTS)
    assert {"killed", "sigterm", "clock", "full-disk", "soak", "crash-points"} <= set(names)
