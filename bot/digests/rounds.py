"""One round of checks on one service: all at once, each with its own patience, and what came of it remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from bot.core.command import needs
from bot.core.errors import NotConfigured, OpsbotError
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.ports import Processes, Worker
from bot.core.readings import Reading
from bot.core.records import Store
from bot.core.results import Check, Checks
from bot.digests.baselines import FEWEST, NEAR, judge, last_days, same_weekdays, usual_of
from bot.digests.checks import checks_of
from bot.digests.declaration import Declaration, Finding, NotYet, Terms

_UNKNOWN, _NOT_THERE = "not known", "not there"


class _ListedOnce:
    """A process manager that is asked for its workers once in a round, whoever wants to know: it costs a process."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._listing: asyncio.Task[tuple[Worker, ...]] | None = None

    async def workers(self) -> tuple[Worker, ...]:
        """See `Processes`; one check that gives up does not end it for the others."""
        if self._listing is None:
            self._listing = asyncio.ensure_future(self._processes.workers())
        return await asyncio.shield(self._listing)

    def __getattr__(self, name: str) -> object:
        return getattr(self._processes, name)


@dataclass(frozen=True, slots=True)
class Past:
    """Values of one check: those of the same weekdays, those of the last days, and yesterday's if it is known."""

    weekdays: tuple[float, ...] = ()
    days: tuple[float, ...] = ()
    yesterday: float | None = None


async def take_round(
    service: Service,
    *,
    store: Store,
    now: datetime,
    checks: Sequence[Declaration] | None = None,
    title: str = "",
    ports: Mapping[type, object] | None = None,
    over: timedelta = timedelta(),
) -> Checks:
    """What every check says of `service`, against what is usual too; all of it is remembered in the history.

    Without `checks` it is every check that the configuration of the service has the ports for. One that turns out not
    to be configured, or to have too little of a past, is left out. `over` is that of `Terms`.
    """
    given = {Store: store, **(ports or {})}
    wanted = checks_of(service, given) if checks is None else tuple(checks)
    before = await _past(service, wanted, store=store, now=now)
    found = await check_service(service, now=now, checks=wanted, title=title, ports=given, past=before, over=over)
    found = replace(found, checks=tuple(each for each in found.checks if each.value != _NOT_THERE))
    async with store.transaction() as tx:
        await tx.readings.add(
            [
                Reading(service.name, each.name, now, each.state, each.measure, each.unit, each.value)
                for each in found.checks
            ]
        )
    return found


async def check_service(
    service: Service,
    *,
    now: datetime,
    checks: Sequence[Declaration],
    title: str = "",
    ports: Mapping[type, object] | None = None,
    past: Mapping[str, Past] | None = None,
    over: timedelta = timedelta(),
) -> Checks:
    """What `checks` say of `service`; one that could not run is unknown and says why. Nothing is remembered."""
    there = replace(service, ports={**service.ports, **(ports or {})})
    if Processes in there.ports:
        there = replace(there, ports={**there.ports, Processes: _ListedOnce(there.port(Processes))})
    before = past or {}
    async with asyncio.TaskGroup() as group:
        terms = Terms(now, service.limits, service.name, over)
        running = [group.create_task(_check(check, there, terms, before.get(check.name))) for check in checks]
    return Checks(
        title=title or f"Health of {service.name} ({service.environment})",
        checks=tuple(task.result() for task in running),
        at=now,
    )


async def _past(service: Service, checks: Sequence[Declaration], *, store: Store, now: datetime) -> Mapping[str, Past]:
    names = [check.name for check in checks]
    days, weekdays = last_days(now), same_weekdays(now)
    async with store.transaction() as tx:
        near = await tx.readings.near(
            service.name, names, moments=tuple(dict.fromkeys((*days, *weekdays))), within=NEAR
        )
    found: dict[str, Past] = {}
    for name in names:
        values = {moment: each.value for moment, each in near.get(name, {}).items() if each.value is not None}
        found[name] = Past(
            weekdays=tuple(values[moment] for moment in weekdays if moment in values),
            days=tuple(values[moment] for moment in days if moment in values),
            yesterday=values.get(days[0]),
        )
    return found


async def _check(check: Declaration, service: Service, terms: Terms, past: Past | None) -> Check:
    patience = check.within.total_seconds()
    try:
        ports: dict[str, object] = {name: service.port(kind) for name, kind in needs(check.find).items()}
        async with asyncio.timeout(patience):
            found = await check.find(terms, **ports)
    except TimeoutError:
        found = Finding(State.UNKNOWN, _UNKNOWN, evidence=f"No answer within {patience:g} s.")
    except (NotConfigured, NotYet) as error:
        return Check(check.name, State.UNKNOWN, _NOT_THERE, evidence=str(error))
    except OpsbotError as error:
        found = Finding(State.UNKNOWN, _UNKNOWN, evidence=str(error))
    if past and found.measure is not None:
        found = _against_usual(check, found, past, terms)
    if found.floor:
        found = replace(found, measure=None)
        found = found if found.state is State.OK else replace(found, state=State.UNKNOWN, undecided=True)
    trend = _trend(found.measure, past, check.unit) if past and found.measure is not None else ""
    return Check(
        *(check.name, found.state, found.value, found.limit, found.evidence, found.measure, check.unit, trend),
        then=found.then or check.then,
        undecided=found.undecided,
    )


def _against_usual(check: Declaration, found: Finding, past: Past, terms: Terms) -> Finding:
    """The worse of what the limits and what the usual say; too little of a past is said, and changes nothing."""
    if check.unusual is None or found.measure is None:
        return found
    usual = usual_of(past.weekdays)
    if usual is None:
        words = f"What is usual is not known yet: {len(past.weekdays)} of {FEWEST} same weekdays."
        return replace(found, evidence=f"{found.evidence} {words}".strip())
    state = judge(found.measure, usual, check.unusual, terms)
    words = f"usual at this time of the week: {_figure(usual.middle, check.unit)}"
    if state is State.OK:
        return found
    limit = f"{found.limit}; {words}" if found.limit else words
    return replace(found, state=State.worst((found.state, state)), limit=limit)


def _trend(value: float, past: Past, unit: str) -> str:
    """What it was yesterday and over the last days at this time; empty when nothing is known of them."""
    words = []
    if past.yesterday is not None:
        words.append(f"yesterday {_figure(past.yesterday, unit)}{_change(value, past.yesterday)}")
    if len(past.days) > 1:
        words.append(f"median of {len(past.days)} days {_figure(median(past.days), unit)}")
    return ", ".join(words)


def _change(value: float, before: float) -> str:
    return f" ({(value - before) / abs(before):+.0%})" if before else ""


def _figure(value: float, unit: str) -> str:
    return f"{value:,.4g} {unit}".strip() if abs(value) < 1000 else f"{value:,.0f} {unit}".strip()  # noqa: PLR2004 - four digits either way
