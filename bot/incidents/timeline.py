"""What happened in an incident, in order of time, from stored facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.incidents import Entry, Incident, Message
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, MessageRef
from bot.core.records import Operation, Store
from bot.incidents.links import archive_of, link
from bot.incidents.people import mentioned, names_of, readable

LONGEST_TEXT = 300
"""Characters of a message that a timeline shows."""

NOTE = "note"
"""Kind of the entry that a person wrote for the timeline."""

_CLOCKS_APART = timedelta(minutes=1)
"""How far Slack's clock, which dates messages, may be behind ours, which dates the declaration."""

_HUMAN = {"", "file_share", "me_message", "thread_broadcast"}


@dataclass(frozen=True, slots=True)
class Record:
    """All that is stored of an incident; `operations` are those that its entries name."""

    incident: Incident
    messages: tuple[Message, ...]
    entries: tuple[Entry, ...]
    operations: tuple[Operation, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Who took part, in the order in which they first did."""
        parts = [
            (self.incident.opened_at, self.incident.opened_by),
            *((message.at, message.user) for message in self.messages),
            *((entry.at, entry.author) for entry in self.entries),
        ]
        return tuple(dict.fromkeys(who for _, who in sorted(parts) if who != AUTOMATIC.user_id))


async def read_record(incident: Incident, store: Store) -> Record:
    """Read what is stored: what people wrote in the channel since the incident was declared, and every entry."""
    async with store.transaction() as tx:
        messages = await tx.messages.of_channel(incident.channel, since=incident.record_begins - _CLOCKS_APART)
        entries = await tx.entries.of_incident(incident.number)
        ids = dict.fromkeys(entry.operation_id for entry in entries if entry.operation_id)
        operations = [await tx.operations.get(operation_id) for operation_id in ids]
    human = tuple(message for message in messages if message.subtype in _HUMAN)
    return Record(incident, human, entries, tuple(operations))


async def name_everybody(record: Record, chat: Chat) -> Mapping[str, str]:
    """The names of all who took part, were mentioned, or asked for a change."""
    texts = (*(message.text for message in record.messages), *(entry.text for entry in record.entries))
    changers = {who for operation in record.operations for who in (operation.requester, operation.approver)}
    mentions = {who for text in texts for who in mentioned(text)}
    return await names_of({*record.people, *changers, *mentions, record.incident.resolved_by}, chat)


async def entries_of(record: Record, names: Mapping[str, str], chat: Chat) -> tuple[TimelineEntry, ...]:
    """Everything in `record` in order of time, with links where Slack gives them."""
    archive = await archive_of(record.incident.card, record.messages, chat)
    found = [
        *(_of_message(message, names, archive) for message in record.messages),
        *(_of_entry(entry, names, archive) for entry in record.entries),
    ]
    return tuple(sorted(found, key=lambda entry: entry.at))


async def read_timeline(incident: Incident, *, store: Store, chat: Chat) -> Timeline:
    """All that is known to have happened so far."""
    record = await read_record(incident, store)
    entries = await entries_of(record, await name_everybody(record, chat), chat)
    return Timeline(f"Incident {incident.number}: {incident.title}", entries)


def _of_message(message: Message, names: Mapping[str, str], archive: str) -> TimelineEntry:
    files = "".join(f" [file: {name}]" for name, _ in message.files)
    gone = message.deleted_at is not None
    return TimelineEntry(
        at=message.at,
        author=names.get(message.user) or message.author or message.user,
        text="(deleted)" if gone else cut(readable(message.text, names).strip() + files),
        kind="deleted" if gone else "message",
        permalink=link(archive, MessageRef(message.channel, message.ts), thread=message.thread_ts),
        edited=message.edited_at is not None and not gone,
    )


def _of_entry(entry: Entry, names: Mapping[str, str], archive: str) -> TimelineEntry:
    return TimelineEntry(
        at=entry.at,
        author=names.get(entry.author, entry.author),
        text=cut(readable(entry.text, names)) or entry.kind,
        kind=entry.kind,
        permalink=link(archive, entry.message) if entry.message else "",
    )


def cut(text: str) -> str:
    """As much of a text as a timeline shows."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… (cut)"
