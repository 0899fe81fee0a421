"""A digest and its thread are there once, whoever sleeps, dies or asks for it again in the middle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet
from bot.core.parts import State
from bot.core.permit import ask_permit, permitted_by
from bot.core.ports import MessageRef
from bot.core.readings import Reading
from bot.core.results import Result
from bot.core.schedules import Template
from bot.digests.digest import Digests
from bot.digests.schedules import Schedule
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeChat, FakeProcesses, service, worker

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SLOT = "2026-03-02T09:30"


@dataclass(slots=True)
class Sleepy(FakeChat):
    """A Slack on whose doorstep the bot falls asleep, permitted to post; `meanwhile` happens before it wakes."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        await ask_permit()
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        with permitted_by(_anything):
            return await FakeChat.post(self, channel, result, key=key, thread=thread)


async def _anything() -> None: ...


async def ready(store: Postgres, chat: FakeChat, clock: SetClock, *, template: Template = Template.DAILY) -> Digests:
    """A digest whose slot is claimed and not posted yet, of a service with a past that can be drawn."""
    async with store.transaction() as tx:
        await tx.readings.add(
            [Reading("gateway", "Success rate", NOW - timedelta(hours=each), State.OK, 99.0, "%") for each in range(99)]
        )
    plan = Schedule("daily", "C0OPS", "gateway", "daily 09:30", template=template)
    digests = made(plan, store, Fleet((service(processes=FakeProcesses((worker(0),))),)), chat, clock)
    clock.at = NOW
    await digests.tick(NOW)
    await digests.tick(clock.advance(timedelta(minutes=30)))
    return digests


def keys(chat: FakeChat) -> list[str]:
    return sorted(posted.key.removeprefix(f"digest:daily:{SLOT}") for posted in chat.messages.values())


async def test_who_slept_after_the_look_posts_nothing_once_another_has_taken_over(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    chat = FakeChat()
    digests = await ready(store, chat, clock)
    async with store.transaction() as tx:
        row = await tx.slots.last("daily")
        assert row
        asleep = await tx.slots.take(row.id)

    await digests.post("daily", SLOT)

    assert keys(chat) == ["", ":document"]
    async with store.transaction() as tx:
        with pytest.raises(Exception, match="Another replica posts this digest"):
            await tx.slots.permit(row.id, asleep)


async def test_who_slept_right_before_the_post_deletes_it_again_and_says_so(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    chat = Sleepy()
    digests = await ready(store, chat, clock)
    chat.meanwhile = lambda: digests.post("daily", SLOT)

    await digests.post("daily", SLOT)

    assert [posted.key for posted in chat.messages.values() if not posted.thread] == [f"digest:daily:{SLOT}"]
    assert keys(chat).count(":document") == 1
    assert len(chat.files) == len({file[1] for file in chat.files}) == 2
    assert "This came twice" in str(chat.posted("C0OPS"))
    async with store.transaction() as tx:
        (slot, _) = await tx.slots.recent("daily")
    assert slot.message in chat.messages


async def test_asked_for_again_the_thread_has_new_pictures_and_a_new_file_in_place_of_the_old(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    chat = FakeChat()
    digests = await ready(store, chat, clock, template=Template.PERFORMANCE)
    await digests.post("daily", SLOT)
    before = dict(chat.shared)
    async with store.transaction() as tx:
        await tx.readings.add([Reading("gateway", "Success rate", clock(), State.FAIL, 12.5, "%")])

    await digests.post("daily", SLOT, again=True)

    assert len(chat.messages) == 2
    assert [file[1] for file in chat.files] == [file[1] for file in before.values()]
    assert not before.keys() & chat.shared.keys()
    assert "99 to 99 %" in str(before)
    assert "12.5 to 99 %, 55.75 % at last" in str(chat.files)


async def test_a_picture_that_is_refused_once_is_there_and_its_excuse_gone_when_it_is_asked_for_again(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    chat = FakeChat(refuses={"picture": "missing_scope"})
    digests = await ready(store, chat, clock)
    await digests.post("daily", SLOT)
    excused = str(chat.posted("C0OPS"))
    chat.refuses.clear()

    await digests.post("daily", SLOT, again=True)

    assert excused.count("could not be shared") == 2
    assert "could not be shared" not in str(chat.posted("C0OPS"))
    assert len(chat.files) == 2


async def test_what_slack_does_not_let_be_replaced_is_an_error_that_is_tried_again(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    chat = FakeChat()
    digests = await ready(store, chat, clock)
    await digests.post("daily", SLOT)
    chat.refuses["delete"] = "ratelimited"

    with pytest.raises(IntegrationError):
        await digests.post("daily", SLOT, again=True)
    chat.refuses.clear()
    await digests.post("daily", SLOT, again=True)

    assert len(chat.files) == 2
