"""The figures that the service gives of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import Field as Arg

from bot.core.command import Command, Context, ServiceArgs
from bot.core.errors import IntegrationError, NotFound
from bot.core.fleet import Service
from bot.core.ports import Gateway, Processes
from bot.core.prose import Line
from bot.core.readings import Reading
from bot.core.records import Store
from bot.core.results import Table
from bot.digests.baselines import NEAR
from bot.digests.checks.payments import as_percent
from bot.operations.workers import online

SUCCESS = "success_rate"
CHECKED = {"daily_transactions": "Transaction volume", SUCCESS: "Success rate", "avg_response_time": "Response time"}
"""Metrics that checks look at, with the check's name: only those have a past."""
EXPECTED = (*CHECKED, "error_rate")
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


class Which(ServiceArgs):
    """Which ones."""

    name: str = Arg("", description="Part of a metric's name, such as rate; all if not said.")


async def metrics(
    ctx: Context,
    args: Which,
    *,
    service: Service,
    gateway: Gateway,
    processes: Processes,
    store: Store,
) -> Table:
    """Show the service's metrics over all its workers, with what the checks found a day and a week ago.

    What the service does not give is n/a with the reason, and never a zero.
    """
    up = online(await processes.workers())
    if not up:
        raise IntegrationError("No worker is online that could be asked.")
    now = await gateway.metrics([worker.voice for worker in up])
    names = [name for name in dict.fromkeys((*EXPECTED, *sorted(now))) if args.name.lower() in name.lower()]
    if not names:
        raise NotFound(f"The service gives no {args.name}.", hint=f"There are: {', '.join(sorted(now))}.")
    moments = (ctx.now - _DAY, ctx.now - _WEEK)
    async with store.transaction() as tx:
        past = await tx.readings.near(service.name, tuple(CHECKED.values()), moments=moments, within=NEAR)
    return Table(
        title=f"Metrics of {service.name}, over {len(up)} workers",
        columns=("Metric", "Now", "A day ago", "A week ago"),
        rows=tuple((name, _now(name, now), *_before(name, past, moments)) for name in names),
        notes=_notes(now, names),
    )


def _now(name: str, now: Mapping[str, float]) -> str:
    if name not in now:
        return "n/a"
    if name != SUCCESS:
        return _figure(now[name])
    try:
        percent, _ = as_percent(now[name])
    except IntegrationError as error:
        return f"unknown: {error}"
    return f"{percent:.4g} %"


def _figure(value: float) -> str:
    if value.is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _before(name: str, past: Mapping[str, Mapping[datetime, Reading]], moments: Sequence[datetime]) -> tuple[str, ...]:
    """What was found at these moments."""
    if name not in CHECKED:
        return tuple("" for _ in moments)
    found = past.get(CHECKED[name], {})
    return tuple(found[moment].said if moment in found else "n/a" for moment in moments)


def _notes(now: Mapping[str, float], names: Sequence[str]) -> tuple[Line, ...]:
    missing = [name for name in names if name not in now]
    notes: list[Line] = []
    if missing:
        notes.append(
            f"n/a now: the service gives no {', '.join(missing)}; it has none as long as there was no payment."
        )
    if any(name in CHECKED for name in names):
        notes.append(
            "A worker that is started counts anew; checks tells the payments of the day, and how rates were lately."
        )
        notes.append("The past is what the checks found; n/a where none looked about that time.")
    return tuple(notes)


COMMANDS = (Command(("metrics",), Which, run=metrics, rows=("K1", "K2"), examples=("", "success_rate")),)
