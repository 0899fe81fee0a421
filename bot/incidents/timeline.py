"""What happened in an incident, in order of time, from stored facts only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.incidents import Entry, EntryEdit, Incident, Message
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, MessageRef
from bot.core.records import Operation, Store, Unit
from bot.incidents.acts import worded
from bot.incidents.backfills import CLOCKS_APART
from bot.incidents.links import archive_of, link
from bot.incidents.people import mentioned, names_of, readable

LONGEST_TEXT = 300
"""Characters of a message that a timeline shows."""

NOTE = "note"
"""Kind of the entry that a person wrote for the timeline."""

BOT = "bot_message"
"""Subtype of what other bots posted: alerts, releases."""

_GONE = {"deleted", "redacted"}
_NEWS = {"", "file_share", "me_message", "thread_broadcast", BOT}


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored of an incident; `operations` are those that its entries name.

    `edits` are what people made of entries by hand, the last of each. `messages` is empty where others have them.
    """

    incident: Incident
    messages: tuple[Message, ...]
    entries: tuple[Entry, ...]
    operations: tuple[Operation, ...]
    edits: tuple[EntryEdit, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Who took part, in the order in which they first did; bots do not."""
        return self.people_with((message.at, message.user) for message in self.messages if message.subtype != BOT)

    def people_with(self, spoke: Iterable[tuple[datetime, str]]) -> tuple[str, ...]:
        """The same where these people `spoke`, each at a moment."""
        parts = [
            (self.incident.opened_at, self.incident.opened_by),
            *spoke,
            *((entry.at, entry.author) for entry in self.entries),
        ]
        return tuple(dict.fromkeys(who for _, who in sorted(parts) if who != AUTOMATIC.user_id))


async def read_record(incident: Incident, store: Store, *, take: Callable[[Message], None] | None = None) -> Record:
    """Read what is stored: what people and other bots wrote since the record begins, and every entry.

    Where there is a `take`, it gets the messages one by one, oldest first, and the record has none.
    """
    messages: list[Message] = []
    keep = take or messages.append
    async with store.transaction() as tx:
        async for message in tx.messages.through(incident.channel, since=await _begins(tx, incident)):
            if message.subtype in _NEWS:
                keep(message)
        entries = await tx.entries.of_incident(incident.number)
        ids = dict.fromkeys(entry.operation_id for entry in entries if entry.operation_id)
        operations = [await tx.operations.get(operation_id) for operation_id in ids]
        edits = await tx.entries.edits(incident.number)
    return Record(incident, tuple(messages), entries, tuple(operations), edits)


async def read_people(incident: Incident, store: Store) -> tuple[str, ...]:
    """Who took part, as `Record.people` has them, without all that they said."""
    spoke: dict[str, datetime] = {}

    def take(message: Message) -> None:
        if message.subtype != BOT:
            spoke.setdefault(message.user, message.at)

    record = await read_record(incident, store, take=take)
    return record.people_with((at, who) for who, at in spoke.items())


async def _begins(tx: Unit, incident: Incident) -> datetime:
    """Since when the channel is recorded; in one that had an incident before, since this one was declared."""
    declared = incident.record_begins - CLOCKS_APART
    first = await tx.incidents.first_in_channel(incident.channel)
    recorded = await tx.backfills.recorded_from(incident.channel)
    return min(recorded or declared, declared) if first == incident.number else declared


def everybody(record: Record) -> set[str]:
    """The ids of all who took part, were mentioned, or asked for a change."""
    texts = (*(message.text for message in record.messages), *(entry.text for entry in record.entries))
    changers = {who for operation in record.operations for who in (operation.requester, operation.approver)}
    mentions = {who for text in texts for who in mentioned(text)}
    bots = {message.user for message in record.messages if message.subtype == BOT}
    editors = {edit.by for edit in record.edits}
    return {*record.people, *bots, *changers, *mentions, *editors, record.incident.resolved_by}


async def entries_of(record: Record, names: Mapping[str, str], chat: Chat) -> tuple[TimelineEntry, ...]:
    """Everything in `record` in order of time, with links where Slack gives them."""
    posted = (MessageRef(m.channel, m.ts) for m in record.messages if m.deleted_at is None)
    archive = await archive_of(record.incident.card or next(posted, None), chat)
    found = [
        *((message.ts, _of_message(message, names, archive)) for message in record.messages),
        *((entry.id, _of_entry(entry, names, archive)) for entry in record.entries),
    ]
    edits = {edit.source: edit for edit in record.edits}
    standing = [_edited(entry, edits.get(source), names) for source, entry in found if not _dropped(edits.get(source))]
    return tuple(sorted(standing, key=lambda entry: entry.at))


async def read_timeline(incident: Incident, *, store: Store, chat: Chat, zone: str) -> Timeline:
    """All that is known to have happened so far, for a reader in `zone`."""
    record = await read_record(incident, store)
    names = await names_of(await asyncio.to_thread(everybody, record), chat)
    entries = await entries_of(record, names, chat)
    return Timeline(f"Incident {incident.number}: {incident.title}", entries, zone=zone)


def _dropped(edit: EntryEdit | None) -> bool:
    return edit is not None and edit.dropped


def _edited(entry: TimelineEntry, edit: EntryEdit | None, names: Mapping[str, str]) -> TimelineEntry:
    if edit is None or entry.kind in _GONE:
        return entry
    text = f"{edit.text or entry.text} (edited by {names.get(edit.by, edit.by)})"
    return replace(entry, text=text, at=edit.at or entry.at)


def _of_message(message: Message, names: Mapping[str, str], archive: str) -> TimelineEntry:
    files = "".join(f" [file: {name}]" for name, _ in message.files)
    gone = "redacted" if message.redacted else "deleted" if message.deleted_at is not None else ""
    return TimelineEntry(
        at=message.at,
        author=names.get(message.user) or message.author or message.user,
        text=f"({gone})" if gone else cut(readable(message.text, names).strip() + files),
        kind=gone or "message",
        permalink=link(archive, MessageRef(message.channel, message.ts), thread=message.thread_ts),
        edited=message.edited_at is not None and not gone,
    )


def _of_entry(entry: Entry, names: Mapping[str, str], archive: str) -> TimelineEntry:
    return TimelineEntry(
        at=entry.at,
        author=names.get(entry.author, entry.author),
        text=cut(worded(entry.kind, readable(entry.text, names))),
        kind=entry.kind,
        permalink=link(archive, entry.message) if entry.message else "",
    )


def cut(text: str) -> str:
    """As much of a text as a timeline shows."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… (cut)"
