"""What Hypothesis tries: requests that it makes, each through the collector and the transform."""

import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from events.registry import REGISTRY
from tests.records import ARRIVED, LAB_PLAY, MAC_CHROME
from tests.torture import fuzz_collect, fuzz_transform
from tests.torture.fuzz_run import taken
from tests.torture.hostile import strings, texts

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([*strings(), ARRIVED, ARRIVED // 1000, 0, 1, "video_play", MAC_CHROME])
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from(
    [field.name for each in REGISTRY.types for field in each.fields]
    + ["type", "event", "action", "event_id", "received_at", "user_agent", "referer", "dt", ""]
)
_members = st.dictionaries(_names | st.text(max_size=8), _values, max_size=5)
_objects = _members | _members.map(lambda changes: LAB_PLAY | changes)


@st.composite
def _written(draw: st.DrawFn) -> bytes:
    """Some objects as a body, or any other text."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=40))
    if kind == 1:
        return draw(st.sampled_from([text.encode() for text in texts().values()]))
    found: Any = draw(st.lists(_objects, max_size=4)) if kind < 6 else draw(_objects)
    # Half a surrogate pair has no UTF-8, but an escape.
    escaped = draw(st.booleans())
    text = json.dumps(found, ensure_ascii=escaped, indent=draw(st.sampled_from([None, 1])))
    return text.encode("utf-8", "surrogatepass")


_cases = st.tuples(st.binary(min_size=fuzz_collect.HEAD, max_size=fuzz_collect.HEAD), _written())


def examine(examples: int, seed: int) -> int:
    """Try so many; returns how many events came of them. Raises what Hypothesis found, shrunk."""
    events = 0

    @seeded(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases)
    def law(case: tuple[bytes, bytes]) -> None:
        nonlocal events
        head, body = case
        # The collector's records go through the transform too; every third goes there as it is.
        module = fuzz_transform if head[0] % 3 == 0 else fuzz_collect
        whole = head[: module.HEAD] + body
        tally = taken(module, [whole]).batch.settle()
        assert (tally.lost, tally.doubled) == (0, 0), whole
        events += tally.events

    law()
    return events
