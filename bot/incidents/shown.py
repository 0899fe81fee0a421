"""The chosen timeline of an incident whose record is in the store, as people changed it."""

from __future__ import annotations

import asyncio

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.edits import edited
from bot.incidents.links import links_of
from bot.incidents.recorded import conversation_of
from bot.incidents.selection import select
from bot.incidents.timeline import cut, name_everybody, read_record


async def read_chosen(incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str = "pushpin") -> Timeline:
    """What a careful person would keep of what is known so far; the rest is counted."""
    record = await read_record(incident, store)
    async with store.transaction() as tx:
        marks = await tx.marks.standing(incident.channel)
    names = await name_everybody(record, chat)
    conversation = await asyncio.to_thread(conversation_of, record, marks, names, zone=zone, mark=mark)
    selection = await asyncio.to_thread(select, conversation)
    entries = edited(selection.entries, record.edits, names)
    links = await links_of(
        {entry.source[0] for entry in entries},
        messages=record.messages,
        others={entry.id: entry.message for entry in record.entries},
        chat=chat,
    )
    told = {key for entry in entries for key in entry.source}
    rest = sum(not said.deleted and said.ts not in told for said in conversation.said)
    return Timeline(
        title=f"Incident {incident.number}: {incident.title}",
        entries=tuple(
            TimelineEntry(
                at=entry.at,
                author=entry.author,
                text=cut(entry.text) + (f" (edited by {entry.edited_by})" if entry.edited_by else ""),
                kind=entry.kind,
                permalink=links.get(entry.source[0], ""),
            )
            for entry in entries
        ),
        left_out=f"{rest} messages, which `timeline --all` shows." if rest else "",
    )
