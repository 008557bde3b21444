"""One behaviour suite for every driver of the store port."""

import errno
import os
import subprocess
import sys
import textwrap

import boto3
import pytest

from events.errors import StoreUnavailable
from tests.moto_server import moto
from transform.drivers.file_store import FileStore
from transform.drivers.s3_store import S3Store
from transform.store import Stale


@pytest.fixture(scope="module")
def s3():
    with moto() as url:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture(params=["file", "s3"])
def store(request, tmp_path):
    if request.param == "file":
        return FileStore(tmp_path / "store")
    client = request.getfixturevalue("s3")
    return S3Store("lake", request.node.name.replace("[", "-").strip("]"), client)


def test_what_was_put_is_there(store):
    store.put("a/b/c.bin", b"\x00data")
    assert store.get("a/b/c.bin") == b"\x00data"


def test_putting_it_again_is_success(store):
    store.put("a/b", b"same")
    store.put("a/b", b"same")
    assert store.get("a/b") == b"same"
    assert list(store.keys()) == ["a/b"]


def test_what_was_never_put_is_a_key_error(store):
    with pytest.raises(KeyError, match="a/b"):
        store.get("a/b")


@pytest.mark.parametrize("data", [b"", b"0123456789"])
@pytest.mark.parametrize("start", [0, 3, -4, -10, -30])
@pytest.mark.parametrize("length", [1, 4, 30])
def test_a_part_is_what_lies_there_and_the_size_of_the_whole(store, data, start, length):
    store.put("a/b", data)
    begin = start if start >= 0 else max(0, len(data) + start)
    assert store.get_part("a/b", start, length) == (data[begin : begin + length], len(data))
    with pytest.raises(KeyError, match="a/c"):
        store.get_part("a/c", start, length)


def test_keys_are_those_with_the_prefix_in_order(store):
    for key in ("b/2", "b/10", "a/1", "b-c/1", "b/d/e"):
        store.put(key, b"")
    assert list(store.keys()) == ["a/1", "b-c/1", "b/10", "b/2", "b/d/e"]
    assert list(store.keys("b/")) == ["b/10", "b/2", "b/d/e"]
    assert list(store.keys("b/1")) == ["b/10"]
    assert list(store.keys("nowhere/")) == []


def test_what_was_deleted_is_gone_and_deleting_it_again_is_success(store):
    store.put("a", b"")
    store.delete("a")
    store.delete("a")
    assert list(store.keys()) == []


def test_a_bucket_that_is_not_there_is_unavailable(s3):
    gone = S3Store("nowhere", "", s3)
    with pytest.raises(StoreUnavailable, match="cannot write s3://nowhere/a"):
        gone.put("a", b"")
    with pytest.raises(StoreUnavailable, match="cannot list s3://nowhere/"):
        list(gone.keys())


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path, monkeypatch, code):
    store = FileStore(tmp_path)
    store.put("a/b/c", b"")

    def failing(_folder):
        raise OSError(code, os.strerror(code), str(tmp_path / "a"))

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", failing)
        with pytest.raises(StoreUnavailable, match=f"cannot list .*/a: {os.strerror(code)}"):
            list(store.keys("a/"))
    assert list(store.keys("a/")) == ["a/b/c"]


def test_what_is_no_object_is_not_listed(tmp_path):
    store = FileStore(tmp_path)
    store.put("a/1", b"data")
    (tmp_path / "a" / "folder").mkdir()
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "a" / "pipe")
    (tmp_path / ".writing" / "half").write_bytes(b"")
    assert [(each.key, each.bytes) for each in store.entries()] == [("a/1", 4)]
    assert list(store.keys("a/1/")) == list(store.keys(".writing/")) == []


def test_the_object_that_was_there_first_stays(store):
    """Keys derive from content: whoever comes second brings the same rows."""
    store.put("a", b"first")
    store.put("a", b"second")
    assert store.get("a") == b"first"


def test_an_object_that_changes_is_what_was_saved_last(store):
    assert store.load("a/b.json") is None
    first = store.save("a/b.json", b"1", None)
    assert store.load("a/b.json") == first
    second = store.save("a/b.json", b"2", first)
    assert store.load("a/b.json") == second
    assert second.data == b"2"


def test_of_two_that_saw_the_same_version_one_is_stale(store):
    store.save("a", b"1", None)
    mine, theirs = store.load("a"), store.load("a")
    store.save("a", b"mine", mine)
    with pytest.raises(Stale):
        store.save("a", b"theirs", theirs)
    with pytest.raises(Stale):
        store.save("a", b"new", None)
    store.delete("a")
    with pytest.raises(Stale):
        store.save("a", b"late", mine)
    assert store.load("a") is None


COUNTER = """
    import sys
    from pathlib import Path
    from transform.drivers.file_store import FileStore
    from transform.store import Stale
    store, name, done = FileStore(Path(sys.argv[1])), sys.argv[2], 0
    while done < 50:
        seen = store.load("count")
        try:
            store.save("count", b"%d %s" % (int(seen.data.split()[0]) + 1, name.encode()), seen)
        except Stale:
            continue
        done += 1
"""


def test_no_count_is_lost_between_processes(tmp_path):
    FileStore(tmp_path).save("count", b"0 none", None)
    counting = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(COUNTER), str(tmp_path), name])
        for name in ("a", "b", "c")
    ]
    assert [each.wait(60) for each in counting] == [0, 0, 0]
    assert FileStore(tmp_path).get("count").split()[0] == b"150"


WRITER = """
    import sys
    from pathlib import Path
    from transform.drivers.file_store import FileStore
    store = FileStore(Path(sys.argv[1]))
    print("ready", flush=True)
    for number in range(10**9):
        store.put(f"t/dt=1/part-{number}.parquet", b"%d" % (number % 10) * 3_000_000)
"""


def test_a_reader_never_sees_a_torn_file_however_the_writer_dies(tmp_path):
    for delay in (0.0, 0.01, 0.02, 0.05, 0.1):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)], stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(delay + 0.05)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        seen = list(FileStore(tmp_path).keys())
        assert seen
        for key in seen:
            data = FileStore(tmp_path).get(key)
            assert len(data) == 3_000_000
            assert len(set(data)) == 1
        assert all(path.parent.name == "dt=1" for path in tmp_path.rglob("*.parquet"))
