"""What an incident has to say: its card, its timeline, its report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.parts import Button
from bot.core.prose import Line


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """The pinned summary of an incident."""

    number: int
    title: str
    severity: str
    state: str
    commander: str
    opened_at: datetime
    resolved_at: datetime | None = None
    channel: str = ""
    notes: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened: when, who, what, and where it is written."""

    at: datetime
    author: str
    text: str
    kind: str = "message"
    permalink: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in an incident, in order of time."""

    title: str
    entries: tuple[TimelineEntry, ...]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """All that the incident report's template needs; `None` and empty become a visible TODO, never a guess."""

    title: str
    number: int
    severity: str
    impact: str
    started_at: datetime
    started_how: str
    ended_at: datetime | None
    zone: str
    summary: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    resolution: tuple[str, ...]
    root_cause: tuple[str, ...] = ()
    action_items: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
