"""Watches: one message for each problem, kept up and said to be over, over replicas and kills."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet, Service
from bot.core.parts import State
from bot.core.ports import Processes, Worker
from bot.core.prose import When
from bot.core.readings import Reading
from bot.digests.pulse import Patience
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.jobs.queue import Handler
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeBackups, FakeChat, FakeGateway, FakeProcesses, backup, service, worker
from tests.replicas import OPS, Replica

PLAN = WatchPlan("gateway", OPS, timedelta(seconds=5), frozenset({"Transaction volume"}), Patience(2, 3, 2))
WELL = (worker(0), worker(1))
DOWN = (worker(0, "errored"), worker(1, "errored"))


class Bot(Replica):
    """One replica that watches a service of which a test says how it is."""

    def __init__(self, store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> None:
        super().__init__(store, deferred, chat, clock)
        self.processes = FakeProcesses(WELL)
        self.at: Service = service(
            processes=self.processes,
            gateway=FakeGateway({"success_rate": 100.0, "avg_response_time": 40.0, "daily_transactions": 5.0}),
            backups=FakeBackups((backup(made_at=clock()),)),
        )
        self.plans: tuple[WatchPlan, ...] = (PLAN,)

    @property
    def watches(self) -> Watches:
        intake = Intake(AlertRules("", watches={"gateway": OPS}), self.clock)
        return Watches(WatchPlans(self.plans), self.store, Fleet((self.at,)), self.clock, intake.take, str)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {**self.watches.handlers, **self.messages.handlers}

    async def start(self) -> None:
        await self.watches.tick(self.clock())

    async def pass_time(self, seconds: int, *, step: int = 1) -> None:
        """Let the sweeper and the queue do what they do."""
        for _ in range(0, seconds, step):
            self.clock.advance(timedelta(seconds=step))
            await self.work()


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def bot(store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> Bot:
    return Bot(store, deferred, chat, clock)


@pytest.fixture
def replica(other_store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> Bot:
    return Bot(other_store, deferred, chat, clock)


async def test_nothing_is_said_while_all_is_well_and_workers_come_and_go(bot: Bot) -> None:
    await bot.start()
    await bot.pass_time(20)
    bot.processes.found = (worker(0, "launching"), worker(1))
    await bot.pass_time(4)
    bot.processes.found = WELL
    await bot.pass_time(60, step=5)

    assert bot.cards() == []


async def test_a_crash_is_one_message_with_what_helps_and_says_when_it_is_over(bot: Bot, chat: FakeChat) -> None:
    await bot.start()
    await bot.pass_time(10)
    bot.processes.found = DOWN
    await bot.pass_time(60)
    (crashed,) = bot.cards()
    bot.processes.found = WELL
    await bot.pass_time(30)
    (over,) = bot.cards()

    assert (crashed.title, crashed.state) == ("gateway: Workers", State.FAIL)
    assert "0 of 2 online" in str(crashed.lines)
    assert [button.label for button in crashed.buttons][:3] == ["Acknowledge", "Next: rollback", "Or: restart"]
    assert (over.title, over.state, over.buttons) == ("gateway: Workers", State.OK, ())
    assert len(chat.messages) == 1


async def test_a_problem_is_dated_by_the_history_of_the_check_whoever_looked(bot: Bot) -> None:
    began = bot.clock() - timedelta(minutes=40)
    async with bot.store.transaction() as tx:
        await tx.readings.add(
            [
                Reading("gateway", "Workers", began - timedelta(minutes=10), State.OK, 2),
                Reading("gateway", "Workers", began, State.FAIL, 0),
                Reading("gateway", "Workers", began + timedelta(minutes=20), State.UNKNOWN),
            ]
        )
    bot.processes.found = DOWN
    await bot.start()
    await bot.pass_time(30)

    (card,) = bot.cards()
    assert any(When(began) in line for line in card.lines if isinstance(line, tuple))


async def test_a_stale_backup_is_told_apart_from_a_crash_and_offers_a_backup(bot: Bot, clock: SetClock) -> None:
    bot.at = replace(
        bot.at,
        ports={**bot.at.ports, **service(backups=FakeBackups((backup(made_at=clock() - timedelta(hours=30)),))).ports},
    )
    bot.processes.found = DOWN
    await bot.start()
    await bot.pass_time(60)

    found = {card.title: [button.label for button in card.buttons] for card in bot.cards()}
    assert set(found) == {"gateway: Workers", "gateway: Backups"}
    assert "Next: backup" in found["gateway: Backups"]


class Silent(FakeProcesses):
    """A process manager that nobody reaches."""

    async def workers(self) -> tuple[Worker, ...]:
        raise IntegrationError("No daemon runs.")


async def test_what_cannot_be_looked_at_for_long_is_told_with_the_reason(bot: Bot) -> None:
    bot.at = replace(bot.at, ports={**bot.at.ports, Processes: Silent(())})
    await bot.start()
    await bot.pass_time(90)

    (card,) = bot.cards()
    assert (card.title, card.state) == ("gateway: Workers", State.WARN)
    assert "No daemon runs." in str(card.lines)


async def test_two_replicas_look_and_tell_once(bot: Bot, replica: Bot) -> None:
    for each in (bot, replica):
        each.processes.found = DOWN
        await each.start()
    for _ in range(60):
        bot.clock.advance(timedelta(seconds=1))
        await asyncio.gather(bot.work(), replica.work())

    assert [card.title for card in bot.cards()] == ["gateway: Workers"]


class Deadly(FakeProcesses):
    """A process manager whose answer the bot does not survive."""

    async def workers(self) -> tuple[Worker, ...]:
        raise RuntimeError("killed")


async def test_a_round_that_dies_is_followed_by_another(bot: Bot) -> None:
    await bot.start()
    well, bot.at = bot.at, replace(bot.at, ports={**bot.at.ports, Processes: Deadly(())})
    with pytest.raises(ExceptionGroup):
        await bot.pass_time(1)
    bot.at, bot.processes.found = well, DOWN
    await bot.pass_time(60)
    before = bot.cards()
    await bot.pass_time(120, step=2)

    assert before == []
    assert [card.title for card in bot.cards()] == ["gateway: Workers"]


async def test_a_check_that_is_watched_no_more_leaves_no_problem_behind(bot: Bot) -> None:
    bot.processes.found = DOWN
    await bot.start()
    await bot.pass_time(30)
    bot.plans = (replace(PLAN, off=PLAN.off | {"Workers"}),)
    await bot.pass_time(8)

    (card,) = bot.cards()
    assert (card.title, card.state, card.buttons) == ("gateway: Workers", State.UNKNOWN, ())
    assert "Not watched any more" in str(card.lines)


async def test_the_problem_of_a_service_that_is_configured_no_more_is_closed_once_nobody_looks_at_it(
    bot: Bot, replica: Bot
) -> None:
    bot.processes.found = replica.processes.found = DOWN
    await bot.start()
    await bot.pass_time(30)
    replica.plans = ()  # as it is while a new configuration is rolled out
    await replica.watches.tick(bot.clock())
    await bot.work()
    (meanwhile,) = bot.cards()
    bot.clock.advance(timedelta(minutes=6))
    await replica.watches.tick(bot.clock())
    await replica.work()
    (closed,) = bot.cards()

    assert meanwhile.state is State.FAIL
    assert (closed.state, closed.buttons) == (State.UNKNOWN, ())
    assert "Not watched any more" in str(closed.lines)


async def test_a_round_that_a_replica_without_the_service_took_comes_again(bot: Bot, replica: Bot) -> None:
    bot.processes.found = DOWN
    replica.plans = ()
    await bot.start()
    await replica.work()
    lost = await bot.work()
    await bot.start()
    await bot.pass_time(30)

    assert lost == 0
    assert [card.title for card in bot.cards()] == ["gateway: Workers"]
