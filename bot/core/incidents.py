"""An incident as it is stored: its row, what was said in its channel, and the entries that are no message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.ports import MessageRef


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident; `state` is open, resolved or closed, severity one of Critical, High, Medium, Low.

    One that is `private` shows up in its own channel and nowhere else. `cycle` rises each time it is opened again, and
    `resolved_at` and `closed_at` are those of the present cycle. `acknowledged_at` is when a person first took it on.
    `recorded_from` is where its record begins, the declaration when None. `own_channel` says that its channel was made
    for it, an empty `channel` that it was declared where there was none and waits for Slack. `version` rises with each
    change.
    """

    number: int
    title: str
    severity: str
    state: str
    channel: str
    commander: str
    opened_by: str
    opened_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""
    impact: str = ""
    services: tuple[str, ...] = ()
    card: MessageRef | None = None
    private: bool = False
    scribe: str = ""
    communications: str = ""
    cycle: int = 1
    acknowledged_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    update_due_at: datetime | None = None
    recorded_from: datetime | None = None
    own_channel: bool = False
    version: int = 0

    @property
    def record_begins(self) -> datetime:
        """From when on what is said in its channel belongs to it."""
        return self.recorded_from or self.opened_at


class Incidents(Protocol):
    """Incidents, numbered from 1 without a gap."""

    async def declare(self, incident: Incident) -> Incident:
        """Store it under the next number, which replaces the one given."""
        ...

    async def get(self, number: int) -> Incident: ...
    async def in_channel(self, channel: str) -> Incident | None: ...

    async def first_in_channel(self, channel: str) -> int:
        """The number of the oldest incident of a channel, 0 when it has none."""
        ...

    async def open(self) -> tuple[Incident, ...]: ...

    async def lasting(self, *, since: datetime) -> tuple[Incident, ...]:
        """Those that are open or were until `since`, private ones too: for what no one reads, and figures alone."""
        ...

    async def save(self, incident: Incident) -> Incident:
        """Write it as it is now, and return it with its next version; `Conflict` when it has changed since it was read.

        What the bot itself keeps of it, its channel and its card, stays as it is.
        """
        ...

    async def past(self, *, since: datetime | None = None, limit: int = 500) -> tuple[Incident, ...]:
        """Those that are no secret, open ones among them, opened since a moment; newest first."""
        ...

    async def set_channel(self, number: int, channel: str, *, own: bool) -> None: ...
    async def set_card(self, number: int, card: MessageRef) -> None: ...


UNTOLD = "said in a private channel"
"""Stands elsewhere for what was typed in the channel of a private incident."""


async def tellable(incidents: Incidents, channel: str, text: str) -> str:
    """`text` as it may stand outside of the channel where it was typed."""
    incident = await incidents.in_channel(channel)
    return UNTOLD if text and incident and incident.private else text


OWN = "opsbot"
"""Subtype of the bot's own posts: they are in the record, and no news in a timeline."""


@dataclass(frozen=True, slots=True)
class Message:
    """A captured message as it stands now; `at` is its own time.

    A deleted one keeps its row as a tombstone, and so does one that was `redacted`: its text is stored nowhere.
    """

    channel: str
    ts: str
    at: datetime
    user: str
    author: str
    text: str
    thread_ts: str = ""
    subtype: str = ""
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    files: tuple[tuple[str, str], ...] = ()
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An edit (`text` is the new text) or a deletion (`text` is None) of a message; `key` tells doubles.

    One that was `noticed` was not told by an event but seen in Slack's history afterwards. Of a deletion `at` is then
    when the message was missed; it happened before that.
    """

    channel: str
    ts: str
    key: str
    at: datetime
    text: str | None
    old_text: str = ""
    noticed: bool = False


def edit_key(at: datetime) -> str:
    """The key of the edit that was made then: the same whether an event told it or the history shows it."""
    return f"edit:{int(at.timestamp())}.{at.microsecond:06d}"


class Messages(Protocol):
    """The record of channels: written in batches, doubles dropped by the message's own key."""

    async def record(self, messages: Sequence[Message], changes: Sequence[Change]) -> None:
        """Store what is new; a change that arrives before its message is kept and applied when that comes.

        A message that was edited before it was seen counts as the edit besides.
        """
        ...

    async def of_channel(self, channel: str, *, since: datetime | None = None) -> tuple[Message, ...]: ...

    def through(self, channel: str, *, since: datetime | None = None) -> AsyncIterator[Message]:
        """The same one by one, for what need not be in memory as a whole; within the transaction."""
        ...

    async def get(self, channel: str, ts: str) -> Message | None: ...

    async def redact(self, channel: str, ts: str, *, by: str, at: datetime) -> bool:
        """Take the text of all versions out, and keep what Slack still tells of it out; False when that was done."""
        ...

    async def revisions(self, channel: str, ts: str = "") -> tuple[Change, ...]:
        """Every edit and deletion of one message, or of all of a channel, each message's oldest first."""
        ...

    async def newest(self, channel: str, *, below: str, limit: int) -> tuple[str, ...]:
        """The ts of what stands in the channel itself, newest first, under a ts; without replies in threads."""
        ...

    async def replies(self, channel: str, thread: str, *, after: str, limit: int) -> tuple[str, ...]:
        """The ts of the replies that stand in a thread, oldest first, after a ts."""
        ...

    async def threads(self, channel: str, *, first: str, below: str) -> tuple[str, ...]:
        """The ts of the first message of each thread with replies that stand, from a ts to under another one."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A timeline entry that did not come from a message of the channel: a note, or an act of the bot."""

    id: str
    incident: int
    at: datetime
    author: str
    kind: str
    text: str
    operation_id: str = ""
    message: MessageRef | None = None


EVENT = "incident.event"
"""The job that tells another system what was done to an incident, with `entry_id` as its argument."""

NO_EVENTS = frozenset({"note", "gap", "operation"})
"""Kinds of entries that tell of the conversation or of other systems, and not of the incident itself."""


@dataclass(frozen=True, slots=True)
class EntryEdit:
    """What a person made of an entry of the timeline, whose `source` is a message's ts or the id of an `Entry`.

    Without `text` the author's words stand, without `at` their time; a `dropped` one is not in the timeline.
    """

    incident: int
    source: str
    made_at: datetime
    by: str
    text: str = ""
    at: datetime | None = None
    dropped: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether the entry is as if nobody had changed it."""
        return not (self.text or self.at or self.dropped)


class Entries(Protocol):
    """Timeline entries, kept once per `id` (a new event has its due row), and what people made of them."""

    async def edit(self, edit: EntryEdit) -> None: ...

    async def edits(self, number: int) -> tuple[EntryEdit, ...]:
        """The last of each entry of an incident that says something, by source."""
        ...

    async def redact(self, number: int, source: str) -> None:
        """Take the text out of an entry and of everything that people made of it."""
        ...

    async def add(self, entry: Entry) -> None: ...
    async def drop(self, entry_id: str) -> None: ...
    async def get(self, entry_id: str) -> Entry: ...
    async def set_message(self, entry_id: str, message: MessageRef) -> None: ...

    async def of_incident(self, number: int) -> tuple[Entry, ...]:
        """All of one incident, oldest first."""
        ...
