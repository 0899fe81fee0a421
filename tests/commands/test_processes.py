"""Start, stop, restart, reload, scale and reset, on real PM2."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.core.database import Database
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.ports import Gateway
from bot.core.processes import Declared, Supervisor, Verb
from bot.core.results import OperationState, PlanCard, PlanState
from bot.views import render
from tests.commands.bench import Bench, give_up_after
from tests.fakes import DatabaseWithRoom, ServiceWithPool
from tests.fixtures_gateway import check_out, pm2_cli, pm2_list


async def pids(bench: Bench) -> set[int]:
    return {pid for _, pid, status in await asyncio.to_thread(pm2_list, bench.live.demo) if status == "online"}


def text(card: PlanCard) -> str:
    return render(card).text.replace("`", "")


@pytest.mark.row("D1", "O4")
async def test_a_reload_is_done_when_every_worker_is_new_steady_and_of_one_build(bench: Bench) -> None:
    before = await pids(bench)

    operation = await bench.run("reload new settings")

    assert operation.state is OperationState.DONE
    assert len(await pids(bench)) == len(before) == 2
    assert not before & await pids(bench)
    assert f"of build {bench.live.demo.releases['v1.4.0'][:12]}" in await bench.evidence(operation)


@pytest.mark.row("D1")
async def test_a_reload_that_ends_in_an_outage_is_failed_though_pm2_reports_success(bench: Bench) -> None:
    check_out(bench.live.demo, "v1.3.0-badstart")
    give_up_after(timedelta(seconds=3), "processes.reload", registry=bench.registry)

    operation = await bench.run("reload")

    assert operation.state is OperationState.FAILED
    assert "after" in await bench.evidence(operation)
    assert await pids(bench) == set()


@pytest.mark.row("D3")
async def test_a_restart_warns_of_dropped_connections_and_replaces_every_worker(bench: Bench) -> None:
    before = await pids(bench)
    assert "Open connections are dropped" in text(await bench.plan("restart memory grows"))

    operation = await bench.run("restart memory grows")

    assert operation.state is OperationState.DONE
    assert not before & await pids(bench)


@pytest.mark.row("C1", "B1")
async def test_a_stop_takes_two_people_ends_every_worker_and_a_start_brings_them_back(bench: Bench) -> None:
    card = await bench.plan("stop break-in suspected")
    assert card.state is PlanState.AWAITING_APPROVAL
    assert "Payments in flight are cut" in text(card)

    stopped = await bench.run("stop break-in suspected")
    assert (stopped.state, await pids(bench)) == (OperationState.DONE, set())
    assert "nothing has to change" in await bench.says("stop again")
    started = await bench.run("start")

    assert started.state is OperationState.DONE
    assert len(await pids(bench)) == 2


@pytest.mark.row("B1")
async def test_a_start_of_what_runs_changes_nothing(bench: Bench) -> None:
    before = await pids(bench)

    assert "nothing has to change" in await bench.says("start")

    assert await pids(bench) == before


@pytest.mark.row("B1")
async def test_a_service_that_pm2_does_not_list_is_started_from_its_file_for_production(bench: Bench) -> None:
    pm2_cli(bench.live.demo, "delete", "all")
    with pytest.raises(NotFound, match="lists no worker"):
        await bench.type("reload")

    operation = await bench.run("start")

    assert operation.state is OperationState.DONE
    body = (await bench.live.gateway.health("detailed")).body
    assert body["environment"] == "production"


@pytest.mark.row("H4", "H5")
async def test_scaling_is_absolute_seen_and_taken_back_by_undo(bench: Bench) -> None:
    card = await bench.plan("scale 3 traffic")
    assert "2 -> 3" in text(card).replace("&gt;", ">")
    assert "does not last: 2 are declared" in text(card)

    operation = await bench.run("scale 3 traffic")
    assert operation.state is OperationState.DONE
    assert len(await pids(bench)) == 3
    assert "nothing has to change" in await bench.says("scale 3 again")
    assert "2 are declared, 3 are there" in await bench.says("processes")

    await bench.type(f"undo {operation.id[:8]}")
    back = await bench.newest()
    await bench.engine.approval.confirm(bench.context(), back.id)
    await bench.work()
    assert (await bench.newest()).state is OperationState.DONE
    assert len(await pids(bench)) == 2


@pytest.mark.row("H4")
@pytest.mark.parametrize("count", ["0", "+2", "-1", "abc", "1.5", "x"])
async def test_only_a_whole_number_from_one_up_is_taken(bench: Bench, count: str) -> None:
    before = await pids(bench)

    with pytest.raises(UsageError):
        await bench.type(f"scale {count}")

    assert await pids(bench) == before


@pytest.mark.row("H4")
async def test_more_workers_than_the_cores_carry_are_refused_with_the_most_that_go(bench: Bench) -> None:
    with pytest.raises(UsageError, match="too many for the") as refused:
        await bench.type("scale 500")

    assert refused.value.hint.startswith("At most ")


@pytest.mark.row("H4")
async def test_workers_that_gave_up_go_before_healthy_ones_when_scaling_down(bench: Bench) -> None:
    await _one_gives_up(bench)
    healthy = await pids(bench)

    operation = await bench.run("scale 1")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert "Take away worker" in await bench.evidence(operation)
    assert len(await pids(bench)) == 1
    assert await pids(bench) <= healthy


@pytest.mark.row("H4")
async def test_reset_takes_away_who_gave_up_and_brings_back_as_many_as_are_declared(bench: Bench) -> None:
    await _one_gives_up(bench)
    with pytest.raises(Conflict, match="1 of 2 workers are online"):
        await bench.type("start")

    operation = await bench.run("reset")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert len(await pids(bench)) == 2
    assert {status for *_, status in pm2_list(bench.live.demo)} == {"online"}


@pytest.mark.row("H4")
async def test_after_a_resurrect_as_many_are_brought_back_as_there_were(bench: Bench) -> None:
    """PM2 has forgotten then how many the ecosystem file wants."""
    for act in ("save", "kill", "resurrect"):
        assert pm2_cli(bench.live.demo, act).returncode == 0
    await _one_gives_up(bench)

    operation = await bench.run("reset")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert len(await pids(bench)) == 2


async def _one_gives_up(bench: Bench) -> None:
    """One of two workers ends for good, as one that PM2 has restarted too often does."""
    pm2_cli(bench.live.demo, "stop", str(pm2_list(bench.live.demo)[0][0]))


async def test_reset_where_nothing_is_online_says_what_helps_instead(bench: Bench) -> None:
    pm2_cli(bench.live.demo, "stop", "all")

    with pytest.raises(Conflict, match="would delete the app") as refused:
        await bench.type("reset")

    assert "rollback" in refused.value.hint


async def test_a_plan_is_dropped_when_the_workers_have_changed_meanwhile(bench: Bench) -> None:
    await bench.type("scale 3")
    operation = await bench.newest()
    pm2_cli(bench.live.demo, "scale", bench.live.demo.name, "1")

    card = await bench.engine.approval.confirm(bench.context(), operation.id)

    assert card.state is PlanState.OUTDATED
    assert "workers online was 2 of 2 and is 1 of 1 now" in render(card).text


@pytest.mark.row("P1", "P2", "D1")
async def test_processes_shows_each_worker_with_its_build_and_what_is_declared(bench: Bench) -> None:
    said = await bench.says("processes")

    assert all(str(pid) in said for pid in await pids(bench))
    assert bench.live.demo.releases["v1.4.0"][:12] in said
    assert "max_memory_restart" in said


@pytest.mark.row("B3", "C2")
@pytest.mark.parametrize(
    ("typed", "why", "instead"),
    [
        ("npm start", "foreground", "start has"),
        ("compose down", "database", "stop ends"),
    ],
)
async def test_what_would_harm_is_refused_with_the_reason_and_the_way_that_does_not(
    bench: Bench, typed: str, why: str, instead: str
) -> None:
    with pytest.raises(Conflict, match=why) as refused:
        await bench.type(f"{typed} now")

    assert refused.value.hint.startswith(instead)


@pytest.mark.row("H4", "P4")
@pytest.mark.parametrize(("limit", "there"), [(14, 10), (20, 16)], ids=["the limit", "what is taken now"])
async def test_more_workers_than_the_database_has_connections_for_are_refused(
    bench: Bench, limit: int, there: int
) -> None:
    bench.ports = {Gateway: ServiceWithPool(), Database: DatabaseWithRoom(limit, there)}

    with pytest.raises(UsageError, match=f"do not fit: of the database's {limit} there are 4 free, and 5 more"):
        await bench.type("scale 3")


@pytest.mark.row("H4")
@pytest.mark.parametrize(
    ("gateway", "limits", "words"),
    [
        (ServiceWithPool(pool=None), DatabaseWithRoom(100, 10), "tells no pool.max"),
        (ServiceWithPool(), DatabaseWithRoom(100, 10, "no answer"), "is unknown: no answer"),
    ],
)
async def test_a_pool_that_nobody_knows_is_warned_of(
    bench: Bench, gateway: Gateway, limits: DatabaseWithRoom, words: str
) -> None:
    bench.ports = {Gateway: gateway, Database: limits}

    assert words in text(await bench.plan("scale 3"))


@pytest.mark.row("H4", "P2")
async def test_memory_that_workers_may_grow_to_is_warned_of_when_the_host_has_not_so_much(bench: Bench) -> None:
    workers = await bench.live.processes.workers()
    free = sum(worker.memory or 0 for worker in workers) * 1000
    bench.ports = {Supervisor: Declares(Declared(workers=2, memory_limit=free))}

    assert "If each grows to its limit they take" in text(await bench.plan("scale 3"))


@dataclass(frozen=True, slots=True)
class Declares:
    """A process manager with another limit."""

    what: Declared

    async def declared(self) -> Declared:
        return self.what

    def change_argv(self, verb: Verb, *numbers: int) -> tuple[str, ...]:
        return (verb.value, *map(str, numbers))
