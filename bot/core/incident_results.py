"""What an incident has to say: its card, its timeline, its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.parts import Button
from bot.core.passage import Passage
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
    scribe: str = ""
    communications: str = ""
    notes: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """How an incident stands, for its channel and for others; `channel` is empty where it stands in that itself."""

    number: int
    title: str
    severity: str
    state: str
    text: str
    by: str
    at: datetime
    impact: str = ""
    next_at: datetime | None = None
    channel: str = ""
    note: Line = ""
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
    """What happened in an incident, in order of time; it is told in times of `zone`."""

    title: str
    entries: tuple[TimelineEntry, ...]
    left_out: str = ""
    zone: str = "UTC"


class Section(StrEnum):
    """The sections of the runbook's template, in its order."""

    DATE = "date"
    TIME = "time"
    SEVERITY = "severity"
    IMPACT = "impact"
    SUMMARY = "summary"
    TIMELINE = "timeline"
    ROOT_CAUSE = "root-cause"
    RESOLUTION = "resolution"
    ACTION_ITEMS = "action-items"
    LESSONS = "lessons-learned"

    @property
    def heading(self) -> str:
        """As the template has it."""
        return self.value.replace("-", " ").title()


@dataclass(frozen=True, slots=True)
class SectionText:
    """A section as `bot.core.passage` has it; `note` says who changed it."""

    section: Section
    text: str
    note: Line = ""


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """The report of an incident, or those of its sections that stand in one message.

    `links` are the addresses of what its sections rest on, by key. `faults` say what keeps a draft from being final.
    """

    number: int
    title: str
    sections: tuple[SectionText, ...]
    links: tuple[tuple[str, str], ...] = ()
    version: int = 0
    final: bool = False
    faults: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()

    @property
    def document(self) -> Mapping[str, object]:
        """What a template gets as `report`: each section under its name, with `_` for `-`."""
        links = dict(self.links)
        passages = {each.section.replace("-", "_"): Passage(each.text, links) for each in self.sections}
        return {"number": self.number, "title": self.title, **passages}


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing to be done: by whom, where it was said, and who did it when.

    `incident` is its number where items of several stand in one list, else 0.
    """

    number: int
    text: str
    owner: Line = ""
    done: bool = False
    incident: int = 0
    by: str = ""
    at: datetime | None = None
    permalink: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionItems:
    """What is to be done, after incidents or of a digest; `empty` is said where there is nothing."""

    title: str
    items: tuple[ActionItem, ...]
    buttons: tuple[Button, ...] = ()
    empty: str = "No action item was found or added."
