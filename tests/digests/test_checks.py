from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.ports import Backup, Done
from bot.core.records import Store
from bot.core.results import Check, Checks
from bot.digests.checks import CHECKS, checks_of
from bot.digests.rounds import check_service
from bot.store.postgres import Postgres
from tests.fakes import FakeBackups, FakeGateway, FakeMonitor, FakeProcesses, backup, service, worker

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TWO = FakeProcesses((worker(0), worker(1)))
WELL = FakeGateway({"daily_transactions": 1234, "success_rate": 99.5, "avg_response_time": 42.0})
PASSES = FakeMonitor(Done(0, "OK   health: 200\nOK   disk: 41% used\n", ""))
DAILY = FakeBackups(tuple(backup(made_at=NOW - timedelta(hours=6 + 24 * day)) for day in range(7)))
RECENT = backup(made_at=NOW - timedelta(hours=1))


async def look(name: str, at: Service, store: Store | None = None) -> Check:
    ports: dict[type, object] = {Store: store} if store else {}
    found = await check_service(at, now=NOW, checks=[check for check in CHECKS if check.name == name], ports=ports)
    return found.checks[0]


async def test_a_service_that_is_well_passes_every_check(store: Postgres) -> None:
    at = service(processes=TWO, gateway=WELL, monitor=PASSES, backups=DAILY)
    ports: dict[type, object] = {Store: store}

    there = [
        check
        for check in checks_of(at, ports)
        if check.name not in {"Pending payments", "Disk full", "Connections used up"}
    ]
    found = await check_service(at, now=NOW, checks=there, ports=ports)

    assert isinstance(found, Checks)
    assert {"Workers", "Health", "Success rate", "Monitor script", "Backups"} <= {check.name for check in found.checks}
    assert found.state is State.OK


async def test_what_is_not_configured_is_left_out_and_where_nothing_is_left_the_verdict_is_unknown() -> None:
    nothing = service()

    found = await check_service(nothing, now=NOW, checks=checks_of(nothing, {}))

    assert (found.checks, found.state) == ((), State.UNKNOWN)


async def test_what_is_asked_for_by_name_and_not_configured_is_unknown_and_never_ok() -> None:
    found = await check_service(service(), now=NOW, checks=CHECKS)

    assert {check.state for check in found.checks} == {State.UNKNOWN}


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.row("K1")
@pytest.mark.parametrize(
    ("numbers", "limits", "state", "value"),
    [
        pytest.param({"daily_transactions": 1234.0}, {}, State.OK, "1,234 today", id="usual"),
        pytest.param({"daily_transactions": 0.0}, {}, State.WARN, "0 today", id="none today"),
        pytest.param(
            {"daily_transactions": 40.0}, {"transactions_fail_below": 50}, State.FAIL, "40 today", id="below the limit"
        ),
        pytest.param({}, {}, State.UNKNOWN, "not known", id="missing"),
        pytest.param({"daily_transactions": float("nan")}, {}, State.UNKNOWN, "not known", id="no number"),
    ],
)
async def test_the_volume_is_held_against_its_limits(
    store: Postgres, numbers: dict[str, float], limits: dict[str, float], state: State, value: str
) -> None:
    at = service(processes=TWO, gateway=FakeGateway(numbers), limits=limits)

    seen = await look("Transaction volume", at, store)

    assert (seen.state, seen.value) == (state, value)


@pytest.mark.row("K2")
@pytest.mark.parametrize(
    ("rate", "state", "value"),
    [
        (0.987, State.WARN, "98.7 %"),
        (98.7, State.WARN, "98.7 %"),
        (1.0, State.OK, "100 %"),
        (99.95, State.OK, "99.95 %"),
        (0.5, State.FAIL, "50 %"),
        (0.0, State.FAIL, "0 %"),
        (101.0, State.UNKNOWN, "not known"),
        (-1.0, State.UNKNOWN, "not known"),
    ],
)
async def test_fractions_and_percentages_of_success_are_told_apart(
    store: Postgres, rate: float, state: State, value: str
) -> None:
    seen = await look("Success rate", service(processes=TWO, gateway=FakeGateway({"success_rate": rate})), store)

    assert (seen.state, seen.value) == (state, value)


async def test_a_success_rate_that_the_service_does_not_give_is_unknown_with_the_reason(store: Postgres) -> None:
    seen = await look("Success rate", service(processes=TWO, gateway=FakeGateway()), store)

    assert seen.state is State.UNKNOWN
    assert "gives no success_rate" in seen.evidence


@pytest.mark.row("K3")
@pytest.mark.parametrize(
    ("done", "state", "evidence"),
    [
        pytest.param(Done(0, "OK health\n", ""), State.OK, "OK health", id="passes"),
        pytest.param(Done(1, "FAIL disk: 97% used\n", "dying\n"), State.FAIL, "FAIL disk: 97% used; dying", id="fails"),
        pytest.param(Done(127, "", ""), State.UNKNOWN, "exit code 127", id="not there"),
        pytest.param(Done(126, "", "permission denied"), State.UNKNOWN, "permission denied", id="not executable"),
    ],
)
async def test_the_monitor_script_is_believed_only_if_it_ran(done: Done, state: State, evidence: str) -> None:
    seen = await look("Monitor script", service(monitor=FakeMonitor(done)))

    assert seen.state is state
    assert evidence in seen.evidence


