"""What people do to the entries of a timeline by hand: put a message in, change it, move it, drop it, put it back.

What the author said stays in the record; the timeline shows what was made of it, with who made it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from bot.core.command import Context
from bot.core.errors import NotFound, UsageError
from bot.core.incidents import EntryEdit, Incident
from bot.core.marks import Mark, MarkKind
from bot.core.plan import Json
from bot.core.ports import MessageRef
from bot.core.records import Pending, Store, Unit
from bot.incidents.backfills import begin_record
from bot.incidents.chosen import Chosen
from bot.incidents.sources import Told, find_told

ROW = "entry"
"""Kind of the row behind a button that is about one entry."""


async def mark(ctx: Context, message: MessageRef, *, store: Store, added: bool = True) -> Incident:
    """Put a message into the timeline of its channel's incident, or take this person's mark off again.

    One that is older than the record has the record begin with it. `NotFound` in a channel of no incident.
    """
    async with store.transaction() as tx:
        incident = await tx.incidents.in_channel(message.channel)
        if incident is None:
            raise NotFound("This is no incident's channel, so there is no timeline.")
        event_ts = f"{ctx.now.timestamp():.6f}"
        put = Mark(message.channel, message.ts, MarkKind.SHORTCUT, "", ctx.actor.user_id, event_ts, added=added)
        await tx.marks.add([put])
        since = await tx.backfills.recorded_from(message.channel)
        if since and put.said_at < since:
            await begin_record(tx, message.channel, since=put.said_at, now=ctx.now)
        if added:
            await _restore(tx, ctx, incident, message)
        return incident


async def _restore(tx: Unit, ctx: Context, incident: Incident, message: MessageRef) -> None:
    """One that was dropped and is wanted again is in the timeline again."""
    for edit in await tx.entries.edits(incident.number):
        if edit.source == message.ts and edit.dropped:
            await tx.entries.edit(replace(edit, dropped=False, made_at=ctx.now, by=ctx.actor.user_id))


async def edit_entry(
    ctx: Context, incident: Incident, typed: str, *, text: str = "", at: datetime | None = None, store: Store
) -> Told:
    """Change the words or the time of an entry; `UsageError` when neither is given or both are as they were."""
    async with store.transaction() as tx:
        told = await find_told(tx, incident, typed)
        before = await _last(tx, ctx, incident, told)
        text = "" if text.strip() == told.text.strip() else text or before.text
        as_told = told.at.replace(second=0, microsecond=0)  # people type minutes
        moment = before.at if at is None else None if at in {told.at, as_told} else at
        after = replace(before, text=text, at=moment, dropped=False, made_at=ctx.now, by=ctx.actor.user_id)
        if replace(after, made_at=before.made_at, by=before.by) == before:
            raise UsageError("That leaves the entry as it is.", hint="Give it other words, or a time: --at 14:05.")
        await _store(tx, ctx, after, "edited")
        return told


async def drop_entry(ctx: Context, incident: Incident, typed: str, *, store: Store) -> Told:
    """Leave an entry out of the timeline; it stays in the record."""
    async with store.transaction() as tx:
        told = await find_told(tx, incident, typed)
        before = await _last(tx, ctx, incident, told)
        await _store(tx, ctx, replace(before, dropped=True, made_at=ctx.now, by=ctx.actor.user_id), "dropped")
        return told


async def restore_entry(ctx: Context, incident: Incident, typed: str, *, store: Store) -> Told:
    """Have the entry as its author has it, whatever people made of it."""
    async with store.transaction() as tx:
        told = await find_told(tx, incident, typed)
        await _store(tx, ctx, EntryEdit(incident.number, told.source, ctx.now, ctx.actor.user_id), "restored")
        return told


async def choose_entries(
    ctx: Context, incident: Incident, candidates: Iterable[Chosen], kept: Container[str], *, store: Store
) -> None:
    """Have those of `candidates` in the timeline whose first source is in `kept`, and none of the others."""
    async with store.transaction() as tx:
        by_source = {edit.source: edit for edit in await tx.entries.edits(incident.number)}
        for entry in candidates:
            edit = next((by_source[key] for key in entry.source if key in by_source), None)
            last = edit or EntryEdit(incident.number, entry.source[0], ctx.now, ctx.actor.user_id)
            dropped = entry.source[0] not in kept
            if last.dropped != dropped:
                after = replace(last, dropped=dropped, made_at=ctx.now, by=ctx.actor.user_id)
                await _store(tx, ctx, after, "dropped" if dropped else "restored")


async def row_for(ctx: Context, incident: Incident, source: str, *, store: Store) -> str:
    """The id of a row that names an entry, for a button."""
    row = Pending(
        uuid4().hex,
        ROW,
        ctx.actor.user_id,
        incident.channel,
        {"incident": incident.number, "source": source},
        ctx.now,
    )
    async with store.transaction() as tx:
        await tx.pending.put(row)
    return row.id


async def entry_of(row_id: str, *, store: Store) -> tuple[Incident, Told, EntryEdit | None]:
    """The incident, the entry and what was made of it, of a button's row."""
    async with store.transaction() as tx:
        row = await tx.pending.get(row_id)
        if row.kind != ROW:
            raise NotFound("This button is of something else.", hint="Type the command again.")
        incident = await tx.incidents.get(int(str(row.data["incident"])))
        told = await find_told(tx, incident, str(row.data["source"]))
        edits = {edit.source: edit for edit in await tx.entries.edits(incident.number)}
        return incident, told, edits.get(told.source)


def edited(chosen: Iterable[Chosen], edits: Sequence[EntryEdit], names: Mapping[str, str]) -> tuple[Chosen, ...]:
    """The entries of a timeline as people made them, in order of the time that they now have."""
    by_source = {edit.source: edit for edit in edits}
    found = []
    for entry in chosen:
        edit = next((by_source[key] for key in entry.source if key in by_source), None)
        if edit is None:
            found.append(entry)
        elif not edit.dropped:
            who = names.get(edit.by, edit.by)
            found.append(replace(entry, text=edit.text or entry.text, at=edit.at or entry.at, edited_by=who))
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.source)))


async def _last(tx: Unit, ctx: Context, incident: Incident, told: Told) -> EntryEdit:
    last = {edit.source: edit for edit in await tx.entries.edits(incident.number)}
    return last.get(told.source) or EntryEdit(incident.number, told.source, ctx.now, ctx.actor.user_id)


async def _store(tx: Unit, ctx: Context, edit: EntryEdit, act: str) -> None:
    await tx.entries.edit(edit)
    data: Json = {"incident": edit.incident, "source": edit.source, "act": act}
    await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="entry", data=data)
