"""Each way in which the gateway breaks is told by its watches as one problem with what helps, until its end."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.alerts.intake import Intake
from bot.alerts.messages import GroupMessages
from bot.alerts.rules import AlertRules
from bot.core.access_log import AccessLog
from bot.core.alert_looks import SHOW
from bot.core.database import Database
from bot.core.fleet import Fleet
from bot.core.ports import Backups
from bot.core.provider import Provider
from bot.core.registry import Registry
from bot.core.rehearsal import Rehearsal
from bot.demo.gateway import Gateway, Options
from bot.demo.gateway.breakage import Breakage
from bot.demo.workspace import Channel, Person, Seen, Workspace
from bot.demo.world import LIMITS, OF_THE_MACHINE, TEST_PAYMENT
from bot.digests.pulse import Patience
from bot.digests.schedules import Schedule
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.operations.clicks import CLICKS
from bot.operations.effects import STEPS
from bot.store.postgres import Postgres
from integrations import access_log, backups, gateway, postgres, provider
from integrations.http import HttpClient
from tests.editions import made
from tests.fixtures_gateway import connect
from tests.fixtures_slack import SlackBot

ROUNDS, BETWEEN = 14, 2.0


@pytest.fixture(scope="module")
def whole() -> Iterator[Gateway]:
    """Everything, and nothing wrong with it."""
    with tempfile.TemporaryDirectory(prefix="opsbot-gw-test-", ignore_cleanup_errors=True) as folder:
        running = asyncio.run(Gateway.start(Path(folder), Options(broken=False, redis=False)))
        yield running
        asyncio.run(running.close())


@pytest.fixture
async def watches(whole: Gateway, store: Postgres, tmp_path: Path) -> AsyncIterator[Watches]:
    """What the demo watches, on this gateway."""
    # What another test broke is no part of this one: neither in the logs nor in what the workers count.
    for log in (whole.access_log, *whole.log_dir.iterdir()):
        os.truncate(log, 0)
    await whole.deploy_by_hand("v1.4.0")
    async with HttpClient() as http:
        live = connect(whole, http=http, data=tmp_path / "data")
        paid = gateway.Config.model_validate({"url": whole.url, "test_payment": {"body": TEST_PAYMENT}})
        outside = provider.Config(name="sandbox", url=str(whole.provider_url))
        more: Mapping[type, object] = {
            Rehearsal: gateway.HttpGateway(paid, http=http),
            Backups: backups.BackupFolder(backups.Config(folder=str(whole.backup_dir)), host=live.host),
            AccessLog: access_log.AccessLogFiles(access_log.Config(path=str(whole.access_log)), host=live.host),
            Database: postgres.ServiceDatabase(postgres.Config(), env=live.env, host=live.host),
            Provider: provider.HttpProvider(outside, http=http, env=live.env),
        }
        service = replace(live.service, ports={**live.service.ports, **more}, limits=LIMITS)
        plan = WatchPlan(service.name, "", timedelta(seconds=1), frozenset(OF_THE_MACHINE), Patience(2, 3, 2))
        clock = lambda: datetime.now(UTC)  # noqa: E731
        take = Intake(AlertRules(""), clock).take
        registry = Registry.discover(clicks=CLICKS, steps=STEPS)
        yield Watches(WatchPlans((plan,)), store, Fleet((service,)), clock, take, str, registry)


@dataclass(frozen=True, slots=True)
class Night:
    """The watches, and the channel in which somebody reads what they tell."""

    watches: Watches
    messages: GroupMessages
    ana: Person
    ops: Channel
    mornings: Channel

    async def look(self) -> None:
        """One round, and what comes of it in Slack."""
        await self.watches.look(self.watches.plans.entries[0].service)
        for group in await self._groups():
            await self.messages.show(group)

    async def _groups(self) -> list[str]:
        async with self.watches.store.transaction() as tx:
            due = await tx.due.take(now=self.watches.clock() + timedelta(minutes=1))
        return [str(row.args["group_id"]) for row in due if row.kind == SHOW]

    async def told(self, words: str, *, rounds: int) -> Seen | None:
        """The message once it has these words; None when patience is over."""
        for _ in range(rounds):
            await self.look()
            if found := [seen for seen in self.said() if words in seen.plain()]:
                return found[0]
            await asyncio.sleep(BETWEEN)
        return None

    async def digest(self) -> Seen:
        """What the daily digest says now, in a channel of its own."""
        store, registry = self.watches.store, self.watches.registry
        plan = Schedule("health", self.mornings.id, self.watches.fleet.services[0].name, "daily 09:00")
        digests = made(plan, store, self.watches.fleet, self.messages.chat, self.watches.clock, registry=registry)
        async with store.transaction() as tx:
            slot = await digests.run(plan, tx)
        await digests.post(plan.name, slot.slot, again=True)
        (seen,) = [each for each in self.ana.sees(self.mornings) if each.thread_ts in {None, "", each.ts}]
        return seen

    def said(self) -> list[Seen]:
        return self.ana.sees(self.ops)


@pytest.fixture
async def night(watches: Watches, workspace: Workspace, slack_bot: SlackBot) -> Night:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    mornings = workspace.channel("mornings", [ana])
    watches = replace(watches, take=Intake(AlertRules(ops.id), watches.clock).take)
    return Night(watches, GroupMessages(watches.store, slack_bot.link.chat, watches.clock), ana, ops, mornings)


def helps(seen: Seen) -> list[str]:
    """What a message offers to do."""
    return [button for button in seen.buttons() if button.startswith(("Next: ", "Or: "))]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("way", "check", "step", "evidence"),
    [
        ("crash", "Workers", "rollback", "errored"),
        ("slow", "Test payment", "why slow", "after"),
        ("errors", "Error rate", "rollback", "error lines for"),
        ("pool", "Database", "db", "no connection"),
        ("backup", "Backups", "backup", "40.0 h old"),
        ("provider", "Provider status", "maintenance on 30m provider down", "major"),
    ],
)
async def test_what_breaks_is_one_problem_with_the_step_that_helps_in_its_message_and_the_digest(
    night: Night, whole: Gateway, *, way: str, check: str, step: str, evidence: str
) -> None:
    breakage = Breakage(whole)
    for _ in range(2):
        await night.look()
    before = night.said()
    try:
        await breakage.break_(way)
        problem = await night.told("1 firing", rounds=ROUNDS)
        digest = await night.digest()
    finally:
        await breakage.mend()
    end = await night.told("Resolved", rounds=ROUNDS)

    assert before == []
    assert problem is not None
    assert problem.plain().startswith(f"{whole.name}: {check}")
    assert f"Next: {step}" in problem.buttons()
    assert helps(digest) == helps(problem)
    verdict, first, *_ = digest.text.splitlines()
    assert verdict.startswith("✗ fail · Health of ")
    assert first.startswith(f"✗ fail · *{check}*: ")
    assert evidence in digest.plain()
    assert {"I look at it", "Snooze", "Assign", "Open an incident"} <= {*digest.buttons()}
    assert end is not None
    assert (end.ts, end.buttons()) == (problem.ts, [])
    assert len(night.said()) == 1
