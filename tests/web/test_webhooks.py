"""Alerts as sources send them, over real HTTP into a real store."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.alerts import Alert, GroupView
from bot.core.errors import IntegrationError
from bot.store.batch import Batcher
from bot.store.postgres import Postgres
from bot.web.server import build, serving
from bot.web.webhooks import LARGEST, Webhooks
from tests.alerts.payloads import ALERTMANAGER, GENERIC, GRAFANA, JIRA, PAGERDUTY, PAYLOADS, SECRET, encoded, proof

SOURCES = tuple(PAYLOADS)


def now() -> datetime:
    return datetime.now(UTC)


def redact(text: str) -> str:
    return text.replace("hunter22", "[masked]")


@dataclass(slots=True)
class Ahead:
    """How far the intake's clock is ahead."""

    time: timedelta = timedelta()


class Hooks:
    """The bot's server, with what it stored."""

    def __init__(self, session: aiohttp.ClientSession, url: str, store: Postgres, ahead: Ahead) -> None:
        self.session, self.url, self.store, self.ahead = session, url, store, ahead

    async def send(
        self, source: str, payload: object, *, headers: Mapping[str, str] | None = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        body = payload if isinstance(payload, bytes) else encoded(payload)
        proven = proof(source, body) if headers is None else headers
        async with self.session.post(
            f"{self.url}/webhooks/{source}", data=body, headers={"Content-Type": kind, **proven}
        ) as response:
            return response.status, await response.json(content_type=None) if response.status != 404 else {}

    async def firing(self) -> tuple[GroupView, ...]:
        async with self.store.transaction() as tx:
            return await tx.alerts.firing(now=now())


@pytest.fixture
async def hooks(store: Postgres) -> AsyncIterator[Hooks]:
    ahead = Ahead()
    take = Batcher(store, Intake(AlertRules("C0OPS"), lambda: now() + ahead.time).take)
    async with (
        serve(
            Webhooks(
                take.add, secrets=dict.fromkeys(SOURCES, SECRET), clock=now, redact=redact, metrics=CollectorRegistry()
            )
        ) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Hooks(session, url, store, ahead)


@asynccontextmanager
async def serve(webhooks: Webhooks) -> AsyncIterator[str]:
    app = build(slack=None, checks={}, metrics=CollectorRegistry(), webhooks=webhooks)
    async with serving(app, host="127.0.0.1", port=0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("source", "group", "title", "level", "firing"),
    [
        ("alertmanager", "ProbeFailure", "BlackBox Probe Failure: https://server.example.org", "critical", 1),
        ("grafana", "team=blue", "This alert was triggered for zone us-1", "warning", 2),
        ("generic", "disks", "Disk almost full", "critical", 1),
        ("pagerduty", "PagerDuty: API Service", "A little bump in the road", "critical", 1),
        ("jira", "Jira: Integration1", "test alert", "warning", 1),
    ],
)
async def test_the_documented_payload_of_each_source_is_stored_before_it_is_answered(
    hooks: Hooks, *, source: str, group: str, title: str, level: str, firing: int
) -> None:
    status, answer = await hooks.send(source, PAYLOADS[source])

    assert (status, answer) == (200, {"stored": firing})
    [view] = await hooks.firing()
    assert (view.group.title, view.firing, view.group.channel) == (group, firing, "C0OPS")
    assert (view.worst[0].title, view.worst[0].level) == (title, level)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_stranger_gets_401_and_stores_nothing(hooks: Hooks, source: str) -> None:
    body = encoded(PAYLOADS[source])
    wrong = proof(source, body, secret="another secret of that length")
    for headers in ({}, wrong, {"Authorization": SECRET}, {"Authorization": f"Basic {SECRET}"}):
        status, answer = await hooks.send(source, body, headers=headers)
        assert (status, list(answer)) == (401, ["error"])
        assert SECRET not in str(answer)

    assert await hooks.firing() == ()


@pytest.mark.parametrize("source", ["pagerduty", "generic"])
async def test_a_signature_is_of_the_very_body(hooks: Hooks, source: str) -> None:
    headers = proof(source, encoded(PAYLOADS[source]))

    assert (await hooks.send(source, encoded(PAYLOADS[source]) + b" ", headers=headers))[0] == 401


async def test_an_old_signature_is_worth_nothing_and_the_secret_as_a_token_will_do(hooks: Hooks) -> None:
    body = encoded(GENERIC)
    old = proof("generic", body, at=now() - timedelta(minutes=6))

    assert (await hooks.send("generic", body, headers=old))[0] == 401
    assert (await hooks.send("generic", body, headers={"Authorization": f"Bearer {SECRET}"}))[0] == 200


async def test_a_source_without_a_secret_has_no_route() -> None:
    async def take(_: Sequence[Alert]) -> Collection[tuple[str, str]]:
        raise AssertionError

    webhooks = Webhooks(take, secrets={"jira": SECRET}, clock=now, redact=redact, metrics=CollectorRegistry())
    async with serve(webhooks) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/webhooks/grafana", json=GRAFANA) as response:
            assert response.status == 404
        async with session.get(f"{url}/webhooks/jira") as response:
            assert response.status == 405


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "no JSON"),
        (b"\xff\xfe{}", "application/json", 400, "no JSON"),
        (b"[" * 100_000, "application/json", 400, "no JSON"),
        (b"[]", "application/json", 400, "JSON object"),
        (b"alerts=1", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"{}", "application/json", 422, "alerts: has to be a list"),
        (b'{"alerts": {}}', "application/json", 422, "alerts: has to be a list"),
        (b'{"alerts": [], "extra": 1}', "application/json", 422, "extra: is not known"),
    ],
    ids=["cut", "bytes", "deep", "list", "form", "empty", "no list", "extra"],
)
async def test_what_is_no_batch_is_refused_with_a_word_on_why(
    hooks: Hooks, *, body: bytes, kind: str, status: int, said: str
) -> None:
    got, answer = await hooks.send("generic", body, kind=kind)

    assert got == status
    assert said in answer["error"]


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(hooks: Hooks) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 2**20 + 1):
            yield b"x" * 2**20

    for data in (BytesIO(b"x" * (LARGEST + 1)), trickle()):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"}
        async with hooks.session.post(f"{hooks.url}/webhooks/generic", data=data, headers=headers) as response:
            assert response.status == 413


