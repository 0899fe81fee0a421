"""Groups of alerts as messages: posted once, kept up, silenced, survived by storms and kills."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.alerts.intake import OWN_MESSAGES, Intake
from bot.alerts.rules import AlertRules
from bot.core import posts
from bot.core.alert_looks import SHOW
from bot.core.alerts import Alert, Level, Silence
from bot.core.parts import State
from bot.core.ports import MessageRef
from bot.core.results import Result, Text
from bot.jobs.due import sweep
from bot.jobs.queue import Handler
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat
from tests.replicas import OPS, Replica

RULES = AlertRules(OPS, {"team=payments": "C0PAY"})
SOON = timedelta(seconds=3)


class Bot(Replica):
    """One replica: it takes alerts in and does the jobs that are due."""

    def __init__(self, store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> None:
        super().__init__(store, deferred, chat, clock)
        self.intake = Intake(RULES, clock)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return self.messages.handlers

    async def take(self, *alerts: Alert) -> None:
        async with self.store.transaction() as tx:
            await self.intake.take(tx, [alerts])

    async def wait(self, time: timedelta = SOON) -> int:
        """Let time pass and do what is due; how many jobs that were."""
        self.clock.advance(time)
        return await self.work()

    def card(self, channel: str = OPS) -> Text:
        """The one message of the channel."""
        (card,) = self.cards(channel)
        return card


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def bot(store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> Bot:
    return Bot(store, deferred, chat, clock)


@pytest.fixture
def replica(other_store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> Bot:
    return Bot(other_store, deferred, chat, clock)


def alert(name: str = "a", *, group: str = "disks", clock: SetClock | None = None, firing: bool = True) -> Alert:
    started = (clock or SetClock())()
    return Alert("generic", name, group, group, f"Alert {name}", Level.CRITICAL, firing, started)


def over(alert: Alert) -> Alert:
    return replace(alert, firing=False)


def said(card: Text) -> str:
    return "\n".join(str(line) for line in card.lines)


async def test_a_group_is_one_message_that_is_changed_as_its_alerts_come_and_go(bot: Bot) -> None:
    await bot.take(alert("a"))
    await bot.wait()
    first = bot.card()
    await bot.take(alert("b"), over(alert("a")))
    await bot.wait()
    second = bot.card()
    await bot.take(over(alert("b")))
    await bot.wait()
    last = bot.card()

    assert (first.title, first.state) == ("disks", State.FAIL)
    assert "1 firing" in said(first)
    assert "1 firing" in said(second)
    assert "1 resolved" in said(second)
    assert last.state is State.OK
    assert "2 ended, none fires" in said(last)
    assert last.buttons == ()
    assert [button.verb for button in first.buttons] == ["alert.acknowledge", "alert.silence", "alert.incident"]


async def test_a_group_is_looked_at_once_however_often_it_changes_within_a_few_seconds(bot: Bot) -> None:
    await bot.take(alert("a"))
    assert await bot.wait() == 1
    for number in range(50):
        await bot.take(alert(f"b{number}"))
    looks = [await bot.wait(timedelta(milliseconds=500)) for _ in range(10)]

    assert sum(looks) == 1
    assert "51 firing" in said(bot.card())


async def test_a_change_while_the_message_is_on_its_way_is_shown_afterwards(bot: Bot) -> None:
    await bot.take(alert("a"))
    due = await _first_job(bot)
    async with bot.store.transaction() as tx:
        view = await tx.alerts.view(due, now=bot.clock())
    await bot.take(alert("b"))
    async with bot.store.transaction() as tx:
        again = await tx.alerts.shown(view, None, at=bot.clock())

    assert again == bot.clock() + SOON


async def _first_job(bot: Bot) -> str:
    await sweep(bot.store, now=bot.clock())
    return str(bot.deferred.jobs[0].args["group_id"])


async def test_a_group_that_ends_before_it_is_posted_is_posted_as_over(bot: Bot) -> None:
    await bot.take(alert("a"))
    await bot.take(over(alert("a")))
    await bot.wait()

    assert bot.card().state is State.OK


async def test_the_end_of_what_nobody_said_had_begun_is_nothing(bot: Bot) -> None:
    await bot.take(over(alert("a")))

    assert await bot.wait() == 0


async def test_a_group_that_fires_again_soon_goes_on_in_its_message_and_later_is_a_new_one(bot: Bot) -> None:
    for wait in (timedelta(minutes=1), timedelta(minutes=6)):
        await bot.take(alert("a"))
        await bot.wait()
        await bot.take(over(alert("a")))
        await bot.wait()
        messages = len(bot.chat.messages)
        bot.clock.advance(wait)
    await bot.take(alert("a"))
    await bot.wait()

    assert messages == 1
    assert len(bot.chat.messages) == 2


async def test_an_acknowledgement_does_not_outlive_the_group(bot: Bot) -> None:
    await bot.take(alert("a"))
    (group,) = await _firing(bot)
    async with bot.store.transaction() as tx:
        assert await tx.alerts.acknowledge(group, by="U0ANA", at=bot.clock())
        assert not await tx.alerts.acknowledge(group, by="U0BEN", at=bot.clock())
    await bot.take(alert("b"))
    await bot.wait()
    kept = said(bot.card())
    await bot.take(over(alert("a")), over(alert("b")))
    await bot.take(alert("a"))
    await bot.wait()

    assert "U0ANA" in kept
    assert "U0ANA" not in said(bot.card())


async def _firing(bot: Bot) -> list[str]:
    async with bot.store.transaction() as tx:
        return [view.group.id for view in await tx.alerts.firing(now=bot.clock())]


async def test_a_silenced_group_is_stored_and_not_posted_until_the_silence_ends(bot: Bot) -> None:
    hour = timedelta(hours=1)
    async with bot.store.transaction() as tx:
        await tx.alerts.silence(Silence("generic", "disks", bot.clock() + hour, "U0ANA", "known"))
    await bot.take(alert("a"))
    await bot.wait()
    silent = len(bot.chat.messages)
    stored = await _firing(bot)
    await bot.wait(hour)  # the wake
    await bot.wait()

    assert silent == 0
    assert len(stored) == 1
    assert "1 firing" in said(bot.card())


async def test_what_came_and_went_in_a_silence_is_not_posted_at_its_end(bot: Bot) -> None:
    hour = timedelta(hours=1)
    async with bot.store.transaction() as tx:
        await tx.alerts.silence(Silence("generic", "disks", bot.clock() + hour, "U0ANA", "known"))
    await bot.take(alert("a"))
    await bot.wait()
    await bot.take(over(alert("a")))
    await bot.wait()
    await bot.wait(hour)
    await bot.wait()

    assert bot.chat.messages == {}


async def test_labels_choose_the_channel_and_make_the_group_where_that_is_configured(bot: Bot) -> None:
    bot.intake = replace(bot.intake, rules=replace(RULES, group_by=("team", "zone")))
    labels = {"team": "payments", "zone": "eu", "host": "h1"}
    await bot.take(replace(alert("a"), labels=labels), replace(alert("b", group="other"), labels=labels), alert("c"))
    await bot.wait()

    assert bot.card("C0PAY").title == "team=payments, zone=eu"
    assert bot.card(OPS).title == "disks"


@pytest.mark.parametrize("stage", ["posted", "found again"])
async def test_a_post_whose_record_was_lost_is_found_and_not_posted_again(bot: Bot, replica: Bot, stage: str) -> None:
    await bot.take(alert("a"))
    group = await _first_job(bot)
    await bot.chat.post(OPS, Text(("as posted before the kill",)), key=f"{SHOW}:{group}")

    await replica.messages.show(group)
    if stage == "found again":
        await bot.messages.show(group)

    assert "1 firing" in said(bot.card())


class Sleeper(FakeChat):
    """Whoever is about to post sleeps, and `meanwhile` another replica does something."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        act, self.meanwhile = self.meanwhile, None
        if act:
            await act()
        return await FakeChat.post(self, channel, result, key=key, thread=thread)


