"""How long incidents took: each moment with how it is known, and figures over many of them.

Private incidents have no part in any figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.charts import Chart, Panel, Point
from bot.core.incident_acts import MomentKind, ToldMoment, holding
from bot.core.incidents import Incident
from bot.core.records import Unit

_WEEK = timedelta(weeks=1)
_DAY = timedelta(days=1)
_BY_DAY = timedelta(days=14)
"""Up to this span a chart counts days, above it weeks."""


@dataclass(frozen=True, slots=True)
class Known:
    """A moment and how it is known; `at` is None where it is not."""

    at: datetime | None
    how: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One incident by its moments; durations are None where a moment is not known, or lies before the other."""

    incident: Incident
    started: Known
    detected: Known
    acknowledged: Known
    mitigated: Known
    resolved: Known

    @property
    def to_acknowledge(self) -> timedelta | None:
        """From when it was detected to when somebody took it on."""
        return _between(self.detected, self.acknowledged)

    @property
    def to_mitigate(self) -> timedelta | None:
        """From its start, or from when it was detected where that is not known, to when nobody was affected."""
        return _between(self.began, self.mitigated)

    @property
    def to_resolve(self) -> timedelta | None:
        """From its start, or from when it was detected where that is not known, to its end."""
        return _between(self.began, self.resolved)

    @property
    def began(self) -> Known:
        """What the two durations above are counted from."""
        return self.started if self.started.at else self.detected


def measure(incident: Incident, told: Iterable[ToldMoment]) -> Measured:
    """The moments of an incident: what people told wins over what the bot has seen itself."""
    held = holding(told, incident=incident.number, cycle=incident.cycle)
    said = {each.kind: Known(each.at, "told") for each in held}
    return Measured(
        incident=incident,
        started=said.get(MomentKind.STARTED, Known(None, "nobody told")),
        detected=said.get(MomentKind.DETECTED, Known(incident.opened_at, "declared")),
        acknowledged=Known(incident.acknowledged_at, "taken on" if incident.acknowledged_at else "not yet"),
        mitigated=said.get(MomentKind.MITIGATED, Known(None, "nobody told")),
        resolved=said.get(
            MomentKind.RESOLVED, Known(incident.resolved_at, "resolved" if incident.resolved_at else "not yet")
        ),
    )


async def measured_since(tx: Unit, since: datetime) -> tuple[Measured, ...]:
    """All that were opened since a moment, newest first."""
    told = await tx.acts.told_since(since)
    return tuple(measure(incident, told) for incident in await tx.incidents.past(since=since, limit=10_000))


def summary(name: str, durations: Sequence[timedelta | None]) -> str:
    """Mean and median, and of how many: what is not known is counted, not guessed."""
    known = [each.total_seconds() for each in durations if each is not None]
    if not known:
        return f"{name}: not known of any."
    mean, median = (timedelta(seconds=round(of(known))) for of in (statistics.fmean, statistics.median))
    unknown = len(durations) - len(known)
    left_out = f", not known of {unknown}" if unknown else ""
    return f"{name}: {shown(mean)} on average, median {shown(median)}, of {len(known)}{left_out}."


def trend(measured: Sequence[Measured], *, since: datetime, until: datetime, zone: str) -> Chart:
    """Incidents by day or week, and what one of them took to be acknowledged and resolved."""
    step, name = (_DAY, "day") if until - since <= _BY_DAY else (_WEEK, "week")
    buckets = [since + step * place for place in range(max(1, -((since - until) // step)))]

    def panel(title: str, unit: str, value: Callable[[list[Measured]], float | None]) -> Panel:
        points = []
        for begin in buckets:
            inside = [each for each in measured if begin <= each.incident.opened_at < begin + step]
            points.append(Point(begin, value(inside)))
        return Panel(title, unit, tuple(points))

    return Chart(
        title=f"Incidents by {name}",
        since=since,
        until=until,
        panels=(
            panel(f"Declared in a {name}", "", lambda inside: float(len(inside))),
            panel("Median to acknowledge", "min", lambda inside: _median(each.to_acknowledge for each in inside)),
            panel("Median to resolve", "min", lambda inside: _median(each.to_resolve for each in inside)),
        ),
        zone=zone,
    )


def shown(duration: timedelta | None) -> str:
    """A duration to the minute; what is shorter than one is said in seconds."""
    if duration is None:
        return "-"
    seconds = round(duration.total_seconds())
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds}s"
    days, rest = divmod(seconds // 60, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _between(one: Known, other: Known) -> timedelta | None:
    if one.at is None or other.at is None or other.at < one.at:
        return None
    return other.at - one.at


def _median(durations: Iterable[timedelta | None]) -> float | None:
    known = [each / timedelta(minutes=1) for each in durations if each is not None]
    return statistics.median(known) if known else None
