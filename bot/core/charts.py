"""A chart before it is drawn: figures over time, and what was done meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_TOLD = 8
"""Marks that a picture has room to name."""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a moment; None where it was not known, which is drawn as a gap.

    `low` and `high` are the extremes where it stands for several, so that what was short is seen in a long time too.
    """

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure over time in its `unit`, oldest first; `limit` is drawn across when it is known."""

    title: str
    unit: str
    points: tuple[Point, ...]
    limit: float | None = None

    @property
    def words(self) -> str:
        """What is to be seen, for who does not see it."""
        known = [point.value for point in self.points if point.value is not None]
        if not known:
            return f"{self.title}: not known at any time."
        unit = f" {self.unit}" if self.unit else ""
        most = [each for point in self.points for each in (point.value, point.low, point.high) if each is not None]
        span = f"{min(most):.4g} to {max(most):.4g}{unit}, {known[-1]:.4g}{unit} at last"
        unknown = len(self.points) - len(known)
        gaps = f", not known {unknown} of {len(self.points)} times" if unknown else ""
        limit = "" if self.limit is None else f", limit {self.limit:g}{unit}"
        return f"{self.title}: {span}{limit}{gaps}."


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done or happened; it lasts where `until` is set."""

    at: datetime
    label: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels below one another over the same time, with marks across all of them; times are shown in `zone`."""

    title: str
    since: datetime
    until: datetime
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...] = ()
    zone: str = "UTC"

    @property
    def named(self) -> tuple[Mark, ...]:
        """The marks that there is room for, oldest first: those that lasted before others, then the latest."""
        by_weight = sorted(self.marks, key=lambda mark: (mark.until is not None, mark.at), reverse=True)
        return tuple(sorted(by_weight[:_TOLD], key=lambda mark: mark.at))

    @property
    def words(self) -> str:
        """The text in place of the picture."""
        place = ZoneInfo(self.zone)
        since, until = self.since.astimezone(place), self.until.astimezone(place)
        period = f"{self.title}, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({self.zone})."
        marks = [f"{mark.label} ({mark.at.astimezone(place):%m-%d %H:%M})" for mark in self.named]
        more = len(self.marks) - len(marks)
        marked = [f"Marked: {', '.join(marks)}{f', and {more} more' if more else ''}."] if marks else []
        return " ".join([period, *(panel.words for panel in self.panels), *marked])
