"""A chart before it is drawn: figures over time, and what was done meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_TOLD = 6
"""Marks that the words for a picture name."""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a moment; None where it was not known, which is drawn as a gap."""

    at: datetime
    value: float | None


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
        span = f"{min(known):.4g} to {max(known):.4g}{unit}, {known[-1]:.4g}{unit} at last"
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
    def words(self) -> str:
        """The text in place of the picture."""
        place = ZoneInfo(self.zone)
        since, until = self.since.astimezone(place), self.until.astimezone(place)
        period = f"{self.title}, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({self.zone})."
        marks = [f"{mark.label} ({mark.at.astimezone(place):%m-%d %H:%M})" for mark in self.marks[-_TOLD:]]
        more = len(self.marks) - _TOLD
        marked = [f"Marked: {', '.join(marks)}{f', and {more} before these' if more > 0 else ''}."] if marks else []
        return " ".join([period, *(panel.words for panel in self.panels), *marked])
