"""After each look of a watch: what could be done about what it found, and what is done by itself.

A case is decided on under one lock, in the transaction that begins its operation: of many replicas one begins it, once,
and none after automation was turned off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import structlog

from bot.automation.holds import why_held
from bot.automation.outcomes import Outcomes
from bot.automation.policy import Policies, Policy
from bot.automation.rule import Rule, Seen, Want
from bot.automation.rules import rules
from bot.core.alert_looks import look_for
from bot.core.automation import Case
from bot.core.clock import Clock
from bot.core.command import Context, needs
from bot.core.errors import OpsbotError
from bot.core.people import AUTOMATIC
from bot.core.plan import Area
from bot.core.ports import Chat
from bot.core.records import Due, Operation, Store, Unit
from bot.core.registry import bind
from bot.digests.watches import key_of
from bot.operations.break_glass import Commanders
from bot.operations.engine import Engine
from bot.operations.planning import changes_nothing
from bot.operations.rows import touches_same
from bot.operations.unattended import Unattended

LOOK, SETTLE = "automation", "automation_end"
"""The jobs: to see what could be done for `service`, and how the act of an operation ended."""

SETTLED_AFTER = timedelta(seconds=2)
"""Until the next look at how an act ended."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Automations:
    """Sees, decides, and sees what came of it."""

    policies: Policies
    store: Store
    unattended: Unattended
    outcomes: Outcomes
    clock: Clock
    rules: Sequence[Rule] = field(default_factory=rules)

    @classmethod
    def on(
        cls, engine: Engine, policies: Policies, *, store: Store, chat: Chat, clock: Clock, commanders: Commanders
    ) -> Automations:
        """Those that act through an engine."""
        return cls(policies, store, engine.unattended, Outcomes(store, chat, clock, engine.trail, commanders), clock)

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The jobs by their names."""
        return {LOOK: self.look, SETTLE: self.settle, **self.outcomes.handlers}

    async def after(self, tx: Unit, service: str) -> None:
        """Have a look come after that of the watch, in whose transaction this is."""
        if self.policies.of(service):
            await tx.jobs.defer(LOOK, lock=f"{LOOK}:{service}", args={"service": service})

    async def look(self, service: str) -> None:
        """See for each automation whether it would do something, and have it done where it may."""
        policy = self.policies.of(service)
        if policy is None:
            return
        async with self.store.transaction() as tx:
            pulses = await tx.watches.of(service)
        seen = Seen(self.unattended.service(service), self.clock(), pulses, policy.patience)
        for rule, want in self._there(service):
            try:
                wanted = await want(seen, policy.settings[rule.name])
            except OpsbotError as error:  # what is not known neither begins nor ends a case
                log.warning("automation knows nothing", rule=rule.name, service=service, reason=str(error))
                continue
            await self._put_away(rule, wanted, seen)
            if wanted:
                await self._consider(rule, wanted, policy, seen)

    async def settle(self, operation_id: str) -> None:
        """See how an act ended; look again while it has not."""
        async with self.store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            if operation.state.is_final:
                await tx.automation.lock()
                await self.outcomes.settle(tx, await tx.automation.of_operation(operation_id), operation)
            else:
                await tx.due.put(_settling(operation_id, self))

    def _there(self, service: str) -> Iterator[tuple[Rule, Callable[..., Awaitable[Want | None]]]]:
        """The automations of a service that has what they are about."""
        ports = self.unattended.ports(service)
        for rule in self.rules:
            if {*needs(rule.want).values()} <= ports.keys():
                yield rule, bind(rule.want, ports)

    async def _put_away(self, rule: Rule, want: Want | None, seen: Seen) -> None:
        """End the cases for which there is no reason any more."""
        async with self.store.transaction() as tx:
            for case in await tx.automation.cases(service=seen.service.name, since=seen.now):
                if case.rule == rule.name and not case.over_at and not (want and case.problem == want.problem):
                    await tx.automation.save(replace(case, over_at=seen.now))
                    await look_for(tx, case.alert, now=seen.now)

    async def _consider(self, rule: Rule, want: Want, policy: Policy, seen: Seen) -> None:
        """Begin it, or say why not."""
        async with self.store.transaction() as tx:
            if (await _case(tx, rule, want, seen)).operation_id:
                return
            held = await why_held(tx, rule, want, policy, seen)
        drafted = None if held else await self._draft(rule, want, policy, seen)
        if isinstance(drafted, Operation) and changes_nothing(drafted.plan):
            return
        async with self.store.transaction() as tx:
            await tx.automation.lock()
            # All of it once more: it may have been turned off meanwhile, or another replica may have been faster.
            case = await _case(tx, rule, want, seen)
            if case.operation_id:
                return
            held = await why_held(tx, rule, want, policy, seen) or held or await _hindered(tx, drafted)
            if isinstance(drafted, Operation) and not held:
                await self._begin(tx, replace(case, held="", over_at=None), want, drafted)
            elif (case.held, case.over_at) != (held, None):
                await tx.automation.save(replace(case, held=held, over_at=None))
                await look_for(tx, case.alert, now=seen.now)

    async def _draft(self, rule: Rule, want: Want, policy: Policy, seen: Seen) -> Operation | str:
        """The operation, or why it cannot be."""
        context = Context(AUTOMATIC, policy.channel, seen.now, service=policy.service)
        figures = want.why[:1].upper() + want.why[1:]
        why = f"By itself: automation {rule.name} is allowed by the configuration. {figures}."
        try:
            return await self.unattended.draft(want.call, context, automatic=why)
        except OpsbotError as error:
            return f"it cannot be planned: {error}".rstrip(".")

    async def _begin(self, tx: Unit, case: Case, want: Want, operation: Operation) -> None:
        """The act, its budget and its operation, all of them or nothing."""
        await tx.automation.save(case)
        act = replace(case, call=want.call, why=want.why, operation_id=operation.id, acted_at=self.clock())
        if await tx.automation.begin(act):
            policy = f"automation {case.rule} of {case.service}, allowed by the configuration"
            await self.unattended.begin(tx, operation, policy=policy)
            await tx.due.put(_settling(operation.id, self))
            await look_for(tx, case.alert, now=self.clock())


async def _case(tx: Unit, rule: Rule, want: Want, seen: Seen) -> Case:
    """The case as it is stored, or a new one; its `held` is no reason of ours yet."""
    stored = await tx.automation.find(seen.service.name, rule.name, want.problem)
    return stored or Case(
        id=uuid4().hex,
        service=seen.service.name,
        rule=rule.name,
        problem=want.problem,
        alert=key_of(seen.service.name, want.check),
        call=want.call,
        why=want.why,
        held="",
        at=seen.now,
    )


async def _hindered(tx: Unit, drafted: Operation | str | None) -> str:
    """Why there is no operation, or what is under way already: on the same part of the host, or on the database."""
    if not isinstance(drafted, Operation):
        return drafted or ""
    running = await tx.operations.running()
    other = next((each for each in running if touches_same(each, drafted) or _migrates(each, drafted)), None)
    return f"{other.plan.title} is under way" if other else ""


def _migrates(other: Operation, drafted: Operation) -> bool:
    """Whether it changes the service's database, wherever that is: what fails meanwhile may come of that."""
    return other.service == drafted.service and other.plan.area is Area.DATABASE


def _settling(operation_id: str, automations: Automations) -> Due:
    return Due(SETTLE, operation_id, automations.clock() + SETTLED_AFTER, {"operation_id": operation_id})
