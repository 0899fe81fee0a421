"""Commands that only look: status, health, logs, contacts, active, undo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.command import Context, ServiceArgs
from bot.core.contacts import Contact, Contacts
from bot.core.errors import IntegrationError, NotFound, UsageError
from bot.core.fleet import Fleet, Service
from bot.core.incidents import Incident
from bot.core.parse import parse
from bot.core.parts import State
from bot.core.people import AUTOMATIC, Actor, Role
from bot.core.plan import Area, Call, Plan
from bot.core.ports import Gateway, Health, Processes, Voice, Worker
from bot.core.prose import Line, Person
from bot.core.records import Lease, Operation, Store
from bot.core.registry import bind
from bot.core.results import Field, OperationState, PlanState, ServiceStatus, Status
from bot.operations.engine import Engine
from bot.views import render
from commands import active, contacts, health, logs, status, undo
from tests.conftest import SetClock
from tests.fakes import FakeGateway, FakeProcesses, worker
from tests.fixtures_gateway import Live, pm2_cli

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA = Actor("U0ANA", "Ana", Role.RESPONDER)
CTX = Context(ANA, "C0OPS", NOW, service="gateway", environment="production")


def words(line: Line) -> str:
    if isinstance(line, str):
        return line
    return "".join(part if isinstance(part, str) else str(getattr(part, "text", part)) for part in line)


def shown(card: ServiceStatus) -> dict[str, tuple[str, State | None]]:
    return {field.name: (words(field.value), field.state) for field in card.fields}


async def look(store: Store, *services: Service, name: str = "") -> Status:
    ports = {Store: store, Fleet: Fleet(services)}
    card = await bind(status.status, ports)(CTX, status.Filter(service=name))
    assert render(card).text
    return card


def gateway(processes: FakeProcesses, over_http: FakeGateway, **changed: str) -> Service:
    fitting = Service("gateway", "production", "web-1", {Processes: processes, Gateway: over_http})
    return replace(fitting, **changed)  # type: ignore[arg-type]  # its fields that are text


def lease(**changed: object) -> Lease:
    fitting: dict[str, object] = {
        "id": "3f2a" + "0" * 28,
        "kind": "maintenance",
        "target": "/srv/app/.env",
        "service": "gateway",
        "owner": "operations",
        "by": "U0ANA",
        "reason": "provider is down",
        "channel": "C0OPS",
        "operation_id": "",
        "inverse": Call(("maintenance", "off"), {"owner": "operations"}),
        "since": NOW - timedelta(minutes=5),
        "until": NOW + timedelta(minutes=25),
    }
    return Lease(**(fitting | changed))  # type: ignore[arg-type]  # the fields above


async def hold(store: Store, *leases: Lease) -> None:
    async with store.transaction() as tx:
        for each in leases:
            await tx.leases.open(each)


@pytest.mark.row("K2")
@pytest.mark.parametrize(
    ("rate", "state", "words"),
    [
        pytest.param(99.9, State.OK, "success 99.9 %", id="well"),
        pytest.param(0.981, State.WARN, "success 98.1 %", id="a fraction, not well"),
        pytest.param(93.1, State.FAIL, "success 93.1 %", id="bad"),
    ],
)
async def test_status_is_not_good_when_payments_fail(store: Store, rate: float, state: State, words: str) -> None:
    service = gateway(FakeProcesses((worker(0),)), FakeGateway(numbers={"success_rate": rate}))

    [seen] = (await look(store, service)).services

    told, found = shown(seen)["Rates"]
    assert told.startswith(f"{words}, at least 99 %. As the service gives it")
    assert found is state
    assert seen.state in {state, State.UNKNOWN}


@pytest.mark.row("S", "K2")
async def test_status_of_the_real_service_is_one_card(live: Live, store: Store) -> None:
    card = await look(store, live.service)

    [service] = card.services
    seen = shown(service)
    assert (service.state, service.unknown) == (State.OK, ())
    assert seen["Workers"] == ("2 of 2 online, cluster mode", State.OK)
    assert seen["Health"] == ("2 of 2 workers answer", State.OK)
    assert seen["Maintenance"] == ("off", State.OK)
    assert "Rates" in seen


async def test_status_tells_what_could_not_be_checked_and_why(live: Live, store: Store) -> None:
    pm2_cli(live.demo, "stop", "all")

    [service] = (await look(store, live.service)).services

    assert shown(service)["Workers"][1] is State.FAIL
    assert service.unknown == (
        "Health: No worker is known that could be asked.",
        "Rates: No worker is known that could be asked.",
        "Maintenance: No worker is known that could be asked.",
    )


async def test_a_system_that_is_not_configured_is_unknown_and_never_good(store: Store) -> None:
    bare = Service("gateway", "production", "web-1", {})

    [service] = (await look(store, bare)).services

    assert service.state is State.UNKNOWN
    assert service.unknown[0] == "Workers: gateway has no processes configured."


async def test_what_hangs_is_unknown_and_the_rest_is_shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_WITHIN", 0.1)

    service = gateway(FakeProcesses((worker(0),)), FakeGateway(numbers={"error_rate": 0.5}, hangs=True))
    [seen] = (await look(store, service)).services

    assert seen.unknown == ("Health: no answer within 0.1 s",)
    assert shown(seen)["Rates"] == ("error rate 0.5 as the service gives it", None)


@pytest.mark.parametrize(
    ("processes", "statuses", "name", "expected"),
    [
        pytest.param(
            (worker(0), worker(1, "errored")),
            {},
            "Workers",
            ("1 of 2 online, cluster mode, worker 1 is errored", State.WARN),
            id="a worker is away",
        ),
        pytest.param(
            (worker(0), worker(1)),
            {1001: 500},
            "Health",
            ("2 of 2 workers answer, one of them with 500", State.FAIL),
            id="ill",
        ),
        pytest.param(
            (worker(0), worker(1)), {1001: 0}, "Health", ("1 of 2 workers answer", State.UNKNOWN), id="silent"
        ),
    ],
)
async def test_a_part_that_is_not_well_is_told(
    store: Store, processes: tuple[Worker, ...], statuses: dict[Voice, int], name: str, expected: tuple[str, State]
) -> None:
    service = gateway(FakeProcesses(processes), FakeGateway(statuses=statuses))

    [seen] = (await look(store, service)).services

    assert shown(seen)[name] == expected


@dataclass(slots=True)
class Says(FakeGateway):
    """A service whose workers, in their order, say this of maintenance."""

    said: tuple[bool, ...] = ()

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        return dict(zip(voices, self.said, strict=False))


@pytest.mark.row("G7")
@pytest.mark.parametrize(
    ("said", "held", "expected"),
    [
        pytest.param((True, True), True, "on; held by operations", id="held"),
        pytest.param((True, True), False, "on; nobody holds it", id="by hand"),
        pytest.param((False, False), True, "off, though it is held; held by operations", id="held in vain"),
        pytest.param((True, False), False, "on at some workers only; nobody holds it", id="half"),
    ],
)
async def test_maintenance_is_told_with_who_holds_it(
    store: Store, said: tuple[bool, ...], *, held: bool, expected: str
) -> None:
    if held:
        await hold(store, lease())

    [seen] = (await look(store, gateway(FakeProcesses((worker(0), worker(1))), Says(said=said)))).services

    text, state = shown(seen)["Maintenance"]
    assert text.startswith(expected)
    assert state is State.WARN


async def test_a_worker_that_does_not_say_whether_it_is_in_maintenance_makes_that_unknown(store: Store) -> None:
    [seen] = (await look(store, gateway(FakeProcesses((worker(0), worker(1))), Says(said=(False,))))).services

    assert seen.unknown == ("Maintenance: 1 of 2 workers do not say.",)


def operation(**changed: object) -> Operation:
    fitting: dict[str, object] = {
        "id": "op1",
        "call": Call(("maintenance", "on")),
        "plan": Plan("Turn maintenance on", Area.PROCESSES, (), ()),
        "plan_hash": "",
        "service": "gateway",
        "environment": "production",
        "host": "web-1",
        "reason": "",
        "requester": "U0ANA",
        "approver": "",
        "channel": "C0OPS",
        "plan_state": PlanState.ACCEPTED,
        "state": OperationState.QUEUED,
        "epoch": 0,
        "proposed_at": NOW,
    }
    return Operation(**(fitting | changed))  # type: ignore[arg-type]  # the fields above


async def test_what_goes_on_now_is_below_the_services(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.operations.propose(operation())
        await tx.operations.propose(operation(id="op2", requester=AUTOMATIC.user_id))
        await tx.incidents.declare(Incident(0, "Payments fail", "High", "open", "C0INC", "U0ANA", "U0ANA", NOW))
    await hold(store, lease(kind="block", target="203.0.113.9", owner="security"))

    card = await look(store, gateway(FakeProcesses((worker(0),)), FakeGateway()))

    lines = [words(line) for line in card.active]
    assert lines[0].startswith("Incident 1, High: Payments fail")
    assert any("asked for by opsbot (automatic)" in line for line in lines)
    assert lines[-1].startswith("block of gateway is held by security")


async def test_status_can_be_of_one_service_only(store: Store) -> None:
    one, two = (gateway(FakeProcesses((worker(0),)), FakeGateway(), name=name) for name in ("one", "two"))

    assert [service.name for service in (await look(store, one, two)).services] == ["one", "two"]
    assert [service.name for service in (await look(store, one, two, name="two")).services] == ["two"]


@pytest.mark.row("S")
async def test_health_is_one_table_by_page_and_worker(live: Live) -> None:
    ports = {**live.service.ports, Service: live.service}

    table = await bind(health.health, ports)(CTX, ServiceArgs())

    assert [row[0] for row in table.rows] == ["basic"] * 2 + ["detailed"] * 2 + ["dependencies"] * 2
    assert {row[2] for row in table.rows} == {"200"}
    assert [words(row[1])[:7] for row in table.rows[:2]] == ["0 (pid ", "1 (pid "]
    assert "status ok" in words(table.rows[0][4])


@dataclass(slots=True)
class Away(FakeGateway):
    """A service whose workers answer nothing, and whose detailed page is refused."""

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        if kind == "detailed":
            raise IntegrationError(f"connection refused for {len(voices)}")
        return {}


async def test_a_health_page_that_nobody_answers_is_unknown_with_the_reason() -> None:
    service = gateway(FakeProcesses((worker(0),)), Away())
    ports = {**service.ports, Service: service}

    table = await bind(health.health, ports)(CTX, ServiceArgs())

    assert table.rows == (
        ("basic", "0 (pid 1000)", "unknown", "", "did not answer"),
        ("detailed", "all", "unknown", "", "connection refused for 1"),
        ("dependencies", "0 (pid 1000)", "unknown", "", "did not answer"),
    )


@pytest.mark.row("E1", "E2")
async def test_logs_of_the_real_service_are_its_newest_lines(live: Live) -> None:
    ports = {**live.service.ports, Service: live.service}
    await live.processes.reload()
    await asyncio.sleep(0.2)

    found = await bind(logs.tail, ports)(CTX, parse("5", logs.Tail))
    listening = await bind(logs.tail, ports)(CTX, parse("10 --grep LISTENING", logs.Tail))

    assert len(found.lines) == 5
    assert found.title == f"{live.demo.name}: last 5 lines"
    assert all("listening on" in line for line in listening.lines)
    assert listening.lines


@pytest.mark.parametrize("text", ["0", "1001", "many"])
def test_a_count_of_lines_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text, logs.Tail)


@pytest.mark.row("A1")
async def test_contacts_that_reach_nobody_are_marked() -> None:
    known = Contacts(
        (Contact("Primary On-Call", "your-email@domain.com", "First"), Contact("Security", "U0SEC", "Breaches"))
    )
    ports: dict[type, object] = {Contacts: known}

    table = await bind(contacts.show, ports)(CTX, contacts.Filter())
    security = await bind(contacts.show, ports)(CTX, contacts.Filter(role="secur"))

    assert table.rows[0] == ("Primary On-Call", "your-email@domain.com (placeholder)", "First")
    assert table.notes == ("1 of them reach nobody: set contacts in opsbot.yaml.",)
    assert [row[0] for row in security.rows] == ["Security"]
    assert security.notes == ()
    with pytest.raises(NotFound, match="No contact is for"):
        await bind(contacts.show, ports)(CTX, contacts.Filter(role="cook"))


async def test_no_contacts_at_all_are_told_by_the_empty_table() -> None:
    assert (await bind(contacts.show, {Contacts: Contacts()})(CTX, contacts.Filter())).rows == ()


@pytest.mark.row("G7")
async def test_active_lists_every_lease_with_its_undo(store: Store, clock: SetClock) -> None:
    await hold(
        store, lease(), lease(id="4a" + "0" * 30, kind="block", target="x", owner="security", until=None, reason="")
    )

    table = await bind(active.active, {Store: store})(CTX, active.Filter())

    assert {words(row[1]) for row in table.rows} == {"maintenance", "block"}
    assert {button.verb for button in table.buttons} == {"lease.undo"}
    assert {"by hand only", "no reason given"} <= {words(cell) for row in table.rows for cell in row}
    assert (await bind(active.active, {Store: store})(CTX, active.Filter(service="other"))).rows == ()


async def test_undo_without_anything_active_or_with_a_wrong_id_says_what_there_is(store: Store) -> None:
    ports = {Store: store, Engine: None}  # never asked for anything here
    with pytest.raises(NotFound, match="Nothing is active"):
        await bind(undo.undo, ports)(CTX, undo.What())
    await hold(store, lease(), lease(id="3f2b" + "0" * 28, owner="security"))

    with pytest.raises(NotFound, match="begins with") as wrong:
        await bind(undo.undo, ports)(CTX, undo.What(id="ffff"))
    with pytest.raises(UsageError, match="Which one") as several:
        await bind(undo.undo, ports)(CTX, undo.What(id="3f"))

    assert "3f2a0000: maintenance of gateway (operations)" in wrong.value.hint
    assert "3f2b0000: maintenance of gateway (security)" in several.value.hint


def test_the_field_of_a_card_carries_its_state() -> None:
    assert status._count(()) == Field("Workers", "0 of 0 online", State.FAIL)


async def test_a_contact_who_is_in_slack_is_a_mention() -> None:
    known = Contacts((Contact("Primary On-Call", "U0000000005"),))

    table = await bind(contacts.show, {Contacts: known})(CTX, contacts.Filter())

    assert table.rows == (("Primary On-Call", (Person("U0000000005"),), ""),)
