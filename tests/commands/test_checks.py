from __future__ import annotations

from bot.core.command import Context
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.people import Actor, Role
from bot.core.registry import Asked, Registry, bind
from bot.core.results import Checks
from commands import checks
from tests.conftest import SetClock
from tests.fakes import FakeProcesses, service, worker


async def test_the_checks_can_be_asked_for_at_any_time(clock: SetClock) -> None:
    asked = Registry(checks.COMMANDS).resolve("/ops", "checks")
    assert isinstance(asked, Asked)
    assert asked.command.run
    gateway = service(processes=FakeProcesses((worker(0),)))
    ctx = Context(Actor("U0ANA", "Ana", Role.VIEWER), "C0OPS", clock(), service="gateway")

    found = await bind(asked.command.run, {Service: gateway})(ctx, asked.command.args())

    assert isinstance(found, Checks)
    assert (found.title, found.at, found.state) == ("Health of gateway (production)", clock(), State.UNKNOWN)
    assert found.checks[0].value == "1 of 1 online"
