"""What figures did over days: charts with what was done meanwhile, and weeks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median

from bot.core.charts import Chart, Mark, Panel, Point
from bot.core.fleet import Service
from bot.core.readings import Reading
from bot.core.records import Unit
from bot.core.results import OperationState

CHARTED = ("Success rate", "Transaction volume", "Response time", "Disks")
"""Checks whose figures are drawn, as far as they have any."""

_POINTS = 168
"""Of a line: an hour each over a week."""

_OPERATIONS = 500
_DAY = timedelta(days=1)


async def chart(service: Service, tx: Unit, *, days: int, until: datetime, zone: str) -> Chart | None:
    """The figures of the last `days`; None when nothing was measured in them.

    Marked are the changes that the bot made and saw done, and incidents that are for everybody.
    """
    since = until - timedelta(days=days)
    panels = []
    for name in CHARTED:
        readings = await tx.readings.series(service.name, name, since=since, until=until)
        unit = next((each.unit for each in reversed(readings) if each.unit), "")
        points = thinned(readings, since=since, until=until)
        if any(point.value is not None for point in points):
            panels.append(Panel(name, unit, points))
    if not panels:
        return None
    marks = await happened(service, tx, since=since, until=until)
    title = f"{service.name} ({service.environment}): {days} days"
    return Chart(title, since, until, tuple(panels), marks, zone)


async def happened(service: Service, tx: Unit, *, since: datetime, until: datetime) -> tuple[Mark, ...]:
    """What was done to the service and went wrong with it, oldest first; nothing of an incident that is private."""
    operations = await tx.operations.recent(service=service.name, limit=_OPERATIONS)
    marks = [
        Mark(each.started_at, each.plan.title)
        for each in operations
        if each.state is OperationState.DONE and each.started_at and since <= each.started_at < until
    ]
    marks += [
        Mark(each.opened_at, f"incident {each.number}: {each.title}", each.resolved_at or until)
        for each in await tx.incidents.past(since=since)
        if (not each.services or service.name in each.services) and each.opened_at < until
    ]
    return tuple(sorted(marks, key=lambda mark: mark.at))


def thinned(readings: Sequence[Reading], *, since: datetime, until: datetime) -> tuple[Point, ...]:
    """As many points as can be seen: median and extremes of each span, None where nothing was known in it."""
    span = (until - since) / _POINTS
    spans = {place: list(each) for place, each in groupby(readings, lambda reading: int((reading.at - since) / span))}
    points = []
    for place in range(_POINTS):
        known = [each.value for each in spans.get(place, ()) if each.value is not None]
        at = since + (place + 0.5) * span
        points.append(Point(at, median(known), min(known), max(known)) if known else Point(at, None))
    # Where it is looked at less often than there are spans, the spans between two looks are no gap.
    looked = [place for place in range(_POINTS) if place in spans]
    often = len(looked) * 2 > _POINTS
    return tuple(points) if often else tuple(points[place] for place in looked)


def week_over_week(readings: Sequence[Reading], *, until: datetime) -> tuple[float | None, float | None]:
    """The median of the last seven days and that of the seven before, None where nothing was known."""
    halves = []
    for end in (until, until - 7 * _DAY):
        known = [each.value for each in readings if end - 7 * _DAY <= each.at < end and each.value is not None]
        halves.append(median(known) if known else None)
    return halves[0], halves[1]