@pytest.mark.parametrize("source", ["alertmanager", "grafana", "generic"])
async def test_a_bad_alert_costs_only_itself_and_the_fault_says_which_and_why(hooks: Hooks, source: str) -> None:
    payload = copy.deepcopy(PAYLOADS[source])
    good = len(payload["alerts"])
    payload["alerts"] = [{"title": 7, "secret": "hunter22"}, "no alert", None, *payload["alerts"]]

    status, answer = await hooks.send(source, payload)

    assert status == 422
    assert [fault.split(":")[0].split(".")[:2] for fault in answer["faults"]] == [["alerts", str(n)] for n in range(3)]
    assert "hunter22" not in str(answer)
    assert sum(view.firing for view in await hooks.firing()) == good


async def test_an_envelope_that_says_no_group_is_refused(hooks: Hooks) -> None:
    status, answer = await hooks.send("alertmanager", {**ALERTMANAGER, "groupKey": ""})

    assert (status, answer) == (422, {"error": "groupKey: String should have at least 1 character"})


async def test_an_alert_is_one_row_however_often_it_is_told_until_its_source_resolves_it(hooks: Hooks) -> None:
    for _ in range(3):
        await hooks.send("alertmanager", ALERTMANAGER)
    [view] = await hooks.firing()
    resolved = copy.deepcopy(ALERTMANAGER)
    resolved["status"] = resolved["alerts"][0]["status"] = "resolved"
    await hooks.send("alertmanager", resolved)

    assert (view.firing, view.ended, view.worst[0].times) == (1, 0, 3)
    assert await hooks.firing() == ()
    async with hooks.store.transaction() as tx:
        after = await tx.alerts.view(view.group.id, now=now())
    assert (after.firing, after.ended) == (0, 1)
    assert after.group.resolved_at


def at(minute: int) -> str:
    return f"2026-03-02T09:{minute:02}:00.123Z"


def notified(source: str, *, began: int, ended: int | None = None, cut_off: int = 0) -> dict[str, Any]:
    """A notification of all alerts of a group: since which minute they fire, or until which they did."""
    payload = copy.deepcopy(PAYLOADS[source])
    payload["status"] = "firing" if ended is None else "resolved"
    payload["truncatedAlerts"] = cut_off
    for alert in payload["alerts"]:
        alert |= {"status": payload["status"], "startsAt": at(began)}
        alert["endsAt"] = "0001-01-01T00:00:00Z" if ended is None else at(ended)
    return payload


AGAIN = {"error": "You have told the end of one of these: send it again."}
DATED = pytest.mark.parametrize("source", ["alertmanager", "grafana"])


