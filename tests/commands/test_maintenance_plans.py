"""Plans of maintenance where something cannot be asked or does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.command import Context
from bot.core.errors import IntegrationError
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.people import Actor, Role
from bot.core.plan import Plan
from bot.core.ports import EnvFile, Gateway, Processes, Voice, Worker
from bot.core.records import Store
from bot.core.registry import bind
from bot.core.results import Field, Fields
from commands.maintenance import Off, On, Show, show, turn_off, turn_on
from integrations.envfile import Config, DotEnvFile
from tests.fakes import FakeGateway, FakeProcesses, worker

CTX = Context(Actor("U0ANA", "Ana", Role.RESPONDER), "C0OPS", datetime(2026, 3, 2, 9, 0, tzinfo=UTC), service="gateway")
KEY = "ENABLE_MAINTENANCE_MODE"
TWO = (worker(0), worker(1))


@dataclass(slots=True)
class Shop(FakeGateway):
    """A service whose workers say `said`, or cannot be asked."""

    said: bool | None = False
    away: bool = False

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        if self.away:
            raise IntegrationError("connection refused")
        return {} if self.said is None else dict.fromkeys(voices, self.said)

    async def pending_payments(self) -> int | None:
        if self.away:
            raise IntegrationError("connection refused")
        return 2


@dataclass(slots=True)
class Bench:
    """The commands on an environment file, workers and a service."""

    path: Path
    store: Store
    workers: tuple[Worker, ...] = TWO
    gateway: FakeGateway | None = None

    @property
    def ports(self) -> dict[type, object]:
        env = DotEnvFile(Config(path=str(self.path)), data=self.path.parent)
        ports: dict[type, object] = {
            EnvFile: env,
            Processes: FakeProcesses(self.workers),
            Gateway: self.gateway or Shop(),
        }
        return {**ports, Store: self.store, Service: Service("gateway", "production", "web-1", ports)}

    async def on(self) -> Plan:
        plan: Plan = await bind(turn_on, self.ports)(CTX, On())
        return plan

    async def off(self) -> Plan:
        plan: Plan = await bind(turn_off, self.ports)(CTX, Off())
        return plan

    async def shown(self) -> Fields:
        shown = await bind(show, self.ports)(CTX, Show())
        assert isinstance(shown, Fields)
        return shown


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Bench:
    path = tmp_path / ".env"
    path.write_text("PORT=3000\n")
    return Bench(path, store)


async def test_workers_that_cannot_be_asked_are_told_in_the_plan_and_do_not_stop_it(bench: Bench) -> None:
    bench.gateway = Shop(away=True)

    plan = await bench.on()

    assert plan.warnings[0] == "The workers could not be asked: connection refused"
    assert [action.step for action in plan.actions] == ["env.set", "processes.reload", "maintenance.observe"]


@pytest.mark.row("G8")
async def test_payments_that_still_wait_are_told_before_the_end_or_are_unknown(bench: Bench) -> None:
    bench.path.write_text(f"{KEY}=true\n")
    open_payments = (await bench.off()).changes[-1]
    bench.gateway = Shop(away=True)

    assert open_payments == Field("Payments still pending", "2", State.WARN)
    assert (await bench.off()).changes[-1] == Field(
        "Payments still pending", "unknown: connection refused", State.UNKNOWN
    )


async def test_fork_mode_is_warned_of(bench: Bench) -> None:
    bench.workers = tuple(replace(each, mode="fork_mode") for each in TWO)

    plan = await bench.on()

    assert "2 of 2 workers are online, in fork mode." in plan.warnings[0]
    assert plan.preconditions["the mode of the workers"] == "fork"


async def test_a_service_without_workers_can_still_be_planned(bench: Bench) -> None:
    bench.workers = ()

    plan = await bench.on()

    assert "0 of 0 workers are online, in no mode." in plan.warnings[0]
    assert (await bench.shown()).state is State.UNKNOWN


async def test_the_plan_names_the_line_that_changes(bench: Bench) -> None:
    bench.path.write_text(f"PORT=3000\n{KEY}=\n")

    plan = await bench.on()

    assert [str(part) for part in plan.changes[0].value][-1] == " on line 2"
    assert plan.preconditions[KEY] == "empty"
    assert plan.undo[0].params == {"key": KEY, "old": "true", "new": ""}


async def test_what_the_workers_do_not_tell_is_unknown(bench: Bench) -> None:
    bench.gateway = Shop(said=None)

    shown = await bench.shown()

    assert shown.state is State.UNKNOWN
    assert shown.fields[1].value == "worker 0: does not say; worker 1: does not say"


async def test_why_the_workers_could_not_be_asked_is_shown(bench: Bench) -> None:
    bench.gateway = Shop(away=True)

    assert (await bench.shown()).notes == ("The workers could not be asked: connection refused",)
