"""The S3 store when S3 is busy, refuses or falls silent. What every store does: test_stores."""

from collections.abc import Iterator

import pytest
from botocore.config import Config
from botocore.session import Session

from events.errors import SettingsError, StoreUnavailable
from tests.s3_double import CONFLICT, DENIED, SLOW_DOWN, CutShort, LoseAnswer, Refuse, S3Double
from transform.drivers import s3_store
from transform.drivers.s3_store import S3Store
from transform.settings import open_store
from transform.store import Stale


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Double]:
    """S3, where the transform's environment leads to."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # botocore's own pauses between tries, which it takes no clock for.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with S3Double() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
        yield running


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def store(double: S3Double, slept: list[float]) -> S3Store:
    """One whose pauses take no time, and are as long as they can be."""
    by_path = Config(s3={"addressing_style": "path"})  # else the bucket is the host's first label
    client = Session().create_client("s3", config=s3_store.CONFIG.merge(by_path))
    return S3Store("lake", "t", client, sleep=slept.append, random=lambda: 1.0)


def test_a_write_that_conflicts_with_another_is_tried_again_after_longer_pauses(
    store, double, slept
):
    double.faults.extend([CONFLICT] * 6)
    store.put("a", b"rows")
    assert double.objects == {"/lake/t/a": b"rows"}
    assert slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0])


def test_a_write_that_lost_the_conflict_is_success_and_the_first_object_stays(store, double):
    double.objects["/lake/t/a"] = b"first"
    double.faults.append(CONFLICT)
    store.put("a", b"second")
    assert double.objects == {"/lake/t/a": b"first"}
    assert double.requests == 2


def test_a_save_whose_answer_was_lost_finds_its_own_and_a_stale_one_says_so(store, double):
    first = store.save("a", b"1", None)
    double.faults.append(LoseAnswer())
    second = store.save("a", b"2", first)  # botocore's second try meets the first's object
    assert store.load("a") == second
    with pytest.raises(Stale):
        store.save("a", b"late", first)
    assert double.objects == {"/lake/t/a": b"2"}


def test_a_conflict_that_stays_is_unavailable_in_the_end(store, double, slept):
    double.faults.extend([CONFLICT] * 100)
    with pytest.raises(StoreUnavailable, match=r"s3://lake/t/a: .*under way"):
        store.put("a", b"rows")
    assert double.requests == 8
    assert len(slept) == 7


@pytest.mark.parametrize(
    "fault",
    [SLOW_DOWN, Refuse(500, "InternalError"), Refuse(503, "ServiceUnavailable"), LoseAnswer()],
)
def test_a_passing_fault_is_botocores_to_try_again(store, double, slept, fault):
    double.faults.extend([fault] * 4)
    store.put("a", b"rows")
    assert double.objects == {"/lake/t/a": b"rows"}
    assert double.requests == 5
    assert slept == []


def test_an_overload_that_stays_is_unavailable_after_five_calls(store, double):
    double.faults.extend([SLOW_DOWN] * 100)
    with pytest.raises(StoreUnavailable, match=r"cannot write s3://lake/t/a: .*SlowDown"):
        store.put("a", b"rows")
    assert double.requests == 5
    assert double.objects == {}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda store: store.put("a", b""), "cannot write .*Allow this role s3:PutObject on it"),
        (
            lambda store: store.get("a"),
            "cannot read .*Allow this role s3:GetObject on it, and",
        ),
        (lambda store: list(store.keys("a")), "cannot list .*s3:ListBucket on the bucket"),
        (lambda store: store.delete("a"), "cannot delete .*Allow this role s3:DeleteObject on it"),
    ],
    ids=["put", "get", "keys", "delete"],
)
def test_a_refusal_names_the_action_to_allow_and_is_not_tried_again(store, double, call, sentence):
    double.faults.append(DENIED)
    with pytest.raises(StoreUnavailable, match=sentence):
        call(store)
    assert double.requests == 1


def test_an_object_that_is_cut_short_is_unavailable_rather_than_shorter(store, double):
    store.put("a", b"rows" * 1_000)
    double.faults.append(CutShort())
    with pytest.raises(StoreUnavailable, match="cannot read s3://lake/t/a"):
        store.get("a")
    assert store.get("a") == b"rows" * 1_000


def test_the_store_of_a_url_has_the_drivers_timeouts_and_retries(double, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    settings = tmp_path / "config"
    settings.write_text("[default]\ns3 =\n  addressing_style = path\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    double.faults.extend([SLOW_DOWN] * 4)
    open_store("s3://lake/t").put("a", b"rows")
    assert double.objects == {"/lake/t/a": b"rows"}


def test_a_profile_that_does_not_exist_is_a_setting_to_mend(double, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SettingsError, match="nobody"):
        open_store("s3://lake/t")


def test_the_region_is_that_of_aws_region_as_it_is_for_every_other_tool(double, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    with pytest.raises(KeyError):
        S3Store("lake", "t").get("a")
    assert "/eu-west-3/s3/aws4_request" in double.signed
