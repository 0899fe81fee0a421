from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet
from bot.core.parts import State
from bot.core.results import Digest
from bot.digests.digest import CLAIMED, FIRST_SEEN, POSTED, SKIPPED, Digests
from bot.digests.schedules import Schedule, Schedules
from bot.store.postgres import Postgres
from tests.conftest import AUDIT_KEY, Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeChat, FakeProcesses, service, worker

BERLIN = "Europe/Berlin"
DAILY = Schedule("daily", "C0OPS", "gateway", "daily 09:00", BERLIN, timedelta(hours=6))
FLEET = Fleet((service(processes=FakeProcesses((worker(0),))),))
KEY = "digest:daily:2026-03-02T09:00"


@pytest.fixture
def clock() -> SetClock:
    """Monday 08:00 in Berlin."""
    return SetClock(datetime(2026, 3, 2, 7, 0, tzinfo=UTC))


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def digests(store: Postgres, chat: FakeChat, clock: SetClock) -> Digests:
    return made(DAILY, store, FLEET, chat, clock)


@pytest.fixture
async def replica(database: str, deferred: Deferred, chat: FakeChat, clock: SetClock) -> AsyncIterator[Digests]:
    """A second bot on the same database."""
    async with Postgres.open(database, defer=deferred, audit_key=AUDIT_KEY) as store:
        yield made(DAILY, store, FLEET, chat, clock)


async def states(store: Postgres) -> list[tuple[str, str]]:
    """Slots with their states, oldest first."""
    async with store.transaction() as tx:
        return [(row.slot, row.state) for row in reversed(await tx.slots.recent("daily"))]


async def run_jobs(digests: Digests, deferred: Deferred) -> None:
    jobs, deferred.jobs[:] = list(deferred.jobs), []
    for job in jobs:
        await digests.post(str(job.args["schedule"]), str(job.args["slot"]))


def only_post(chat: FakeChat) -> Digest:
    (digest,) = [posted for posted in chat.posted("C0OPS") if isinstance(posted, Digest)]
    return digest


async def test_a_slot_is_claimed_when_it_has_come_and_not_before(
    digests: Digests, store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(minutes=59, seconds=59)))
    before = list(deferred.jobs)
    await digests.tick(clock.advance(timedelta(seconds=1)))
    await digests.tick(clock.advance(timedelta(seconds=1)))

    assert before == []
    assert [job.args for job in deferred.jobs] == [{"schedule": "daily", "slot": "2026-03-02T09:00"}]
    assert await states(store) == [("2026-03-02T08:00", FIRST_SEEN), ("2026-03-02T09:00", CLAIMED)]


