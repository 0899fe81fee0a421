from __future__ import annotations

from datetime import timedelta

from bot.core.command import Context
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.people import Actor, Role
from bot.core.records import Store
from bot.core.registry import Asked, Registry, bind
from bot.core.results import Checks
from bot.store.postgres import Postgres
from commands import checks
from tests.conftest import SetClock
from tests.fakes import FakeProcesses, service, worker


async def test_the_checks_can_be_asked_for_at_any_time_and_are_remembered(store: Postgres, clock: SetClock) -> None:
    asked = Registry(checks.COMMANDS).resolve("/ops", "checks")
    assert isinstance(asked, Asked)
    assert asked.command.run
    gateway = service(processes=FakeProcesses((worker(0),)))
    ctx = Context(Actor("U0ANA", "Ana", Role.VIEWER), "C0OPS", clock(), service="gateway")

    found = await bind(asked.command.run, {Service: gateway, Store: store})(ctx, asked.command.args())

    assert isinstance(found, Checks)
    assert (found.title, found.at, found.state) == ("Health of gateway (production)", clock(), State.OK)
    assert found.checks[0].value == "1 of 1 online"
    async with store.transaction() as tx:
        (reading,) = await tx.readings.series("gateway", "Workers", since=clock(), until=clock() + timedelta(seconds=1))
    assert (reading.state, reading.value, reading.said) == (State.OK, 1, "1 of 1 online")
