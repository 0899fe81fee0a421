"""Watches: the checks looked at again and again, and a problem told once, kept up, and said to be over.

A look is a due row of the service that puts itself back, so that of many replicas one looks. What is told goes the way
of the alerts of other systems: one message a problem, whatever dies between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from graphlib import TopologicalSorter

from bot.core.alerts import NEXT, OR_ELSE, UNWATCHED, WATCH, Alert, Level
from bot.core.clock import Clock
from bot.core.fleet import Fleet, Service
from bot.core.parts import State
from bot.core.records import Due, Store, Unit
from bot.core.registry import Registry
from bot.core.results import Check
from bot.core.watches import Pulse
from bot.digests.checks import checks_of
from bot.digests.declaration import Declaration
from bot.digests.next_steps import helps
from bot.digests.pulse import Patience, is_well, look_at
from bot.digests.rounds import take_round

TASK = "watch"
"""The job that looks at a service, with `service` as its argument."""

_LOST = timedelta(minutes=2)
"""After this a round that was begun is not waited for any more: whoever had it is gone."""

_ABANDONED = timedelta(minutes=5)
"""A service at which nobody has looked for so long is watched by nobody."""

_AGAIN = timedelta(seconds=15)
"""How soon what was not well is looked at again, until it is known whether that is a problem."""

_TOLD_AGAIN = timedelta(minutes=1)
_LOOKED_BACK = timedelta(days=2)
_SHORTEST = timedelta(seconds=1)

Take = Callable[[Unit, Sequence[Sequence[Alert]]], Awaitable[object]]
"""Takes alerts in, in the transaction that is given."""


After = Callable[[Unit, str], Awaitable[None]]
"""What follows a look at a service, in its transaction."""


async def _nothing(_tx: Unit, _service: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What is watched on `service`: every check but `off`, each at least `every` so often; told to `channel`."""

    service: str
    channel: str
    every: timedelta | None = None
    off: frozenset[str] = frozenset()
    patience: Patience = field(default_factory=Patience)

    def interval(self, check: Declaration) -> timedelta:
        """How often it is looked at."""
        return min(check.every, self.every) if self.every else check.every

    def checks(self, service: Service) -> tuple[Declaration, ...]:
        """The checks that are watched, each after those that it follows from."""
        there = {check.name: check for check in checks_of(service, {Store: None}) if check.name not in self.off}
        graph = {name: [cause for cause in check.follows if cause in there] for name, check in there.items()}
        return tuple(there[name] for name in TopologicalSorter(graph).static_order())