async def test_a_replica_that_slept_before_its_post_leaves_one_message_with_what_is_true(
    store: Postgres, other_store: Postgres, deferred: Deferred, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "_SLOW", 0.0)
    chat = Sleeper()
    bot, replica = Bot(store, deferred, chat, clock), Bot(other_store, deferred, chat, clock)
    await bot.take(alert("a"))
    group = await _first_job(bot)

    async def resolve() -> None:
        await replica.take(over(alert("a")))
        await replica.messages.show(group)

    chat.meanwhile = resolve
    await bot.messages.show(group)
    await bot.wait()

    assert bot.card().state is State.OK


async def test_two_replicas_make_one_group_and_one_message_of_what_both_are_told(bot: Bot, replica: Bot) -> None:
    alerts = [alert(f"a{number}") for number in range(20)]
    await asyncio.gather(*(each.take(*alerts) for each in (bot, replica, bot, replica)))
    await bot.wait()

    assert "20 firing" in said(bot.card())


async def test_a_message_that_slack_does_not_take_comes_when_slack_does(bot: Bot) -> None:
    bot.chat.refuses["post"] = "not_in_channel"
    await bot.take(alert("a"))
    await bot.wait()
    refused = len(bot.chat.messages)
    bot.chat.refuses.clear()
    await bot.take(alert("b"))
    await bot.wait(timedelta(seconds=30))

    assert refused == 0
    assert "2 firing" in said(bot.card())


async def test_a_message_that_somebody_deleted_is_posted_anew_when_something_changes(bot: Bot) -> None:
    await bot.take(alert("a"))
    await bot.wait()
    (message,) = bot.chat.messages
    bot.chat.refuses["update"] = "message_not_found"
    await bot.take(alert("b"))
    await bot.wait()
    await bot.chat.delete(message)

    assert "2 firing" in said(bot.card())


async def test_a_storm_of_groups_is_a_handful_of_messages_and_every_alert_is_stored(bot: Bot) -> None:
    await bot.take(*(alert(f"a{number}", group=f"group {number}") for number in range(300)))
    await bot.wait()
    messages = bot.cards()
    storm = next(card for card in messages if card.title == "Alert storm")
    await bot.take(*(over(alert(f"a{number}", group=f"group {number}")) for number in range(300)))
    await bot.wait()

    assert len(messages) == OWN_MESSAGES + 1
    assert f"{300 - OWN_MESSAGES} firing" in said(storm)
    assert await _firing(bot) == []
    assert {card.state for card in bot.cards()} == {State.OK}


async def test_a_source_that_says_the_same_alert_twice_in_one_request_is_taken_in_order(bot: Bot) -> None:
    await bot.take(alert("a"), over(alert("a")), alert("a"), alert("a"))

    async with bot.store.transaction() as tx:
        (view,) = await tx.alerts.firing(now=bot.clock())
    assert (view.firing, view.ended, view.worst[0].times) == (1, 1, 2)


async def test_alerts_that_were_over_long_ago_are_forgotten(bot: Bot) -> None:
    await bot.take(alert("a"), alert("b", group="stays"))
    await bot.take(over(alert("a")))
    async with bot.store.transaction() as tx:
        await tx.alerts.prune(before=bot.clock() + timedelta(seconds=1))

    assert len(await _firing(bot)) == 1
