"""What was measured of the services while an incident lasted: figures at its ends, and the chart between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.charts import Chart, Mark, Panel, Point
from bot.core.fleet import Fleet
from bot.core.incidents import Incident
from bot.core.passage import cited, parse, said
from bot.core.readings import Reading
from bot.core.records import Due, Store, Unit

SAMPLE = "incident.samples"
"""The job that measures the services of incidents, each minute, and at once where one begins or ends."""

DRAWN = ("Error rate", "Success rate")
"""Checks of a service whose past is drawn, by their names: the first of them that was measured."""

TOLD = (*DRAWN, "Transaction volume", "Workers")
"""Checks whose figures at the start and at the end are told."""

_NEAR = timedelta(minutes=10)
"""How far from a moment a measurement still tells of it."""

_AROUND = timedelta(minutes=15)
"""What a chart shows before the start and after the end."""

_MARKED = 8
"""Entries that a chart names."""

_LABEL = 80
_EVERY = timedelta(minutes=1)
_CLOCK = re.compile(r"^(?:\d{4}-\d\d-\d\d )?\d\d:\d\d: ")
_TS = re.compile(r"\d{9,11}\.\d{6}")


def services_of(incident: Incident, fleet: Fleet) -> tuple[str, ...]:
    """The services that an incident is about: all of them where it names none."""
    return incident.services or tuple(service.name for service in fleet.services)


async def measure_at_once(tx: Unit, now: datetime) -> None:
    """Have the next round come now, which is durable as the moment that it belongs to is."""
    await tx.due.put(Due(SAMPLE, "minute", now, {}))


async def figures_of(tx: Unit, incident: Incident, services: Sequence[str], *, zone: str) -> tuple[str, ...]:
    """A line on each figure when the incident was declared and when it was resolved, as `bot.core.passage` has texts.

    Each has the time at which it was measured, in `zone`.
    What was measured at one of them and not at the other is unknown there; what was never measured is not told.
    """
    moments = [("declared", incident.opened_at)]
    moments += [("resolved", incident.resolved_at)] if incident.resolved_at else []
    lines = []
    for service in services:
        near = await tx.readings.near(service, TOLD, moments=[at for _, at in moments], within=_NEAR)
        for check in TOLD:
            found = near.get(check, {})
            if found:
                ends = ", ".join(f"{_told(found.get(at), zone)} when {word}" for word, at in moments)
                lines.append(f"{check} of {said(service)}: {ends}")
    return tuple(lines)


def _told(reading: Reading | None, zone: str) -> str:
    if reading is None:
        return "unknown"
    return f"{said(reading.said)} (measured {reading.at.astimezone(ZoneInfo(zone)):%H:%M:%S %Z})"


async def chart_of(
    incident: Incident, timeline: str, *, services: Sequence[str], now: datetime, zone: str, store: Store
) -> Chart | None:
    """The error rate of the services over the incident, None where nothing was measured.

    The entries of its `timeline`, a passage, are marked. Where a service was not measured, or a measurement failed, the
    line has a gap.
    """
    since, until = incident.opened_at - _AROUND, min(now, (incident.resolved_at or now) + _AROUND)
    panels: list[Panel] = []
    async with store.transaction() as tx:
        for service in services:
            for check in DRAWN:
                readings = await tx.readings.series(service, check, since=since, until=until)
                if any(reading.value is not None for reading in readings):
                    unit = next((each.unit for each in readings if each.unit), "")
                    points = tuple(Point(each.at, each.value) for each in readings)
                    panels.append(Panel(f"{check} of {service}", unit, _with_gaps(points)))
                    break
        entries = await tx.entries.of_incident(incident.number)
    if not panels:
        return None
    return Chart(
        title=f"Incident {incident.number}: {incident.title}",
        since=since,
        until=until,
        panels=tuple(panels),
        marks=_marks(timeline, {entry.id: entry.at for entry in entries}),
        zone=zone,
    )


def _with_gaps(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """A point that is not known wherever nobody measured for longer than three rounds take."""
    found: list[Point] = []
    for point in points:
        if found and point.at - found[-1].at > 3 * _EVERY:
            found.append(Point(found[-1].at + _EVERY, None))
        found.append(point)
    return tuple(found)


def _marks(timeline: str, recorded: Mapping[str, datetime]) -> tuple[Mark, ...]:
    """Entries of the timeline: what the bot recorded before what people said, as far as a picture has room."""
    found: list[tuple[bool, Mark]] = []
    for line in timeline.split("\n"):
        keys = cited(line)
        acts = [key for key in keys if key in recorded]
        moments = [recorded[key] for key in acts] + [at for key in keys if (at := _said_at(key))]
        label = _CLOCK.sub("", "".join(row.words for row in parse(line, {})))
        if moments and label:
            found.append((not acts, Mark(min(moments), label[:_LABEL])))
    chosen = sorted(found, key=lambda each: each[0])[:_MARKED]
    return tuple(sorted((mark for _, mark in chosen), key=lambda mark: mark.at))


def _said_at(key: str) -> datetime | None:
    return datetime.fromtimestamp(float(key), UTC) if _TS.fullmatch(key) else None
