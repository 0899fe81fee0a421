"""What a timeline is made of, once it has been chosen; each part names the messages that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Source = tuple[str, ...]
"""Keys of what something rests on, the best first: ts of a `Said`, or the key of an `Acted` that no message tells."""


class Phase(StrEnum):
    """What an entry is to the incident."""

    DETECT = "detect"
    DIAGNOSE = "diagnose"
    DECIDE = "decide"
    MITIGATE = "mitigate"
    RECOVER = "recover"
    FOLLOW_UP = "follow-up"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry of the timeline.

    `at` is when it happened: the time of its first message, or a time that is told in the text. `author` is a name and
    `text` the author's words, as `Said.text` has them, those of a burst joined, 4,000 characters of each. `kind` is
    `message` or that of the `Acted`. `why` tells in a few words what made it be chosen. `edited_by` is who changed its
    text or its time.
    """

    at: datetime
    author: str
    text: str
    phase: Phase
    source: Source
    kind: str = "message"
    why: str = ""
    edited_by: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the incident and how it is known; `at` is None, and `how` says why, where it is not known."""

    at: datetime | None
    how: str
    source: Source = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's words."""

    text: str
    author: str
    source: Source


@dataclass(frozen=True, slots=True)
class ActionItem:
    """What somebody wants done afterwards; `owner` is a Slack id, a name that is nobody's id, or empty."""

    text: str
    owner: str
    source: Source


@dataclass(frozen=True, slots=True)
class Selection:
    """The timeline, oldest first, and what the conversation tells for the report.

    `severity` has one of the runbook's four words for a text. What nobody said is None or empty; nothing is invented.
    """

    entries: tuple[Chosen, ...]
    started: Moment
    detected: Moment
    mitigated: Moment
    resolved: Moment
    severity: Quote | None = None
    impact: tuple[Quote, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    root_cause: tuple[Quote, ...] = ()
    resolution: tuple[Quote, ...] = ()
    lessons: tuple[Quote, ...] = ()
