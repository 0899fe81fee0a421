"""Whatever stands in a payload, a source's reader says what it read or what is wrong, and never breaks."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from bot.alerts.told import Malformed, Told, cleaned
from bot.core.alerts import Alert
from bot.web.server import build, serving
from bot.web.webhooks import SOURCES, Webhooks
from tests.alerts.payloads import PAYLOADS, SECRET, encoded, proof

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
def spoilt(draw: st.DrawFn, source: str, of: st.SearchStrategy[Any] = JSON) -> dict[str, Any]:
    """The documented payload with something else in up to three places."""
    payload: dict[str, Any] = copy.deepcopy(PAYLOADS[source])
    chosen = draw(st.lists(st.sampled_from(places(payload)), max_size=3, unique=True))
    for *path, last in sorted(chosen, key=len, reverse=True):  # the innermost first, while they are there
        target: Any = payload
        for step in path:
            target = target[step]
        target[last] = draw(of)
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


PLANTED = "hunter22"


@pytest.mark.parametrize("source", list(PAYLOADS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_payload_breaks_the_route_or_brings_a_secret_into_the_store(source: str, data: st.DataObject) -> None:
    secret = st.text(max_size=400).map(lambda text: f"{text} {PLANTED}")
    payloads = data.draw(st.lists(spoilt(source, JSON | secret), max_size=8))

    taken, answers = asyncio.run(sent(source, payloads))

    assert {status for status, _ in answers} <= {200, 422}
    assert PLANTED not in repr(taken)
    assert PLANTED not in repr(answers)


async def sent(source: str, payloads: Sequence[object]) -> tuple[list[Alert], list[tuple[int, str]]]:
    """What is stored of some requests, and how they are answered."""
    taken: list[Alert] = []

    async def take(alerts: Sequence[Alert]) -> Collection[tuple[str, str]]:
        taken.extend(alerts)
        return ()

    webhooks = Webhooks(
        take,
        secrets={source: SECRET},
        clock=lambda: NOW,
        redact=lambda text: text.replace(PLANTED, "[masked]"),
        metrics=CollectorRegistry(),
    )
    app = build(slack=None, checks={}, metrics=CollectorRegistry(), webhooks=webhooks)
    answers = []
    async with serving(app, host="127.0.0.1", port=0) as port, aiohttp.ClientSession() as session:
        for payload in payloads:
            body = encoded(payload)
            headers = {"Content-Type": "application/json", **proof(source, body, at=NOW)}
            async with session.post(f"http://127.0.0.1:{port}/webhooks/{source}", data=body, headers=headers) as answer:
                answers.append((answer.status, await answer.text()))
    return taken, answers
