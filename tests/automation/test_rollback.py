"""A deploy of the bot's taken back by itself when errors become many soon after it: real git, PM2, customers, logs."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.automation.rule import Seen
from bot.automation.rules.rollback import CHECK, RollbackSettings, want
from bot.core.access_log import AccessLog
from bot.core.parts import State
from bot.core.plan import Action, Area, Call, Plan
from bot.core.readings import Reading
from bot.core.records import Operation
from bot.core.releases import Current, Releases
from bot.core.results import OperationState, PlanState
from bot.core.watches import Pulse
from bot.demo.gateway import Gateway
from bot.operations.deployments import SWITCH, Switch
from integrations.access_log import AccessLogFiles, Config
from tests.automation.conftest import PATIENCE, Attended
from tests.automation.customers import customers
from tests.commands.test_deploy import builds, git
from tests.fixtures_gateway import releases_of

pytestmark = [pytest.mark.timeout(240), pytest.mark.row("W")]
BAD_FEES = "module.exports = { CURRENCIES: ['USDC'], FEES: {}, feeFor() { throw new Error('no fees'); } };\n"


def commit_of_bad_fees(demo: Gateway) -> str:
    """A release that builds, starts and is healthy, and answers every payment with 500; what runs is not touched."""
    file = Path(demo.app_dir.resolve()) / "lib" / "fees.js"
    whole = file.read_text()
    file.write_text(BAD_FEES)
    git(demo, "add", "lib/fees.js")
    sha = git(demo, "commit-tree", git(demo, "write-tree"), "-p", "HEAD", "-m", "New fees")
    git(demo, "reset", "--quiet", "lib/fees.js")
    file.write_text(whole)
    return sha


def paying(demo: Gateway) -> AbstractAsyncContextManager[None]:
    """Customers who pay all the time."""

    async def pay(session: aiohttp.ClientSession) -> None:
        try:
            async with session.post(f"{demo.url}/api/payments", json={"amount": 5, "currency": "USDC"}) as answer:
                await answer.read()
        finally:
            await asyncio.sleep(0.1)

    return customers(pay, 3)


async def test_a_release_that_answers_with_errors_is_rolled_back_by_itself(attended: Attended) -> None:
    bench, demo = attended.bench, attended.bench.live.demo
    attended.allow("rollback")
    log = AccessLogFiles(Config(path=str(demo.access_log)), host=bench.live.host)
    bench.ports = {Releases: releases_of(demo, host=bench.live.host), AccessLog: log}
    bench.limits = {"error_percent_warn_above": 5, "error_percent_fail_above": 10}

    async with paying(demo):
        for _ in range(4):
            await attended.look_now()
        deployed = await bench.run(f"deploy {commit_of_bad_fees(demo)} new fees")
        assert deployed.state is OperationState.DONE, await bench.evidence(deployed)
        for _ in range(15):
            await attended.look_now()
            if await attended.operations():
                break

    (operation,) = await attended.operations()
    assert operation.call.path == ("rollback",)
    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert await builds(bench) == {demo.releases["v1.4.0"]}
    assert "since Deploy" in operation.automatic
    await attended.look_now()
    assert "By itself: rollback, done." in attended.says(CHECK)


NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEGAN, ENDED = NOW - timedelta(minutes=6), NOW - timedelta(minutes=5)
DEPLOYED = Operation(
    id="d1",
    call=Call(("deploy",), {"ref": "v2"}),
    plan=Plan(
        title="Deploy v2",
        area=Area.PROCESSES,
        changes=(),
        actions=(Action(SWITCH.name, "Switch", Switch(sha="b" * 40, folder="/b", former="a" * 40).model_dump()),),
    ),
    plan_hash="",
    service="",
    environment="production",
    host="h",
    reason="",
    requester="U0ANA",
    approver="",
    channel="C0OPS",
    plan_state=PlanState.ACCEPTED,
    state=OperationState.DONE,
    epoch=0,
    proposed_at=BEGAN,
    started_at=BEGAN,
    ended_at=ENDED,
)


class Deployed:
    """Releases of which this one is deployed."""

    def __init__(self, sha: str) -> None:
        self._sha = sha

    async def current(self) -> Current:
        return Current(self._sha, "/b")


async def judged(
    attended: Attended, *, before: list[float | None], after: list[float], sha: str, began: datetime
) -> str:
    """Whether a rollback is wanted: what is held against it, `nothing`, or `no` when it is not wanted."""
    bench = attended.bench
    name = bench.service.name
    readings = [
        Reading(name, CHECK, BEGAN - timedelta(minutes=len(before) - at), _state(value), value, "%")
        for at, value in enumerate(before)
    ] + [
        Reading(name, CHECK, ENDED + timedelta(minutes=1 + at), _state(value), value, "%")
        for at, value in enumerate(after)
    ]
    async with bench.store.transaction() as tx:
        await tx.operations.propose(replace(DEPLOYED, service=name))
        await tx.readings.add(readings)
    pulse = Pulse((State.OK, State.FAIL, State.FAIL), is_open=True, bad_since=began, looked_at=NOW)
    seen = Seen(bench.service, NOW, {CHECK: pulse}, PATIENCE)
    found = await want(seen, RollbackSettings(), store=bench.store, releases=Deployed(sha))  # type: ignore[arg-type]  # all that it asks
    return "no" if found is None else found.held or "nothing"


def _state(value: float | None) -> State:
    return State.UNKNOWN if value is None else State.FAIL if value > 10 else State.OK


@pytest.mark.parametrize(
    ("before", "after", "at", "held"),
    [
        pytest.param([1, 1, 2], [30, 40], ("b", ENDED), "nothing", id="a jump after the deploy"),
        pytest.param([1, 1, 2], [30, 40], ("c", ENDED), "cccccccccccc was deployed by hand since", id="by hand since"),
        pytest.param(
            [None, None], [30, 40], ("b", ENDED), "how it was before the deploy is not known: 0", id="unknown"
        ),
        pytest.param([20, 20, 20], [30, 40], ("b", ENDED), "there were too many errors before", id="bad before"),
        pytest.param([9, 9, 9], [11, 12], ("b", ENDED), "that is less than 2 times as many", id="hardly worse"),
        pytest.param([1, 1, 2], [30, 40], ("b", BEGAN - timedelta(minutes=1)), "no", id="it began before"),
        pytest.param([1, 1, 2], [2, 40], ("b", ENDED), "no", id="seen to fail only once since"),
    ],
)
async def test_a_rollback_is_wanted_only_where_the_history_of_the_check_shows_the_deploy_to_blame(
    attended: Attended, before: list[float | None], after: list[float], at: tuple[str, datetime], held: str
) -> None:
    sha, began = at
    found = await judged(attended, before=before, after=after, sha=sha * 40, began=began)

    assert found.startswith(held)