@pytest.mark.row("K4")
@pytest.mark.parametrize(
    ("newest", "state", "said"),
    [
        pytest.param(RECENT, State.OK, "newest is 1.0 h old, 100 kB", id="fresh"),
        pytest.param(backup(made_at=NOW - timedelta(hours=25.9)), State.OK, "25.9 h", id="just in time"),
        pytest.param(backup(made_at=NOW - timedelta(hours=26.1)), State.FAIL, "26.1 h", id="stale"),
        pytest.param(replace(RECENT, size=0), State.FAIL, "it is empty", id="empty"),
        pytest.param(replace(RECENT, fault="cut off"), State.FAIL, "cut off", id="broken"),
        pytest.param(replace(RECENT, size=40_000), State.WARN, "at least 50% of the usual 100 kB", id="too small"),
        pytest.param(backup(made_at=NOW + timedelta(hours=1)), State.UNKNOWN, "dated in the future", id="future"),
    ],
)
async def test_the_newest_backup_must_be_fresh_whole_and_of_a_usual_size(
    newest: Backup, state: State, said: str
) -> None:
    seen = await look("Backups", service(backups=FakeBackups((newest, *DAILY.found))))

    assert seen.state is state
    assert said in f"{seen.value} {seen.limit} {seen.evidence}"


async def test_a_first_backup_is_compared_with_nothing_and_no_backup_at_all_fails() -> None:
    first = await look("Backups", service(backups=FakeBackups(DAILY.found[:1])))
    none = await look("Backups", service(backups=FakeBackups(())))

    assert (first.state, none.state) == (State.OK, State.FAIL)


@pytest.mark.parametrize(
    ("statuses", "limits", "state", "value"),
    [
        pytest.param(("online", "online"), {}, State.OK, "2 of 2 online", id="all"),
        pytest.param(("online", "errored"), {}, State.WARN, "1 of 2 online", id="one is away"),
        pytest.param(("online", "online"), {"workers_fail_below": 3}, State.FAIL, "2 of 2 online", id="too few"),
        pytest.param((), {}, State.FAIL, "0 of 0 online", id="none"),
    ],
)
async def test_workers_are_counted_by_what_the_process_manager_says(
    statuses: tuple[str, ...], limits: dict[str, float], state: State, value: str
) -> None:
    processes = FakeProcesses(tuple(worker(number, status) for number, status in enumerate(statuses)))

    seen = await look("Workers", service(processes=processes, limits=limits))

    assert (seen.state, seen.value) == (state, value)


@pytest.mark.parametrize(
    ("gateway", "state", "evidence"),
    [
        pytest.param(FakeGateway(), State.OK, "", id="all answer"),
        pytest.param(FakeGateway(statuses={1001: 503}), State.FAIL, "worker 1 answered 503", id="one is ill"),
        pytest.param(FakeGateway(statuses={1000: 0}), State.UNKNOWN, "worker 0 did not answer", id="one is silent"),
        pytest.param(FakeGateway(latency=1.5), State.WARN, "", id="slow"),
    ],
)
async def test_health_is_asked_of_every_worker(gateway: FakeGateway, state: State, evidence: str) -> None:
    seen = await look("Health", service(processes=TWO, gateway=gateway))

    assert (seen.state, seen.evidence) == (state, evidence)


async def test_metrics_are_unknown_when_no_worker_can_be_asked(store: Postgres) -> None:
    away = FakeProcesses((worker(0, "stopped"),))

    seen = await look("Transaction volume", service(processes=away, gateway=WELL), store)

    assert seen.state is State.UNKNOWN
    assert "No worker is online" in seen.evidence


async def test_a_check_that_hangs_is_unknown_and_holds_up_no_other() -> None:
    hurried = tuple(replace(check, within=timedelta(seconds=0.05)) for check in CHECKS)

    found = await check_service(service(processes=TWO, gateway=FakeGateway(hangs=True)), now=NOW, checks=hurried)

    states = {check.name: check.state for check in found.checks}
    assert (states["Health"], states["Workers"]) == (State.UNKNOWN, State.OK)
    assert "No answer within 0.05 s." in [check.evidence for check in found.checks]


@pytest.mark.parametrize(("size", "shown"), [(950, "950 B"), (2_340_000, "2.34 MB"), (7_100_000_000, "7.1 GB")])
async def test_sizes_are_shown_in_units_that_fit(size: int, shown: str) -> None:
    seen = await look("Backups", service(backups=FakeBackups((backup(made_at=NOW, size=size),))))

    assert seen.value.endswith(shown)
