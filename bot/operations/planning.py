"""Plans worked out from live state: when somebody asks, and again before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from bot.core.clock import Clock
from bot.core.command import Command, Context
from bot.core.errors import Conflict, NotAllowed, NotFound
from bot.core.fleet import Fleet, Service
from bot.core.people import AUTOMATIC, Actor
from bot.core.plan import Call, Plan, Risk, Step
from bot.core.records import Operation
from bot.core.registry import Registry, bind


class Planner:
    """Binds commands and steps to the ports of a service, and asks commands for their plans."""

    def __init__(self, *, registry: Registry, fleet: Fleet, ports: Mapping[type, object], clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._ports = ports
        self._clock = clock

    def service(self, name: str) -> Service:
        """The service called `name`, or the only one."""
        return self._fleet.pick(name)

    def ports(self, service: str) -> Mapping[type, object]:
        """What a function bound for `service` may ask for."""
        chosen = self._fleet.pick(service)
        return {**self._ports, **chosen.ports, Service: chosen}

    def step(self, name: str) -> Step:
        """The kind of effect called `name`."""
        if name not in self._registry.steps:
            raise NotFound(f"No step is called {name} any more.", hint="Type the command again.")
        return self._registry.steps[name]

    async def plan(self, call: Call, ctx: Context) -> Plan:
        """What `call` would change as things stand; its risk is the higher one of command and plan."""
        command = self.command(call)
        if ctx.actor.role < command.role:
            raise NotAllowed(f'"{command.name}" needs the role {command.role.word}; you have {ctx.actor.role.word}.')
        try:
            args = command.args.model_validate(dict(call.args))
        except ValidationError as error:
            raise Conflict(
                f'The arguments of "{command.name}" have changed since it was stored.', hint="Type the command again."
            ) from error
        service = self._fleet.pick(ctx.service)
        assert command.plan is not None
        plan = await bind(command.plan, self.ports(service.name))(
            replace(ctx, service=service.name, environment=service.environment), args
        )
        return replace(plan, risk=Risk.RISKY) if command.risk is Risk.RISKY else plan

    async def again(self, operation: Operation) -> Plan:
        """The operation's plan as things stand now."""
        plan = await self.plan(operation.call, self.context(operation))
        # A lease that ended by itself meanwhile is no reason to stop: what is to be ended may only grow.
        return with_ends(plan, *operation.plan.ends)

    def context(self, operation: Operation) -> Context:
        """The context in which the operation was asked for; the requester has at least the role that it needs."""
        requester = operation.requester
        role = self.command(operation.call).role
        return Context(
            actor=AUTOMATIC if requester == AUTOMATIC.user_id else Actor(requester, requester, role),
            channel_id=operation.channel,
            now=self._clock(),
            service=operation.service,
            environment=operation.environment,
        )

    def command(self, call: Call) -> Command:
        """The command that `call` means; `NotFound` when this version of the bot has it no more."""
        command = self._registry.commands.get(tuple(call.path))
        if command is None or command.plan is None:
            raise NotFound(f'There is no "{" ".join(call.path)}" any more.', hint="Type the command again.")
        return command


def with_ends(plan: Plan, *lease_ids: str) -> Plan:
    """The plan, which ends `lease_ids` too."""
    return replace(plan, ends=tuple(dict.fromkeys((*plan.ends, *lease_ids))))


def changes_nothing(plan: Plan) -> bool:
    """True when things are already as the plan wants them."""
    return not (plan.actions or plan.lease or plan.ends)


def what_moved(old: Plan, new: Plan) -> str:
    """In words what keeps a plan from being run; empty when nothing does."""
    if old.hash == new.hash:
        return ""
    names = [name for name in {**old.preconditions, **new.preconditions} if _value(old, name) != _value(new, name)]
    if not names:
        return "what has to be done is no longer the same"
    return "; ".join(f"{name} was {_value(old, name)} and is {_value(new, name)} now" for name in names)


def _value(plan: Plan, name: str) -> str:
    return plan.preconditions.get(name, "not set")