@DATED
@pytest.mark.parametrize("cut_off", [0, 3])
async def test_a_late_word_of_what_has_ended_sets_nothing_firing_however_many_waited_together(
    hooks: Hooks, source: str, cut_off: int
) -> None:
    firing = notified(source, began=1, cut_off=cut_off)
    await hooks.send(source, firing)
    await hooks.send(source, notified(source, began=1, ended=5))
    hooks.ahead.time += timedelta(minutes=10)
    late = [await hooks.send(source, firing) for _ in range(3)]

    assert late == [(503, AGAIN)] * 3
    assert await hooks.firing() == ()


@DATED
async def test_what_its_source_goes_on_to_say_after_its_end_fires(hooks: Hooks, source: str) -> None:
    firing = notified(source, began=1)
    await hooks.send(source, firing)
    await hooks.send(source, notified(source, began=1, ended=5))
    first = await hooks.send(source, firing)
    hooks.ahead.time += timedelta(seconds=1)
    again = await hooks.send(source, firing)
    [view] = await hooks.firing()
    await hooks.send(source, notified(source, began=1, ended=9))

    assert (first, again[0]) == ((503, AGAIN), 200)
    assert view.firing == len(firing["alerts"])
    assert await hooks.firing() == ()


@DATED
async def test_what_fires_anew_after_its_end_fires_at_once(hooks: Hooks, source: str) -> None:
    await hooks.send(source, notified(source, began=1))
    await hooks.send(source, notified(source, began=1, ended=5))
    anew = await hooks.send(source, notified(source, began=6))
    late = await hooks.send(source, notified(source, began=1))
    [view] = await hooks.firing()

    assert (anew[0], late[0]) == (200, 200)
    assert view.firing == len(PAYLOADS[source]["alerts"])
    assert {f"{row.started_at:%H:%M}" for row in view.worst} == {"09:06"}


@DATED
async def test_a_late_end_of_the_time_before_ends_nothing_that_fires(hooks: Hooks, source: str) -> None:
    await hooks.send(source, notified(source, began=1))
    await hooks.send(source, notified(source, began=6))
    await hooks.send(source, notified(source, began=1, ended=5))
    still = await hooks.firing()
    await hooks.send(source, notified(source, began=6, ended=9))

    assert len(still) == 1
    assert await hooks.firing() == ()


@DATED
async def test_an_end_that_has_no_date_counts(hooks: Hooks, source: str) -> None:
    await hooks.send(source, notified(source, began=1))
    undated = notified(source, began=0, ended=1)
    for alert in undated["alerts"]:
        del alert["endsAt"]
    await hooks.send(source, undated)

    assert await hooks.firing() == ()


async def test_two_requests_at_once_make_one_group(hooks: Hooks) -> None:
    await asyncio.gather(*(hooks.send("grafana", GRAFANA) for _ in range(10)))

    [view] = await hooks.firing()
    assert (view.firing, view.worst[0].times) == (2, 10)


async def test_alerts_that_the_source_cut_off_are_told_of_as_one_that_ends_with_the_group(hooks: Hooks) -> None:
    await hooks.send("alertmanager", {**ALERTMANAGER, "truncatedAlerts": 12})
    [view] = await hooks.firing()
    async with hooks.store.transaction() as tx:
        rows = (await tx.alerts.view(view.group.id, now=now())).worst
    resolved = copy.deepcopy(ALERTMANAGER)
    resolved["status"] = resolved["alerts"][0]["status"] = "resolved"
    await hooks.send("alertmanager", resolved)

    assert "12 more alerts that alertmanager did not send" in [row.title for row in rows]
    assert await hooks.firing() == ()


def pagerduty(event_type: str, status: str, *, second: int) -> dict[str, Any]:
    payload = copy.deepcopy(PAGERDUTY)
    payload["event"] |= {"event_type": event_type, "occurred_at": f"2020-10-02T18:45:{second:02}Z"}
    payload["event"]["data"]["status"] = status
    return payload


async def test_pagerduty_says_who_is_on_it_and_a_late_copy_of_an_older_event_changes_nothing(hooks: Hooks) -> None:
    triggered = pagerduty("incident.triggered", "triggered", second=1)
    acknowledged = pagerduty("incident.acknowledged", "acknowledged", second=2)
    resolved = pagerduty("incident.resolved", "resolved", second=3)
    await hooks.send("pagerduty", triggered)
    await hooks.send("pagerduty", acknowledged)
    await hooks.send("pagerduty", triggered)
    [view] = await hooks.firing()
    await hooks.send("pagerduty", resolved)
    for late in (triggered, acknowledged, resolved):
        assert await hooks.send("pagerduty", late) == (200, {"stored": 1})

    assert view.worst[0].acknowledged_by == "Tenex Engineer in PagerDuty"
    assert await hooks.firing() == ()


