"""Events of incidents as another system gets them, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from bot.core.incidents import EVENT, Entry, Incident
from bot.core.signing import is_signed
from bot.incidents.outgoing import ATTEMPTS, ID, EventHook, IncidentEvents
from bot.jobs.due import sweep
from bot.store.postgres import Postgres
from integrations.http import HttpClient
from tests.conftest import Deferred, SetClock
from tests.waiting import until

SECRET = "s3cr3t-of-the-events-in-tests"


@dataclass
class Other:
    """The system that is told; it answers with `status`."""

    status: int = 200
    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hangs: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, text="thanks")


@pytest.fixture
async def other() -> AsyncIterator[Other]:
    other = Other()
    app = web.Application()
    app.router.add_post("/events", other.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    other.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    yield other
    await runner.cleanup()


@pytest.fixture
async def events(other: Other, store: Postgres, clock: SetClock) -> AsyncIterator[IncidentEvents]:
    async with HttpClient() as http:
        yield IncidentEvents(
            EventHook(other.url, SECRET), store, http, clock, lambda text: text.replace("hunter22", "[masked]")
        )


async def declare(store: Postgres, clock: SetClock, *, private: bool = False) -> Incident:
    """An incident with its first entry, and a note that concerns nobody else."""
    async with store.transaction() as tx:
        incident = await tx.incidents.declare(
            Incident(0, "Payments fail", "High", "open", "C1", "U0ANA", "U0ANA", clock(), private=private)
        )
        number = incident.number
        text = "Declared as High: hunter22"
        await tx.entries.add(Entry(f"declared:{number}", number, clock(), "U0ANA", "declared", text))
        await tx.entries.add(Entry(f"note:{number}:1", number, clock(), "U0BEN", "note", "we think it is X"))
        await tx.entries.add(Entry(f"declared:{number}", number, clock(), "U0ANA", "declared", "a double"))
    return incident


async def work(events: IncidentEvents, deferred: Deferred, clock: SetClock, *, wait: timedelta = timedelta(0)) -> int:
    """Do the jobs that are due after `wait`."""
    clock.advance(wait)
    await sweep(events.store, now=clock())
    jobs, deferred.jobs[:] = list(deferred.jobs), []
    for job in jobs:
        assert job.task == EVENT
        await events.deliver(**job.args)  # type: ignore[arg-type]  # as the queue hands them over
    return len(jobs)


async def test_an_event_is_sent_once_signed_with_its_id_and_without_secrets_and_notes_are_not(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await declare(store, clock)
    await work(events, deferred, clock)

    [(headers, body)] = other.got
    event = json.loads(body)
    assert headers[ID] == event["id"] == "declared:1"
    assert is_signed(SECRET, body, headers, now=clock())
    assert not is_signed("another secret", body, headers, now=clock())
    assert (event["event"], event["by"], event["text"]) == ("declared", "U0ANA", "Declared as High: [masked]")
    assert event["incident"] == {
        "number": 1,
        "title": "Payments fail",
        "severity": "High",
        "state": "open",
        "impact": "",
        "channel": "C1",
        "commander": "U0ANA",
        "private": False,
        "opened_at": clock().isoformat(),
        "resolved_at": None,
    }


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_what_is_not_taken_comes_again_with_the_same_id_until_it_is(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock, *, status: int
) -> None:
    await declare(store, clock)
    other.status = status
    await work(events, deferred, clock)
    early = await work(events, deferred, clock, wait=timedelta(seconds=4))
    await work(events, deferred, clock, wait=timedelta(seconds=1))
    other.status = 204
    await work(events, deferred, clock, wait=timedelta(seconds=10))
    late = await work(events, deferred, clock, wait=timedelta(days=1))

    assert [headers[ID] for headers, _ in other.got] == ["declared:1"] * 3
    assert (early, late) == (0, 0)


async def test_a_system_that_hangs_or_is_down_holds_up_nothing_and_gets_the_event_in_the_end(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await declare(store, clock)
    down = replace(events, hook=EventHook(f"http://127.0.0.1:{unused_port()}/events", SECRET))
    await work(down, deferred, clock)
    other.hangs = True
    delivery = asyncio.create_task(work(events, deferred, clock, wait=timedelta(seconds=5)))
    await until(lambda: len(other.got) == 1)
    async with asyncio.timeout(2), store.transaction() as tx:
        await tx.entries.add(Entry("resolved:1", 1, clock(), "U0ANA", "resolved", "over"))
    other.hangs = False
    await delivery
    await work(events, deferred, clock, wait=timedelta(seconds=10))

    assert [headers[ID] for headers, _ in other.got] == ["declared:1", "resolved:1", "declared:1"]


async def test_after_a_day_it_is_given_up_and_the_audit_says_so(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await declare(store, clock)
    other.status = 500
    began = clock()
    while await work(events, deferred, clock, wait=timedelta(hours=1)):
        pass

    async with store.transaction() as tx:
        head = await tx.audit.head()
    assert len(other.got) == ATTEMPTS
    assert clock() - began > timedelta(days=1)
    assert head
    assert head.data == {"incident": 1, "event": "declared:1", "state": "given up"}


@pytest.mark.parametrize("told", [False, True])
async def test_a_private_incident_is_told_only_where_that_is_configured(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock, *, told: bool
) -> None:
    await declare(store, clock, private=True)
    await work(replace(events, hook=EventHook(other.url, SECRET, private=told)), deferred, clock)

    assert len(other.got) == told


async def test_what_was_taken_out_of_the_record_and_what_nobody_wants_is_not_sent(
    events: IncidentEvents, other: Other, store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await declare(store, clock)
    await work(replace(events, hook=None), deferred, clock)
    async with store.transaction() as tx:
        await tx.entries.add(Entry("severity:1:1", 1, clock(), "U0ANA", "severity", "Low"))
        await tx.entries.drop("severity:1:1")
    await work(events, deferred, clock)

    assert other.got == []
