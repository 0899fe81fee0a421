"""The report of an incident as it is stored: its sections with what people changed in them, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.core.incident_results import Section
from bot.core.merge import merge
from bot.core.passage import cited
from bot.core.ports import MessageRef


@dataclass(frozen=True, slots=True)
class Written:
    """A section: `drafted` from the record last, and `hand`, what a person made of an earlier draft, `base`.

    All are texts as `bot.core.passage` describes them; `hand` is None as long as nobody changed it.
    """

    section: Section
    drafted: str
    base: str = ""
    hand: str | None = None
    by: str = ""

    @property
    def text(self) -> str:
        """The section as it stands, with what both changed side by side."""
        return self.drafted if self.hand is None else merge(self.base, self.hand, self.drafted)

    def without(self, gone: AbstractSet[str]) -> Written:
        """The section without the lines that rest on any of these keys."""

        def kept(text: str) -> str:
            return "\n".join(line for line in text.split("\n") if not cited(line) & gone)

        if not gone:
            return self
        hand = None if self.hand is None else kept(self.hand)
        return replace(self, drafted=kept(self.drafted), base=kept(self.base), hand=hand)


@dataclass(frozen=True, slots=True)
class Version:
    """A report at one moment; `what` says in a few words what made it differ from the one before.

    `links` are the addresses of what its sections rest on, by key.
    """

    incident: int
    number: int
    at: datetime
    by: str
    what: str
    final: bool
    sections: tuple[Written, ...]
    links: tuple[tuple[str, str], ...] = ()

    def section(self, wanted: Section) -> Written:
        """One of its sections."""
        return next(each for each in self.sections if each.section is wanted)


@dataclass(frozen=True, slots=True)
class Revision:
    """A version without its text."""

    number: int
    at: datetime
    by: str
    what: str
    final: bool


class Copy(StrEnum):
    """What a version of a report was shared as: a text file, the picture of its chart, a canvas, or a message."""

    FILE = "file"
    PICTURE = "picture"
    CANVAS = "canvas"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Publication:
    """A copy of a version of a report outside the incident's own messages; `id` is its own, whatever became of it.

    `ref` is what Slack calls it, of a message its ts: empty from before it is asked for until Slack has answered.
    `name` is that of the file. `stale` says that something was taken out of the version since.
    """

    id: str
    incident: int
    version: int
    kind: Copy
    name: str
    channel: str
    thread: str = ""
    ref: str = ""
    stale: bool = False


class Claim(StrEnum):
    """Who is to post a page: the caller as the first, the caller in place of one that got lost, or somebody else."""

    FIRST = "first"
    SUCCESSOR = "successor"
    TAKEN = "taken"


class Reports(Protocol):
    """Versions of reports, numbered from 1, and the messages that show the last one."""

    async def add(self, version: Version) -> bool:
        """Store it; False when its number is taken, because somebody else was first."""
        ...

    async def get(self, incident: int, number: int = 0) -> Version | None:
        """One version, the last where no number is given."""
        ...

    async def revisions(self, incident: int) -> tuple[Revision, ...]:
        """All of them, the first one first."""
        ...

    async def gone(self, incident: int) -> frozenset[str]:
        """Keys of the messages in the incident's channel that were deleted or redacted since they were said."""
        ...

    async def purge(self, incident: int, key: str) -> None:
        """Take what rests on `key` out of every version, and out of the tasks that nobody changed, for good.

        Publications of the versions that it stood in are stale then.
        """
        ...

    async def publish(self, publication: Publication) -> None:
        """Remember a copy, or what became of it."""
        ...

    async def withdraw(self, publication: Publication) -> None:
        """Forget a copy, because it is gone."""
        ...

    async def stale(self, incident: int) -> tuple[Publication, ...]:
        """Copies that may still have what was taken out, in the order of their versions."""
        ...

    async def claim(self, incident: int, page: str, *, at: datetime, lost_before: datetime) -> Claim:
        """Claim the posting of a page, also in place of a claim from before `lost_before` that led to no message."""
        ...

    async def show(self, incident: int, page: str, message: MessageRef) -> None:
        """Remember the message that shows a page."""
        ...

    async def lose(self, incident: int, page: str, message: MessageRef | None) -> None:
        """Forget the message of a page, because somebody deleted it; None gives a claim back that led to none."""
        ...

    async def shown(self, incident: int) -> dict[str, MessageRef]:
        """The messages that show the report, by page."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """An action item: what is to be done by whom (a Slack id, or a name), and which messages say so.

    `number` is its own within the incident, from 1; 0 before it is stored. `edited` once a person changed it: then what
    the conversation says of it has no say any more.
    """

    id: str
    incident: int
    number: int
    text: str
    owner: str
    source: tuple[str, ...]
    added_by: str
    added_at: datetime
    state: str = "open"
    edited: bool = False
    ended_by: str = ""
    ended_at: datetime | None = None


OPEN, DONE, DROPPED = "open", "done", "dropped"
"""States of a task."""


class Tasks(Protocol):
    """Action items, each once: those from a conversation by the message that says it first."""

    async def find(self, incident: int, tasks: Sequence[Task], *, gone: Sequence[str]) -> None:
        """Keep what a conversation tells: new ones are added, untouched ones are as it tells them now.

        Untouched ones whose first message is among `gone` are forgotten.
        """
        ...

    async def add(self, task: Task) -> None:
        """Store what a person typed, once."""
        ...

    async def get(self, task_id: str) -> Task:
        """One task; `NotFound` when there is none."""
        ...

    async def change(self, task: Task, *, was: Task) -> bool:
        """Compare and swap of its text, owner and state; False when it is not as `was` any more."""
        ...

    async def of_incident(self, incident: int) -> tuple[Task, ...]:
        """Those of one incident that were not dropped, by number."""
        ...

    async def open(self, *, owner: str = "") -> tuple[Task, ...]:
        """Those to be done, of one person or of all, except those of private incidents, by incident and number."""
        ...
