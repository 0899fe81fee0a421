"""Whatever stands in a payload, a source's reader says what it read or what is wrong, and never breaks."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts.told import Malformed, Told, cleaned
from bot.web.webhooks import SOURCES
from tests.alerts.payloads import PAYLOADS

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a payload."""
    found = [at] if at else []
    if isinstance(value, dict):
        for name, each in value.items():
            found += places(each, (*at, name))
    if isinstance(value, list):
        for number, each in enumerate(value):
            found += places(each, (*at, number))
    return found


@st.composite
def spoilt(draw: st.DrawFn, source: str) -> dict[str, Any]:
    """The documented payload with something else in up to three places."""
    payload: dict[str, Any] = copy.deepcopy(PAYLOADS[source])
    chosen = draw(st.lists(st.sampled_from(places(payload)), max_size=3, unique=True))
    for *path, last in sorted(chosen, key=len, reverse=True):  # the innermost first, while they are there
        target: Any = payload
        for step in path:
            target = target[step]
        target[last] = draw(JSON)
    return payload


@pytest.mark.parametrize("source", list(PAYLOADS))
@given(data=st.data())
def test_a_payload_with_anything_in_it_is_read_or_refused(source: str, data: st.DataObject) -> None:
    payload = json.loads(json.dumps(data.draw(spoilt(source) | st.dictionaries(st.text(max_size=8), JSON, max_size=4))))
    try:
        told = SOURCES[source].read(payload, now=NOW)
    except Malformed:
        return
    assert isinstance(told, Told)
    for alert in (cleaned(each, str.lower) for each in (*told.alerts, *told.besides)):
        for text, most in ((alert.title, 300), (alert.fingerprint, 255), (alert.group, 255), (alert.text, 2000)):
            assert len(text) <= most
            assert b"\0" not in text.encode()
        assert alert.started_at.tzinfo
