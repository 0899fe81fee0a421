"""Alerts of other systems: as they are told, as they are stored, and the groups that people see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.core.automation import Case
from bot.core.ports import MessageRef

WATCH = "watch"
"""The source of the alerts that the bot's own watches tell."""

NEXT, OR_ELSE = "next", "or else"
"""Labels of those with the commands that help, as they are typed."""

UNWATCHED = "unwatched"
"""Label of the end of a problem at which nobody looks any more: whether it is over is not known."""


class Level(StrEnum):
    """How bad an alert says that it is, from the worst on."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """What a source says of one of its alerts; `fingerprint` tells it from the others of that source.

    `group` is the key by which the source groups, `group_title` that for people. `told_at` orders what is said of one
    alert. It is None where the source does not say: then what comes later counts, save where each time that the alert
    fires is `dated`, from its own `started_at` to its `ended_at`. `acknowledged_by` is None where the source says
    nothing of it, empty for nobody.
    """

    source: str
    fingerprint: str
    group: str
    group_title: str
    title: str
    level: Level
    firing: bool
    started_at: datetime
    told_at: datetime | None = None
    text: str = ""
    url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    acknowledged_by: str | None = None
    dated: bool = False
    ended_at: datetime | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.source, self.fingerprint


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One time that an alert fired: until `ended_at`, which is None while it does; told of `times` times.

    `told_at` is later than `ended_at` where the source told of it after its end.
    """

    id: str
    group_id: str
    source: str
    fingerprint: str
    title: str
    level: Level
    started_at: datetime
    told_at: datetime
    ended_at: datetime | None
    times: int
    text: str
    url: str
    labels: Mapping[str, str]
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that are one message; open until `resolved_at`. `message` is None until it is posted.

    `version` rises with each change; `show_at` is when the next look at it is due, None when none is. `incident` is the
    one that was declared for it; `source_said` is what came of telling the source that somebody is on it.
    """

    id: str
    source: str
    key: str
    title: str
    channel: str
    opened_at: datetime
    resolved_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    message: MessageRef | None = None
    version: int = 0
    shown_at: datetime | None = None
    show_at: datetime | None = None
    incident: int | None = None
    source_said: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """No new message for the groups of that source and key before `until`."""

    source: str
    key: str
    until: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group with what is to be shown of it: how many fire and have ended, and the worst that fire, worst first.

    `last` is the one that ended last, of a group that is resolved. `cases` are what the bot did about it by itself, or
    would do.
    """

    group: AlertGroup
    firing: int
    ended: int
    worst: tuple[AlertRow, ...]
    last: AlertRow | None = None
    silence: Silence | None = None
    cases: tuple[Case, ...] = ()


class Alerts(Protocol):
    """Alerts, their groups, and what is silenced."""

    async def lock(self) -> None:
        """Keep every other intake out until this transaction ends, so that no group is made twice."""
        ...

    async def latest(self, alerts: Sequence[Alert]) -> Mapping[tuple[str, str], AlertRow]:
        """The last row of each alert that has one, by source and fingerprint."""
        ...

    async def groups(self, alerts: Sequence[Alert], *, ended_after: datetime) -> Mapping[tuple[str, str], AlertGroup]:
        """Groups by source and key that are open, or were resolved after that moment."""
        ...

    async def opened(self, *, after: datetime) -> Mapping[str, int]:
        """How many groups were opened after that moment, by channel."""
        ...

    async def add_groups(self, groups: Sequence[AlertGroup]) -> None: ...
    async def add(self, rows: Sequence[AlertRow]) -> None: ...

    async def renew(self, rows: Sequence[AlertRow]) -> None:
        """Write what may change of rows that are there."""
        ...

    async def settle(self, group_ids: Sequence[str], *, at: datetime) -> None:
        """Resolve the groups of which nothing fires, and open those again of which something does."""
        ...

    async def touch(self, group_ids: Sequence[str], *, at: datetime) -> Sequence[AlertGroup]:
        """Note a change, and return those groups that nobody was about to look at, with their new `show_at`."""
        ...

    async def view(self, group_id: str, *, now: datetime, worst: int = 10) -> GroupView: ...

    async def firing(self, *, now: datetime) -> tuple[GroupView, ...]:
        """Every open group, newest first, each with its one worst alert."""
        ...

    async def shown(self, view: GroupView, message: MessageRef | None, *, at: datetime) -> datetime | None:
        """Note what was shown; the moment of the next look where it has changed meanwhile."""
        ...

    async def postpone(self, group_id: str, *, until: datetime) -> None:
        """Note that the look that was due comes later."""
        ...

    async def acknowledge(self, group_id: str, *, by: str, at: datetime) -> bool:
        """False when it was acknowledged before, or is over."""
        ...

    async def note_source(self, group_id: str, said: str) -> None:
        """Note what came of telling the source of the acknowledgement."""
        ...

    async def note_incident(self, group_id: str, number: int) -> None:
        """Note the incident that was declared for a group."""
        ...

    async def silence(self, silence: Silence) -> None:
        """Silence, in place of one that is there."""
        ...

    async def silences(self, source: str, *, now: datetime) -> tuple[Silence, ...]:
        """Those of a source that have not ended."""
        ...

    async def unsilence(self, source: str, key: str) -> bool: ...

    async def prune(self, *, before: datetime) -> None:
        """Forget groups that were resolved before, with their alerts, and silences that ended before."""
        ...