@dataclass(frozen=True, slots=True)
class WatchPlans:
    """Every watch that is configured."""

    entries: tuple[WatchPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Watches:
    """Looks, and tells."""

    plans: WatchPlans
    store: Store
    fleet: Fleet
    clock: Clock
    take: Take
    redact: Callable[[str], str]
    registry: Registry
    after: After = _nothing

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {TASK: self.look}

    async def tick(self, now: datetime) -> None:
        """Have a round come for every service that is watched, and end what nobody watches any more."""
        planned = {plan.service for plan in self.plans.entries}
        async with self.store.transaction() as tx:
            for service in sorted(planned):
                await tx.due.put_missing(Due(TASK, service, now, {"service": service}))
            for service in sorted({*await tx.watches.services()} - planned):
                await self._abandon(service, tx, now)

    async def _abandon(self, service: str, tx: Unit, now: datetime) -> None:
        """Forget a service, unless a replica with another configuration still looks at it."""
        pulses = await tx.watches.lock(service)
        if any(pulse.looked_at and now - pulse.looked_at < _ABANDONED for pulse in pulses.values()):
            return
        await tx.watches.forget(service)
        if alerts := [_over(service, name, now) for name, pulse in sorted(pulses.items()) if pulse.is_open]:
            await self.take(tx, [alerts])

    async def look(self, service: str) -> None:
        """One round: look at what it is time for, and tell what has begun, changed and ended."""
        plan = next((plan for plan in self.plans.entries if plan.service == service), None)
        if plan is None:
            return
        now, target = self.clock(), self.fleet.pick(service)
        checks = plan.checks(target)
        there = {check.name for check in checks}
        async with self.store.transaction() as tx:
            # First of all: a round that dies is followed by another.
            await tx.due.put(Due(TASK, service, now + _LOST, {"service": service}))
            before = await tx.watches.of(service)
        wanted = tuple(_timely(checks, before, plan, now))
        found = await take_round(target, store=self.store, now=now, checks=wanted) if wanted else None
        async with self.store.transaction() as tx:
            pulses = dict(await tx.watches.lock(service))
            alerts = []
            seen = {each.name: self._clean(each) for each in found.checks} if found else {}
            for check in wanted:
                before_it = pulses.get(check.name, Pulse())
                if before_it.looked_at and before_it.looked_at >= now:
                    continue  # a later round has looked while this one slept
                if check.name not in seen:
                    pulses[check.name] = replace(before_it, looked_at=now)
                    continue
                held = seen[check.name].undecided or _held(_causes(check, checks), pulses)
                after = look_at(before_it, seen[check.name].state, now=now, patience=plan.patience, held=held)
                pulses[check.name], alert = await self._told(
                    check, seen[check.name], before_it, after, plan=plan, tx=tx
                )
                alerts += [alert] if alert else []
            for name in [name for name, pulse in pulses.items() if pulse.is_open and name not in there | seen.keys()]:
                pulses[name] = Pulse(looked_at=now)
                alerts.append(_over(plan.service, name, now))
            await tx.watches.save(service, pulses)
            if alerts:
                await self.take(tx, [alerts])
            await self.after(tx, service)
            soonest = min((_due_at(check, pulses, plan, now) for check in checks), default=now + _LOST)
            ahead = max(soonest, self.clock() + _SHORTEST)
            await tx.due.put(Due(TASK, service, ahead, {"service": service}))

    def _clean(self, check: Check) -> Check:
        """As it is told: without secrets, and with what helps as the digest offers it."""
        value, evidence = self.redact(check.value), self.redact(check.evidence)
        return replace(check, value=value, evidence=evidence, then=helps(check, self.registry))

    async def _told(
        self, check: Declaration, seen: Check, before: Pulse, after: Pulse, *, plan: WatchPlan, tx: Unit
    ) -> tuple[Pulse, Alert | None]:
        """The pulse, and what is to be said of the problem now; None when there is nothing new."""
        now = after.looked_at or self.clock()
        if not before.is_open and not after.is_open:
            return after, None
        said = f"{seen.state.value}: {seen.value}"
        told = replace(after, told_at=now, said=said) if after.is_open else replace(after, told_at=None, said="")
        if before.is_open and after.is_open:
            old = before.told_at is None or now - before.told_at >= _TOLD_AGAIN
            if not (old and before.said != said):
                return after, None
            return told, _alert(check, seen, plan, firing=True, since=before.bad_since or now, now=now)
        if not after.is_open:
            return told, _alert(check, seen, plan, firing=False, since=before.bad_since or now, now=now)
        since = await _began(check, plan.service, after.bad_since or now, now, tx)
        return replace(told, bad_since=since), _alert(check, seen, plan, firing=True, since=since, now=now)


def key_of(service: str, check: str) -> str:
    """The key of a problem, by which it is silenced too."""
    return f"{service}/{check}"


def _timely(
    checks: Sequence[Declaration], pulses: Mapping[str, Pulse], plan: WatchPlan, now: datetime
) -> Iterator[Declaration]:
    """Those it is time for, and the causes of those that were not well: they are to be known when it is decided."""
    due = {check.name for check in checks if _due_at(check, pulses, plan, now) <= now}
    ill = [check for check in checks if check.name in due and pulses.get(check.name, Pulse()).bad_since]
    causes = {cause for check in ill for cause in _causes(check, checks)}
    return (check for check in checks if check.name in due | causes)


def _due_at(check: Declaration, pulses: Mapping[str, Pulse], plan: WatchPlan, now: datetime) -> datetime:
    """When it is to be looked at next; sooner where it may be about to become a problem."""
    pulse = pulses.get(check.name, Pulse())
    if pulse.looked_at is None:
        return now
    interval = plan.interval(check)
    doubtful = pulse.bad_since and not pulse.is_open
    return pulse.looked_at + (min(interval, _AGAIN) if doubtful else interval)


def _causes(check: Declaration, checks: Sequence[Declaration]) -> set[str]:
    """All that it follows from, also by what is silent itself; `checks` stand after those that they follow from."""
    found = {*check.follows}
    for each in reversed(checks):
        if each.name in found:
            found |= {*each.follows}
    return found


def _held(causes: Collection[str], pulses: Mapping[str, Pulse]) -> bool:
    """Whether something is not well that it follows from."""
    known = [pulses[name] for name in causes if name in pulses]
    return any(cause.is_open or (cause.recent and not is_well(cause.recent[-1])) for cause in known)


async def _began(check: Declaration, service: str, known: datetime, now: datetime, tx: Unit) -> datetime:
    """When it really began: the first of the readings in a row that were not well, whoever took them."""
    began = known
    for reading in reversed(
        await tx.readings.series(service, check.name, since=now - _LOOKED_BACK, until=now + _SHORTEST)
    ):
        if is_well(reading.state):
            break
        began = min(began, reading.at)
    return began


def _alert(check: Declaration, seen: Check, plan: WatchPlan, *, firing: bool, since: datetime, now: datetime) -> Alert:
    limit = f"Limit: {seen.limit}." if seen.limit else ""
    return Alert(
        source=WATCH,
        fingerprint=key_of(plan.service, check.name),
        group=key_of(plan.service, check.name),
        group_title=f"{plan.service}: {check.name}",
        title=f"{check.name}: {seen.value}",
        level=Level.CRITICAL if seen.state is State.FAIL else Level.WARNING,
        firing=firing,
        started_at=since,
        told_at=now,
        text=" ".join(filter(None, (seen.evidence, limit))),
        labels={
            "service": plan.service,
            "check": check.name,
            "owner": check.owner,
            **dict(zip((NEXT, OR_ELSE), seen.then, strict=False)),
        },
    )


def _over(service: str, check: str, now: datetime) -> Alert:
    """The end of a problem whose check is not watched any more."""
    key = key_of(service, check)
    labels = {"service": service, UNWATCHED: check}
    title = f"{check}: not watched any more"
    return Alert(WATCH, key, key, key, title, Level.INFO, firing=False, started_at=now, told_at=now, labels=labels)
