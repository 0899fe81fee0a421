"""What people do about an incident, as it is stored: moments that they tell, cycles, status updates, pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.core.ports import MessageRef

REDACTED = "(redacted)"
"""What stands in place of a text that was taken out for good."""


class Duty(StrEnum):
    """What one person sees to in an incident; the value is also the field of `Incident` that holds who it is."""

    COMMANDER = "commander"
    SCRIBE = "scribe"
    COMMUNICATIONS = "communications"


class MomentKind(StrEnum):
    """The four moments that an incident is measured by."""

    STARTED = "started"
    DETECTED = "detected"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"

    @property
    def of_cycle(self) -> bool:
        """Whether it holds for one cycle only: an incident that is opened again is neither mitigated nor resolved."""
        return self in {MomentKind.MITIGATED, MomentKind.RESOLVED}


@dataclass(frozen=True, slots=True)
class ToldMoment:
    """A moment as a person told it, which wins over any that is worked out; the last word of a cycle counts."""

    incident: int
    cycle: int
    kind: MomentKind
    at: datetime
    by: str
    told_at: datetime


def holding(told: Iterable[ToldMoment], *, incident: int, cycle: int) -> tuple[ToldMoment, ...]:
    """Those that hold in a cycle of an incident, one of a kind, in the order in which they happen."""
    last = {
        each.kind: each
        for each in sorted(told, key=lambda each: each.cycle)
        if each.incident == incident and each.cycle <= cycle and (each.cycle == cycle or not each.kind.of_cycle)
    }
    return tuple(last[kind] for kind in MomentKind if kind in last)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A time that an incident was open: from its declaration, or from when it was opened again and why."""

    incident: int
    cycle: int
    began_at: datetime
    began_by: str
    why: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What was said of how it stands; `announced` are the channels besides the incident's own."""

    id: str
    incident: int
    at: datetime
    by: str
    text: str
    next_at: datetime | None = None
    announced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paged:
    """A page: `chain` are the Slack users who are called one after the other, `place` the one whose turn it is.

    It waits while `answered_at` is None and `place` is within the chain. `target` is what the paging system calls whom
    it is to wake; `messages` are those in Slack that tell of it. `channel` is where it is called out, empty until then.
    """

    id: str
    incident: int
    at: datetime
    by: str
    whom: str
    text: str
    chain: tuple[str, ...]
    target: str = ""
    place: int = 0
    messages: tuple[MessageRef, ...] = ()
    answered_at: datetime | None = None
    answered_by: str = ""
    channel: str = ""

    @property
    def turn(self) -> str:
        """Whose turn it is; empty when nobody is left."""
        return self.chain[self.place] if self.place < len(self.chain) else ""


class IncidentActs(Protocol):
    """What people did about incidents."""

    async def tell_moment(self, moment: ToldMoment) -> ToldMoment | None:
        """Store it in place of the former one of its cycle, which is returned."""
        ...

    async def told_moments(self, incident: int) -> tuple[ToldMoment, ...]:
        """All of one incident, in the order of their cycles."""
        ...

    async def told_since(self, since: datetime) -> tuple[ToldMoment, ...]:
        """Those of all incidents that were opened since a moment."""
        ...

    async def put_cycle(self, cycle: Cycle) -> None:
        """Store it, or its end."""
        ...

    async def cycles(self, incident: int) -> tuple[Cycle, ...]:
        """All of one incident, the first one first."""
        ...

    async def redact(self, incident: int, text: str) -> tuple[tuple[StatusUpdate, ...], bool]:
        """Blank what an entry of this text tells: the updates, now `REDACTED`, and whether a page or a cycle did."""
        ...

    async def add_update(self, update: StatusUpdate) -> None:
        """Store it."""
        ...

    async def get_update(self, update_id: str) -> StatusUpdate:
        """One of them; `NotFound` when there is none."""
        ...

    async def updates(self, incident: int, *, limit: int = 50) -> Sequence[StatusUpdate]:
        """The last ones, newest first."""
        ...

    async def page(self, page: Paged) -> None:
        """Store it."""
        ...

    async def get_page(self, page_id: str) -> Paged:
        """One of them; `NotFound` when there is none."""
        ...

    async def pages(self, incident: int) -> tuple[Paged, ...]:
        """All of one incident, oldest first."""
        ...

    async def call_in(self, page_id: str, channel: str) -> str:
        """The channel where whose turn it is is called out: the first that is asked for."""
        ...

    async def add_page_message(self, page_id: str, message: MessageRef) -> None:
        """Remember one more message that tells of it."""
        ...

    async def answer_page(self, page_id: str, *, by: str, at: datetime) -> bool:
        """Compare and swap; False when it was answered before."""
        ...

    async def pass_on(self, page_id: str, *, frm: int) -> bool:
        """Compare and swap to the next of the chain; False when it is answered, or has been passed on already."""
        ...