@pytest.mark.row("K5")
async def test_a_digest_says_what_was_checked_and_nothing_of_being_late(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    await run_jobs(digests, deferred)

    digest = only_post(chat)
    assert digest.state is State.OK
    assert digest.notes == ()
    assert (await states(store))[-1] == ("2026-03-02T09:00", POSTED)
    async with store.transaction() as tx:
        last, head = await tx.slots.last("daily"), await tx.audit.head()
    assert last
    assert last.shown == digest
    assert {check for check in last.checks if check.state is not State.OK} == set(digest.eyes)
    assert head
    assert head.data == {"schedule": "daily", "slot": "2026-03-02T09:00", "state": POSTED}


async def test_two_replicas_claim_and_post_a_slot_once(
    digests: Digests, replica: Digests, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await asyncio.gather(digests.tick(clock()), replica.tick(clock()))
    clock.advance(timedelta(hours=1))
    await asyncio.gather(*(bot.tick(clock()) for bot in (digests, replica, digests, replica)))

    assert len(deferred.jobs) == 1

    await run_jobs(digests, deferred)
    await replica.post("daily", "2026-03-02T09:00")

    only_post(chat)


async def test_a_post_whose_record_was_lost_is_found_and_not_posted_again(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    posted = await chat.post("C0OPS", Digest("as posted before the kill", State.OK, "", clock()), key=KEY)

    await run_jobs(digests, deferred)

    assert only_post(chat).title == "as posted before the kill"
    async with store.transaction() as tx:
        last = await tx.slots.last("daily")
    assert last
    assert (last.state, last.message) == (POSTED, posted)


async def test_a_slot_stays_claimed_as_long_as_slack_refuses(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    chat.refuses["post"] = "not_in_channel"

    with pytest.raises(IntegrationError):
        await run_jobs(digests, deferred)
    refused = (await states(store))[-1]
    chat.refuses.clear()
    await digests.post("daily", "2026-03-02T09:00")

    assert refused == ("2026-03-02T09:00", CLAIMED)
    assert (await states(store))[-1] == ("2026-03-02T09:00", POSTED)


async def test_a_slot_missed_by_less_than_the_grace_is_posted_late_and_says_so(
    digests: Digests, replica: Digests, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await replica.tick(clock.advance(timedelta(hours=4)))
    await run_jobs(replica, deferred)

    assert only_post(chat).notes == ("Late: this was due at 2026-03-02 09:00 (Europe/Berlin).",)


async def test_slots_older_than_the_grace_are_skipped_and_the_next_one_says_so(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(days=1, hours=14)))
    skipped = list(deferred.jobs)
    await digests.tick(clock.advance(timedelta(hours=11)))
    await run_jobs(digests, deferred)

    assert skipped == []
    assert [state for _, state in await states(store)] == [FIRST_SEEN, SKIPPED, SKIPPED, POSTED]
    assert only_post(chat).notes == ("Missed and not posted: 2 before this, the first of 2026-03-02 09:00.",)


async def test_a_slot_whose_job_failed_for_good_is_told_by_the_next_digest_and_not_by_the_one_after(
    digests: Digests, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    deferred.jobs.clear()  # the queue has given it up
    notes = []
    for _ in range(2):
        await digests.tick(clock.advance(timedelta(days=1)))
        await run_jobs(digests, deferred)
        posted = [each for each in chat.posted("C0OPS") if isinstance(each, Digest)][-1]
        notes.append(str(posted.notes))

    assert "Begun and not posted so far: 1 before this, the first of 2026-03-02 09:00" in notes[0]
    assert "not posted" not in notes[1]


async def test_of_several_slots_within_the_grace_only_the_last_is_posted(
    store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    hourly = Schedule("daily", "C0OPS", "gateway", "0 * * * *", BERLIN, timedelta(hours=6))
    digests = made(hourly, store, FLEET, chat, clock)
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=3)))
    await run_jobs(digests, deferred)

    assert [state for _, state in await states(store)] == [FIRST_SEEN, SKIPPED, SKIPPED, POSTED]
    assert "2 before this, the first of 2026-03-02 09:00" in str(only_post(chat).notes)


async def test_a_job_that_comes_to_run_after_the_grace_posts_nothing(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    clock.advance(timedelta(hours=7))
    await run_jobs(digests, deferred)

    assert chat.messages == {}
    assert (await states(store))[-1] == ("2026-03-02T09:00", SKIPPED)


async def test_the_job_of_a_schedule_that_is_gone_posts_nothing(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    await run_jobs(made(Schedules(), store, FLEET, chat, clock), deferred)

    assert chat.messages == {}
    assert (await states(store))[-1] == ("2026-03-02T09:00", SKIPPED)


async def test_the_head_of_the_audit_chain_is_published_in_the_digest(
    digests: Digests, store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred
) -> None:
    async with store.transaction() as tx:
        await tx.audit.append(at=clock(), actor="U0ANA", kind="command", data={})
    async with store.transaction() as tx:
        head = await tx.audit.head()
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(hours=1)))
    await run_jobs(digests, deferred)

    assert head
    assert only_post(chat).notes == (f"Audit chain: head {head.seq}:{head.mac}.",)
