"""What a digest says, by the template of its schedule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from bot.core.parts import State
from bot.core.prose import Line
from bot.core.readings import Reading
from bot.core.records import Store
from bot.core.results import Check, Digest, Part
from bot.core.schedules import Template
from bot.digests.checks import checks_of
from bot.digests.declaration import Declaration, Family
from bot.digests.edition import MOMENT, Edition, Order, eyes, lines_of, tally, worst_first
from bot.digests.look_back import MONTHLY, WEEKLY
from bot.digests.monthly import review_of
from bot.digests.rounds import take_round
from bot.digests.trends import happened, week_over_week

_FIGURES = 5
_WEEK, _MONTH = 7, 30
_DAY = timedelta(days=1)
_TRENDED = ("Success rate", "Transaction volume", "Response time", "Health", "Error rate", "CPU", "Memory", "Disks")
_SECURITY = {Family.SECURITY}
_PERFORMANCE = {Family.PAYMENTS, Family.WORKERS, Family.OUTSIDE}


async def edition(order: Order) -> Edition:
    """What there is to say now."""
    return await _EDITIONS[order.schedule.template](order)


async def daily(order: Order) -> Edition:
    """How everything is now, against yesterday and the days before."""
    looked = await take_round(order.service, store=order.store, now=order.now, over=_DAY)
    well = [check for check in looked.checks if check.trend and check.state is State.OK]
    message = Digest(
        title=looked.title,
        state=looked.state,
        verdict=tally(looked.checks),
        at=order.now,
        eyes=eyes(looked.checks),
        columns=("All well", "Now", "Before"),
        rows=tuple((check.name, check.value, check.trend) for check in well[:_FIGURES]),
    )
    section = Part("The worst first", lines_of(worst_first(looked.checks)))
    return Edition(
        message,
        order.document("Everything that was looked at", [section]),
        looked.checks,
        await order.pictures(_WEEK, _MONTH),
    )


async def weekly(order: Order) -> Edition:
    """The week against the one before: performance, security, capacity."""
    declared, looked = await _look(order, WEEKLY)
    rows = await _weeks(order)
    families = {check.name: check.family for check in declared}
    sections = [
        Part("Performance", lines_of(_of(looked, families, _PERFORMANCE)), _WEEKS, tuple(rows)),
        Part("Security", lines_of(_of(looked, families, _SECURITY))),
        Part("Capacity", lines_of(_of(looked, families, {*Family} - _SECURITY - _PERFORMANCE))),
        Part("What was done", await _done(order, _WEEK) or ("Nothing that I know of.",)),
    ]
    message = _message(order, "The week of", looked, _WEEKS, rows[:_FIGURES])
    return Edition(
        message, order.document("The week", sections, days=_WEEK), looked, await order.pictures(_WEEK, _MONTH)
    )


async def monthly(order: Order) -> Edition:
    """The month: proof of backups, known faults of packages, and what people have to look through."""
    _, looked = await _look(order, MONTHLY)
    names = {check.name for check in MONTHLY}
    tasks, coming = await review_of(order)
    undone = sum(not item.done for item in tasks.items)
    sections = [
        Part("Backups and packages", lines_of(check for check in looked if check.name in names)),
        Part("Everything else", lines_of(check for check in worst_first(looked) if check.name not in names)),
        Part("What was done", await _done(order, _MONTH) or ("Nothing that I know of.",)),
    ]
    message = _message(order, "The month of", looked, (), [])
    notes: tuple[Line, ...] = (f"{undone} of {len(tasks.items)} tasks to be done.", f"Next review: {coming:%Y-%m-%d}.")
    return Edition(
        replace(message, notes=notes),
        order.document("The month", sections, days=_MONTH),
        looked,
        await order.pictures(_MONTH),
        tasks=tasks,
    )


async def performance(order: Order) -> Edition:
    """The runbook's performance report: its figures with the reason where one is not known."""
    _, looked = await _look(order, WEEKLY)
    known = {check.name: check for check in looked}
    sections = [
        Part("Transaction Metrics", tuple(_figure(known, *each) for each in _TRANSACTIONS)),
        Part("System Metrics", tuple(_figure(known, *each) for each in _SYSTEM)),
        Part("Trends", (), _WEEKS, tuple(await _weeks(order))),
        Part("Recommendations", (*lines_of(eyes(looked)), "TODO: what people recommend.")),
    ]
    rows = [_figure(known, *each).split(": ", 1) for each in (*_TRANSACTIONS, *_SYSTEM)]
    message = _message(order, "Performance report of", looked, ("Figure", "Now"), [tuple(row) for row in rows])
    document = order.document("Performance Report", sections, days=_WEEK)
    return Edition(message, document, looked, await order.pictures(_WEEK), attached=True)


