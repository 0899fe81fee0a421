"""The choice of an incident whose record is in the store, and the timeline that it makes, as people changed it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.acts import worded
from bot.incidents.chosen import Chosen, Phase, Selection
from bot.incidents.conversation import Conversation
from bot.incidents.cycles import with_told
from bot.incidents.edits import edited
from bot.incidents.links import links_of
from bot.incidents.people import profiles_of
from bot.incidents.recorded import conversation_of
from bot.incidents.selection import select
from bot.incidents.timeline import Record, cut, everybody, read_record


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen of a record, and `entries` as people made them; `selection` has them all, as they were said."""

    record: Record
    names: Mapping[str, str]
    conversation: Conversation
    selection: Selection
    entries: tuple[Chosen, ...]

    @property
    def candidates(self) -> tuple[Chosen, ...]:
        """What the timeline could have: all that was chosen, and what people left out of it."""
        known = {key for entry in self.selection.entries for key in entry.source}
        out = {edit.source for edit in self.record.edits if edit.dropped} - known
        left = (
            Chosen(said.at, said.name, said.text, Phase.DIAGNOSE, (said.ts,), why="left out by people")
            for said in self.conversation.said
            if said.ts in out and not said.deleted
        )
        return tuple(sorted((*self.selection.entries, *left), key=lambda entry: (entry.at, entry.source)))


async def choose(incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str = "pushpin") -> Choice:
    """Choose from the record as it is now."""
    record = await read_record(incident, store)
    async with store.transaction() as tx:
        marks = await tx.marks.standing(incident.channel)
        told = await tx.acts.told_moments(incident.number)
    people = await profiles_of(await asyncio.to_thread(everybody, record), chat)
    conversation = await asyncio.to_thread(conversation_of, record, marks, people, zone=zone, mark=mark)
    names = {user: profile.name for user, profile in people.items()}
    selection = with_told(await asyncio.to_thread(select, conversation), record, told, names)
    return Choice(record, names, conversation, selection, edited(selection.entries, record.edits, names))


async def read_chosen(
    incident: Incident, *, store: Store, chat: Chat, zone: str, reader: str, mark: str = "pushpin"
) -> Timeline:
    """What a careful person would keep of what is known so far; the rest is counted. Its reader's zone is `reader`."""
    choice = await choose(incident, store=store, chat=chat, zone=zone, mark=mark)
    record, entries = choice.record, choice.entries
    links = await links_of(
        {entry.source[0] for entry in entries},
        messages=record.messages,
        others={entry.id: entry.message for entry in record.entries},
        chat=chat,
    )
    told = {key for entry in entries for key in entry.source}
    rest = sum(not said.deleted and said.ts not in told for said in choice.conversation.said)
    return Timeline(
        title=f"Incident {incident.number}: {incident.title}",
        entries=tuple(
            TimelineEntry(
                at=entry.at,
                author=entry.author,
                text=cut(worded(entry.kind, entry.text))
                + (f" (edited by {entry.edited_by})" if entry.edited_by else ""),
                kind=entry.kind,
                permalink=links.get(entry.source[0], ""),
            )
            for entry in entries
        ),
        left_out=f"{rest} messages, which `timeline --all` shows." if rest else "",
        zone=reader,
    )
