"""The choice of an incident whose record is in the store, and the timeline that it makes, as people changed it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.acts import worded
from bot.incidents.chosen import Chosen, Phase, Selection
from bot.incidents.cycles import with_told
from bot.incidents.edits import edited
from bot.incidents.links import links_of
from bot.incidents.recorded import Recorded, read_recorded
from bot.incidents.selection import select
from bot.incidents.timeline import cut


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen of a record, and `entries` as people made them; `selection` has all as they were said."""

    recorded: Recorded
    selection: Selection
    entries: tuple[Chosen, ...]

    @property
    def candidates(self) -> tuple[Chosen, ...]:
        """What the timeline could have: all that was chosen, and what people left out of it."""
        known = {key for entry in self.selection.entries for key in entry.source}
        out = {edit.source for edit in self.recorded.record.edits if edit.dropped} - known
        left = (
            Chosen(said.at, said.name, said.text, Phase.DIAGNOSE, (said.ts,), why="left out by people")
            for said in (self.recorded.talk if out else ())
            if said.ts in out and not said.deleted
        )
        return tuple(sorted((*self.selection.entries, *left), key=lambda entry: (entry.at, entry.source)))


async def choose(incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str = "pushpin") -> Choice:
    """Choose from the record as it is now."""
    recorded = await read_recorded(incident, store=store, chat=chat, zone=zone, mark=mark)
    record, names = recorded.record, recorded.names
    async with store.transaction() as tx:
        told = await tx.acts.told_moments(incident.number)
    selection = with_told(await asyncio.to_thread(select, recorded.conversation), record, told, names)
    return Choice(recorded, selection, edited(selection.entries, record.edits, names))


async def read_chosen(
    incident: Incident, *, store: Store, chat: Chat, zone: str, reader: str, mark: str = "pushpin"
) -> Timeline:
    """What a careful person would keep of what is known so far; the rest is counted. Its reader's zone is `reader`."""
    choice = await choose(incident, store=store, chat=chat, zone=zone, mark=mark)
    record, talk, entries = choice.recorded.record, choice.recorded.talk, choice.entries
    links = await links_of(
        {entry.source[0] for entry in entries},
        channel=incident.channel,
        talk=talk,
        others={entry.id: entry.message for entry in record.entries},
        chat=chat,
    )
    told = {key for entry in entries for key in entry.source}
    rest = len(talk.in_order(without=told))
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