async def _look(order: Order, more: tuple[Declaration, ...]) -> tuple[tuple[Declaration, ...], tuple[Check, ...]]:
    """Every check that the service has, and those of `more` that it has the ports for."""
    usual = checks_of(order.service, {Store: order.store})
    declared = (*usual, *(check for check in more if check.reads <= {*order.service.ports}))
    looked = await take_round(order.service, store=order.store, now=order.now, over=_DAY, checks=declared)
    return declared, looked.checks


def _message(
    order: Order, what: str, looked: tuple[Check, ...], columns: tuple[str, ...], rows: Collection[tuple[Line, ...]]
) -> Digest:
    return Digest(
        title=f"{what} {order.service.name} ({order.service.environment})",
        state=State.worst(tuple(check.state for check in looked)),
        verdict=tally(looked),
        at=order.now,
        eyes=eyes(looked),
        columns=columns,
        rows=tuple(rows),
    )


_WEEKS = ("Median", "This week", "The week before", "Change")
_TRANSACTIONS = (
    ("Transactions of the day", "Transaction volume"),
    ("Success Rate", "Success rate"),
    ("Average Response Time", "Response time"),
)
_SYSTEM = (("CPU Usage", "CPU"), ("Memory Usage", "Memory"), ("Disk Usage", "Disks"))


async def _weeks(order: Order) -> list[tuple[str, ...]]:
    """A row for each figure that was measured, this week and the one before."""
    rows = []
    async with order.store.transaction() as tx:
        for name in _TRENDED:
            since = order.now - timedelta(days=2 * _WEEK)
            readings = await tx.readings.series(order.service.name, name, since=since, until=order.now + MOMENT)
            now, before = week_over_week(readings, until=order.now + MOMENT)
            if now is not None or before is not None:
                rows.append(_row(name, readings, now, before))
    return rows


def _row(name: str, readings: tuple[Reading, ...], now: float | None, before: float | None) -> tuple[str, ...]:
    unit = next((each.unit for each in reversed(readings) if each.unit), "")
    shown = [f"{value:,.4g} {unit}".strip() if value is not None else "not known" for value in (now, before)]
    change = f"{(now - before) / abs(before):+.0%}" if now is not None and before else "not known"
    return (name, *shown, change)


def _figure(known: Mapping[str, Check], title: str, name: str) -> str:
    """A figure of the report; n/a with the reason where it is not known."""
    check = known.get(name)
    if check is None:
        return f"{title}: n/a (nothing is configured that tells it)"
    return f"{title}: n/a ({check.evidence})" if check.state is State.UNKNOWN else f"{title}: {check.value}"


async def _done(order: Order, days: int) -> tuple[str, ...]:
    """Changes and incidents by day; nothing of an incident that is private."""
    async with order.store.transaction() as tx:
        marks = await happened(order.service, tx, since=order.now - timedelta(days=days), until=order.now)
    return tuple(f"{mark.at:%Y-%m-%d %H:%M} UTC: {mark.label}" for mark in marks)


def _of(checks: tuple[Check, ...], families: Mapping[str, Family], wanted: Collection[Family]) -> tuple[Check, ...]:
    return tuple(check for check in worst_first(checks) if families[check.name] in wanted)


_EDITIONS: Mapping[Template, Callable[[Order], Awaitable[Edition]]] = MappingProxyType(
    {
        Template.DAILY: daily,
        Template.WEEKLY: weekly,
        Template.MONTHLY: monthly,
        Template.PERFORMANCE: performance,
    }
)
