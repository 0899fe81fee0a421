"""Watches: one message for each problem, kept up and said to be over, over replicas and kills."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.database import Database
from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet, Service
from bot.core.parts import State
from bot.core.ports import Gateway, Processes, Worker
from bot.core.prose import When
from bot.core.provider import Provider, Said
from bot.core.readings import Reading
from bot.core.registry import Registry
from bot.core.rehearsal import Rehearsal, Rehearsed
from bot.digests.pulse import Patience
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.jobs.queue import Handler
from bot.operations.clicks import CLICKS
from bot.operations.effects import STEPS
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import DatabaseWithRoom, FakeBackups, FakeChat, FakeGateway, FakeProcesses, backup, service, worker
from tests.replicas import OPS, Replica

PLAN = WatchPlan("gateway", OPS, timedelta(seconds=5), frozenset({"Transaction volume"}), Patience(2, 3, 2))
WELL = (worker(0), worker(1))
DOWN = (worker(0, "errored"), worker(1, "errored"))
REGISTRY = Registry.discover(clicks=CLICKS, steps=STEPS)


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
        return Watches(WatchPlans(self.plans), self.store, Fleet((self.at,)), self.clock, intake.take, str, REGISTRY)

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


async def test_a_worker_that_was_given_up_beside_others_is_to_be_brought_back(bot: Bot) -> None:
    await bot.start()
    await bot.pass_time(10)
    bot.processes.found = (replace(DOWN[0], restarts=16, started_at=bot.clock()), worker(1))
    await bot.pass_time(60)

    (card,) = bot.cards()
    assert card.title == "gateway: Worker restarts"
    assert "16 ever, 1 given up" in str(card.lines)
    assert [button.label for button in card.buttons][1:3] == ["Next: reset", "Or: errors"]


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


async def test_what_cannot_be_looked_at_for_long_is_told_with_the_reason_and_offers_only_looks(bot: Bot) -> None:
    bot.at = replace(bot.at, ports={**bot.at.ports, Processes: Silent(())})
    await bot.start()
    await bot.pass_time(90)

    (card,) = bot.cards()
    assert (card.title, card.state) == ("gateway: Workers", State.WARN)
    assert "No daemon runs." in str(card.lines)
    assert [button.label for button in card.buttons if button.label.startswith(("Next", "Or"))] == ["Next: errors"]


async def test_what_is_unknown_after_it_failed_offers_only_looks_though_it_reads_the_same(bot: Bot) -> None:
    answers = FakeGateway(latency=0.0)
    bot.at = replace(bot.at, ports={**bot.at.ports, Gateway: answers})
    offered = []
    for ill in (500, 0):
        answers.statuses = {1001: ill}
        await bot.start()
        await bot.pass_time(90, step=5)
        (card,) = [card for card in bot.cards() if card.title == "gateway: Health"]
        offered.append([button.label for button in card.buttons if button.label.startswith(("Next", "Or"))])

    assert offered == [["Next: reload", "Or: why slow"], ["Next: why slow", "Or: health"]]


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


EACH = 5
"""Seconds from one look to the next."""


async def see(bot: Bot, looks: str) -> str:
    """Have the watch see that, `x` for a crash and `.` for none; how the message stood whenever that was new."""
    states = ""
    for each in looks:
        bot.processes.found = DOWN if each == "x" else WELL
        for _ in range(EACH):
            await bot.pass_time(1)
            state = "".join("." if card.state is State.OK else "x" for card in bot.cards()[-1:])
            states += state if not states.endswith(state) else ""
    return states


@pytest.mark.parametrize(
    ("looks", "states"),
    [
        pytest.param(".x..x..x..", "", id="one of three"),
        pytest.param(".x.x.", "x", id="two of three"),
        pytest.param(".xx.x.x.x.x", "x", id="never two good ones in a row"),
        pytest.param(".xx...", "x.", id="two good ones in a row"),
    ],
)
async def test_so_many_of_so_many_looks_begin_a_problem_and_so_many_in_a_row_end_it(
    bot: Bot, looks: str, states: str
) -> None:
    await bot.start()

    assert await see(bot, looks) == states


async def test_what_comes_and_goes_is_one_problem_until_it_has_been_well_for_longer(bot: Bot) -> None:
    await bot.start()
    flapping = await see(bot, ".xx..." * 6)
    calm = await see(bot, "." * 8)

    assert flapping == "x.x.x"  # then it has to be well for eight looks
    assert calm == "x."
    assert len(bot.cards()) == 1


async def test_what_begins_again_soon_goes_on_in_its_message_and_long_after_it_is_a_new_one(bot: Bot) -> None:
    await bot.start()
    await see(bot, ".xx....")
    await see(bot, "xx.....")
    soon = len(bot.cards())
    await bot.pass_time(360, step=EACH)
    await see(bot, "xxx")

    assert soon == 1
    assert [card.state for card in bot.cards()] == [State.OK, State.FAIL]


async def test_a_problem_that_changes_with_each_look_is_told_anew_once_a_minute_at_most(bot: Bot) -> None:
    await bot.start()
    await see(bot, ".xx")
    said: list[str] = []
    for number in range(240):
        bot.processes.found = tuple(worker(each, "errored") for each in range(2 + number % 7))
        await bot.pass_time(1)
        (card,) = bot.cards()
        said += [str(card.lines)] if [str(card.lines)] != said[-1:] else []

    assert 3 <= len(said) <= 5


def paying(bot: Bot, percent: float, database: DatabaseWithRoom) -> None:
    """Have so many percent of the payments succeed, with that database."""
    gateway = FakeGateway({"success_rate": percent, "avg_response_time": 40.0, "daily_transactions": 5.0})
    bot.at = replace(bot.at, ports={**bot.at.ports, Gateway: gateway, Database: database})


async def test_with_the_database_down_nothing_is_told_of_what_follows_until_it_is_back(bot: Bot) -> None:
    up, down = DatabaseWithRoom(100, 5), DatabaseWithRoom(100, 5, "Connection refused.")
    paying(bot, 99.5, up)
    await bot.start()
    await bot.pass_time(20)
    paying(bot, 3.0, down)
    await bot.pass_time(120)
    silent = [card.title for card in bot.cards()]
    paying(bot, 3.0, up)
    await bot.pass_time(60)
    back = {card.title: card.state for card in bot.cards()}

    assert silent == ["gateway: Database"]
    assert back == {"gateway: Database": State.OK, "gateway: Success rate": State.FAIL}


class Slow:
    """A provider that is down by its own page, and a service whose payments wait for it."""

    name, page, keys, probed = "sandbox", "https://status.example.org", (), ""

    async def status(self) -> Said:
        return Said(State.FAIL, "major outage")

    async def probe(self) -> None:
        return

    async def rehearse(self) -> Rehearsed:
        return Rehearsed(ok=True, said="", latency=30.0)


async def test_what_follows_from_what_is_silent_itself_is_silent_too(bot: Bot) -> None:
    slow = FakeGateway({"success_rate": 99.9, "avg_response_time": 40_000.0, "daily_transactions": 5.0})
    bot.at = replace(bot.at, ports={**bot.at.ports, Gateway: slow, Rehearsal: Slow(), Provider: Slow()})
    await bot.start()
    await bot.pass_time(120)

    assert [card.title for card in bot.cards()] == ["gateway: Provider status"]


def rising(check: str, now: datetime, *, to: float) -> list[Reading]:
    """Ten days in which what a check tells in percent rose by five a day, up to `to`."""
    return [
        Reading("gateway", check, now - timedelta(hours=hours), State.OK, to - 5 * hours / 24) for hours in range(241)
    ]


@pytest.mark.parametrize(("check", "ahead"), [("Disks", "Disk full"), ("Database", "Connections used up")])
async def test_what_will_be_used_up_within_days_is_told_before_it_is(bot: Bot, check: str, ahead: str) -> None:
    async with bot.store.transaction() as tx:
        await tx.readings.add(rising(check, bot.clock(), to=80))
    await bot.start()
    await bot.pass_time(60)
    weeks = bot.cards()
    async with bot.store.transaction() as tx:
        await tx.readings.add(rising(check, bot.clock() + timedelta(hours=1), to=92))
    await bot.pass_time(3660, step=60)
    (days,) = bot.cards()

    assert weeks == []
    assert (days.title, days.state) == (f"gateway: {ahead}", State.FAIL)
    assert f"By the line through {check}." in str(days.lines)
