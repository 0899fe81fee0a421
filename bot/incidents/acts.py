"""What every change of an incident leaves behind, in the transaction that makes it."""

from __future__ import annotations

from bot.core.command import Context
from bot.core.incidents import Entry, Incident
from bot.core.people import AUTOMATIC
from bot.core.plan import Json
from bot.core.prose import Line, Person
from bot.core.records import Unit
from bot.incidents.people import with_people

OPEN, RESOLVED, CLOSED = "open", "resolved", "closed"
"""States of an incident."""

REOPENED = "reopened"
"""Kind of the entry that begins another cycle."""

UPDATED, PAGED = "update", "paged"
"""Kinds of the entries of a status update and of a call."""

DECLARED = "declared"
"""Kind of the entry that begins the timeline; `RESOLVED` is the kind of the one that ends it."""

SEVERITY, EDITED = "severity", "edited"
"""Kinds of the entries that change what the topic says."""

SHOW = "incident.show"
"""The job that brings the pinned card up to date, and tells the channel of an entry that it has not seen."""

_IN_TOPIC = frozenset({SEVERITY, EDITED})


async def change(
    tx: Unit, ctx: Context, incident: Incident, kind: str, text: str, *, tell: bool | None = None
) -> Incident:
    """Save `incident` with its entry, its audit row and the job that shows it; `Conflict` when it was changed since.

    `text` is what happened in the words of the timeline; people in it are mentions. `tell` posts it in the incident's
    channel: where the answer to the person who asked does not stand there, unless it is said otherwise.
    """
    saved = await tx.incidents.save(incident)
    entry = Entry(f"{kind}:{saved.number}:{saved.version}", saved.number, ctx.now, ctx.actor.user_id, kind, text)
    await tx.entries.add(entry)
    await audit(tx, ctx, saved, kind)
    if tell is None:
        tell = ctx.channel_id != saved.channel
    await show(tx, saved.number, entry=entry.id if tell else "", topic=kind in _IN_TOPIC)
    return saved


async def audit(tx: Unit, ctx: Context, incident: Incident, kind: str) -> None:
    """A row that holds no word of the incident."""
    data: Json = {
        "incident": incident.number,
        "change": kind,
        "state": incident.state,
        "severity": incident.severity,
    }
    await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="incident", data=data)


async def show(tx: Unit, number: int, *, entry: str = "", topic: bool = False) -> None:
    """Have the card brought up to date, an entry told in the channel, and its topic set."""
    args: Json = {"number": number, "entry": entry, "topic": topic}
    await tx.jobs.defer(SHOW, lock=f"incident:{number}", args=args)


def worded(kind: str, text: str) -> str:
    """An entry as one line of a timeline, its lines parted by slashes; what happened, where its text says only why."""
    text = " / ".join(line for each in text.splitlines() if (line := each.strip()))
    name = {RESOLVED: "Resolved", REOPENED: "Opened again", UPDATED: "Update"}.get(kind, "")
    return f"{name}: {text}" if name and text else text or name or kind


def said(author: str, text: str) -> Line:
    """An entry as it is told to people."""
    by = (Person(author), ": ") if author != AUTOMATIC.user_id else ()
    return (*by, *with_people(text))
