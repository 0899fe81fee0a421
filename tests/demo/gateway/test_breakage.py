"""Each way in which the gateway breaks is found by its watches as one problem, with the step that helps."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.access_log import AccessLog
from bot.core.database import Database
from bot.core.fleet import Fleet
from bot.core.ports import Backups
from bot.core.provider import Provider
from bot.core.rehearsal import Rehearsal
from bot.demo.gateway import Gateway, Options
from bot.demo.gateway.breakage import Breakage
from bot.demo.world import LIMITS, OF_THE_MACHINE, TEST_PAYMENT
from bot.digests.pulse import Patience
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.store.postgres import Postgres
from integrations import access_log, backups, gateway, postgres, provider
from integrations.http import HttpClient
from tests.fixtures_gateway import connect

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
        plan = WatchPlan(service.name, "C0OPS", timedelta(seconds=1), frozenset(OF_THE_MACHINE), Patience(2, 3, 2))
        clock = lambda: datetime.now(UTC)  # noqa: E731
        take = Intake(AlertRules("C0OPS"), clock).take
        yield Watches(WatchPlans((plan,)), store, Fleet((service,)), clock, take, str)


async def problems(watches: Watches) -> dict[str, str]:
    """The next step by the check, once there are problems; none when patience is over."""
    found: dict[str, str] = {}
    for _ in range(ROUNDS):
        await watches.look(watches.plans.entries[0].service)
        async with watches.store.transaction() as tx:
            views = await tx.alerts.firing(now=watches.clock())
        found = {row.labels["check"]: row.labels.get("next", "") for view in views for row in view.worst}
        if found:
            break
        await asyncio.sleep(BETWEEN)
    return found


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("way", "check", "step"),
    [
        ("crash", "Workers", "reset"),
        ("slow", "Test payment", "why slow"),
        ("errors", "Error rate", "rollback"),
        ("pool", "Database", "db"),
        ("backup", "Backups", "backup"),
        ("provider", "Provider status", "maintenance on 30m provider down"),
    ],
)
async def test_what_breaks_is_one_problem_with_the_step_that_helps(
    watches: Watches, whole: Gateway, way: str, check: str, step: str
) -> None:
    breakage = Breakage(whole)
    for _ in range(2):
        await watches.look(whole.name)
    async with watches.store.transaction() as tx:
        before = await tx.alerts.firing(now=watches.clock())
    try:
        await breakage.break_(way)
        broken = await problems(watches)
    finally:
        await breakage.mend()

    assert before == ()
    assert broken == {check: step}