@pytest.mark.parametrize("kind", ["pagey.ping", "service.updated", "incident.annotated"])
async def test_events_that_say_nothing_of_an_incident_are_taken_and_store_nothing(hooks: Hooks, kind: str) -> None:
    payload = copy.deepcopy(PAGERDUTY)
    payload["event"] |= {"event_type": kind, "data": {"id": "P2LA89X", "type": "incident_note", "content": "x"}}

    assert await hooks.send("pagerduty", payload) == (200, {"stored": 0})


def jira(action: str, *, updated: int) -> dict[str, Any]:
    payload = copy.deepcopy(JIRA)
    payload["action"] = action
    payload["alert"]["updatedAt"] = (1420452193166 + updated) * 10**6
    return payload


async def test_jira_says_who_is_on_it_and_a_note_opens_no_closed_alert_again(hooks: Hooks) -> None:
    await hooks.send("jira", jira("Create", updated=1))
    await hooks.send("jira", jira("Acknowledge", updated=2))
    [view] = await hooks.firing()
    await hooks.send("jira", jira("Close", updated=3))
    await hooks.send("jira", jira("AddNote", updated=4))

    assert view.worst[0].acknowledged_by == "fili@ifountain.com in Jira"
    assert await hooks.firing() == ()


async def test_secrets_are_taken_out_before_anything_is_stored(hooks: Hooks) -> None:
    alert = {**GENERIC["alerts"][0], "text": "login with hunter22", "labels": {"token": "hunter22"}}
    await hooks.send("generic", {"alerts": [{**alert, "title": "hunter22 leaks"}]})

    [view] = await hooks.firing()
    assert "hunter22" not in repr(view)
    assert view.worst[0].text == "login with [masked]"


async def test_a_secret_is_no_key_and_is_not_cut_in_half_either(hooks: Hooks) -> None:
    cut = {"title": "t" * 295 + "hunter22", "text": "x" * 1995 + "hunter22", "labels": {"l" * 295 + "hunter22": "v"}}
    alert = {"id": "disk hunter22", "group": "of hunter22", **cut}
    for state in ("firing", "firing", "resolved"):
        await hooks.send("generic", {"alerts": [{**alert, "state": state}, {**alert, "id": "other hunter22"}]})

    [view] = await hooks.firing()
    assert "hunt" not in repr(view)
    assert (view.firing, view.ended) == (1, 1)


async def test_what_is_longer_than_there_is_room_for_is_cut_and_odd_characters_survive(hooks: Hooks) -> None:
    alert = {
        "id": "\0" + "i" * 5000,
        "title": "t" * 5000,
        "text": "a\0b \ud800 \u202e" + "x" * 9000,
        "labels": {f"l{n}": "v" * 999 for n in range(99)} | {"nul": "\0"},
        "url": "https://" + "u" * 5000,
    }
    status, _ = await hooks.send("generic", {"alerts": [alert]})
    await hooks.send("generic", {"alerts": [{**alert, "state": "resolved"}]})

    assert status == 200
    assert await hooks.firing() == ()


async def test_characters_that_no_store_holds_do_not_make_two_of_one_alert_or_of_one_group(hooks: Hooks) -> None:
    alert = {"id": "a\0", "title": "t\0", "group": "g\0\udfff", "labels": {"l\0": "\0"}}
    for _ in range(2):
        assert await hooks.send("generic", {"alerts": [alert, {**alert, "id": "b"}]}) == (200, {"stored": 2})
    [view] = await hooks.firing()
    await hooks.send("generic", {"alerts": [{**alert, "state": "resolved"}, {**alert, "id": "b", "state": "resolved"}]})

    assert (view.firing, view.worst[0].times) == (2, 2)
    assert await hooks.firing() == ()


async def test_a_store_that_is_away_and_a_flood_ask_the_source_to_come_again() -> None:
    away = True

    async def take(_: Sequence[Alert]) -> Collection[tuple[str, str]]:
        if away:
            raise IntegrationError("The database does not answer.")
        return ()

    webhooks = Webhooks(
        take, secrets={"grafana": SECRET}, clock=now, redact=redact, metrics=CollectorRegistry(), rate=2
    )
    async with serve(webhooks) as url, aiohttp.ClientSession() as session:
        seen = []
        for _ in range(4):
            headers = {"Authorization": f"Bearer {SECRET}"}
            async with session.post(f"{url}/webhooks/grafana", json=GRAFANA, headers=headers) as response:
                seen.append((response.status, response.headers.get("Retry-After")))
            away = False

    assert seen == [(503, "5"), (200, None), (503, "5"), (503, "5")]
