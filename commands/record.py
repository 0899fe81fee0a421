"""Keep the record of an incident: notes, what is in its timeline and how it reads there, what is taken out for good."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.core.command import Args, Click, Command, Context, Filling, Root, Shortcut
from bot.core.errors import NotFound
from bot.core.incidents import EntryEdit, Incident
from bot.core.parse import option, words
from bot.core.parts import Button
from bot.core.people import Role
from bot.core.ports import Chat, MessageRef
from bot.core.prose import Line, When
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents.edits import drop_entry, edit_entry, entry_of, mark, restore_entry, row_for
from bot.incidents.lookup import find_incident
from bot.incidents.notes import add_note, leading_time, moment_of, zone_of
from bot.incidents.redaction import ask_redaction, keep, redact
from bot.incidents.rules import IncidentRules
from bot.incidents.sources import Told, find_told, message_of

_EDIT = (Root.INCIDENT.value, "entry", "edit")
_EARLIER = "When it happened, in your time zone: 14:05 or 2026-11-22 14:05."


class Note(Args):
    """A line for the timeline."""

    text: str = words(
        ...,
        "What happened; may begin with its time: at 14:05 provider called, 10m ago provider called.",
        prose=True,
        lines=True,
    )
    at: str = option("", _EARLIER)
    incident: int = option(0, "Number of the incident; needed only outside its channel.")


class Entry(Args):
    """One entry of the timeline."""

    entry: str = Field(description="Link of its message (Copy link in the menu of the message), or its ts.")
    incident: int = option(0, "Number of the incident; needed only outside its channel.")


class Edit(Entry):
    """What an entry is to say."""

    text: str = words("", "What the timeline says; the author's own words stay in the record.", prose=True, lines=True)
    at: str = option("", _EARLIER)


class Redact(Entry):
    """What is to be taken out."""

    reason: str = words("", "Why; without the text itself.", prose=True)


async def note(ctx: Context, args: Note, *, store: Store, chat: Chat, rules: IncidentRules) -> Text:
    """Add a line to the timeline, also for something that happened earlier."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    typed, text = (args.at, args.text) if args.at else leading_time(args.text)
    at = await moment_of(ctx, typed, chat=chat, zone=rules.zone)
    source = await add_note(ctx, incident, text=text, at=at, store=store)
    clock = await _clock(ctx, typed, chat, rules)
    said = ("Noted for ", When(at, date=True), f"{clock} in incident {incident.number}: {text}")
    return Text((said,), buttons=await _buttons(ctx, incident, source, store=store))


async def add(ctx: Context, args: Entry, *, store: Store) -> Text:
    """Put a message into the timeline, as its shortcut and the reaction do."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    message = message_of(args.entry, channel=incident.channel)
    if message is None or message.channel != incident.channel:
        raise NotFound(
            f"That is no message of incident {incident.number}.", hint="Give its link: Copy link in its menu."
        )
    return await add_to_timeline(ctx, message, store=store)


async def add_to_timeline(ctx: Context, message: MessageRef, *, store: Store) -> Text:
    """Put this message into the timeline of the incident."""
    incident = await mark(ctx, message, store=store)
    row = await row_for(ctx, incident, message.ts, store=store)
    return Text(
        (f"It is in the timeline of incident {incident.number}.",),
        buttons=(Button("Take it out again", "entry.unmark", row), Button("Edit", "entry.edit", row)),
    )


async def unmark(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Take the mark off again."""
    incident, told, _ = await entry_of(row_id, store=store)
    if told.message is not None:
        await mark(ctx, told.message, store=store, added=False)
    return Text((f"Your mark is off. Marks of others, and rules, may keep it in the timeline of {incident.number}.",))


async def edit(ctx: Context, args: Edit, *, store: Store, chat: Chat, rules: IncidentRules) -> Text:
    """Change what an entry of the timeline says, or when it happened."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    at = await moment_of(ctx, args.at, chat=chat, zone=rules.zone) if args.at else None
    told = await edit_entry(ctx, incident, args.entry, text=args.text, at=at, store=store)
    said: Line = ("The entry of ", When(told.at, date=True), f" in incident {incident.number} is changed.")
    if at and at != told.at.replace(second=0, microsecond=0):  # a form has the time as it was
        clock = await _clock(ctx, args.at, chat, rules)
        said = (*said, " It is of ", When(at, date=True), f"{clock} now.")
    return Text((said,), buttons=await _buttons(ctx, incident, told.source, store=store))


async def edit_message(ctx: Context, message: MessageRef, *, store: Store, chat: Chat, rules: IncidentRules) -> Filling:
    """Change what the timeline says of this message, or when it happened."""
    incident = await find_incident(store, channel=message.channel)
    async with store.transaction() as tx:
        told = await find_told(tx, incident, message.ts)
        edits = {each.source: each for each in await tx.entries.edits(incident.number)}
    return _filling(incident, told, edits.get(told.source), zone=await zone_of(ctx, chat=chat, zone=rules.zone))


async def edit_row(ctx: Context, row_id: str, *, store: Store, chat: Chat, rules: IncidentRules) -> Filling:
    """Open the form of an entry."""
    incident, told, made = await entry_of(row_id, store=store)
    return _filling(incident, told, made, zone=await zone_of(ctx, chat=chat, zone=rules.zone))


async def drop(ctx: Context, args: Entry, *, store: Store) -> Text:
    """Leave an entry out of the timeline; it stays in the record."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    told = await drop_entry(ctx, incident, args.entry, store=store)
    return await _dropped(ctx, incident, told, store=store)


async def drop_row(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Leave it out."""
    incident, told, _ = await entry_of(row_id, store=store)
    await drop_entry(ctx, incident, told.source, store=store)
    return await _dropped(ctx, incident, told, store=store)


async def restore(ctx: Context, args: Entry, *, store: Store) -> Text:
    """Have an entry as its author has it, whatever people made of it."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    told = await restore_entry(ctx, incident, args.entry, store=store)
    return _restored(incident, told)


async def restore_row(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Put it back."""
    incident, told, _ = await entry_of(row_id, store=store)
    return _restored(incident, await restore_entry(ctx, incident, told.source, store=store))


async def ask_redact(ctx: Context, args: Redact, *, store: Store) -> Text:
    """Take the text of a message or of an entry out of the record for good, after a second question."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    return await ask_redaction(ctx, incident, args.entry, why=args.reason, store=store)


async def redact_message(ctx: Context, message: MessageRef, *, store: Store) -> Text:
    """Take the text of this message out of the record for good."""
    incident = await find_incident(store, channel=message.channel)
    return await ask_redaction(ctx, incident, message.ts, why="", store=store)


async def _clock(ctx: Context, typed: str, chat: Chat, rules: IncidentRules) -> str:
    """How a clock time was read, for whoever meant it in another zone."""
    return f" ({typed} in {await zone_of(ctx, chat=chat, zone=rules.zone)})" if ":" in typed else ""


async def _buttons(ctx: Context, incident: Incident, source: str, *, store: Store) -> tuple[Button, ...]:
    row = await row_for(ctx, incident, source, store=store)
    return (Button("Edit", "entry.edit", row), Button("Leave it out", "entry.drop", row))


async def _dropped(ctx: Context, incident: Incident, told: Told, *, store: Store) -> Text:
    said = ("The entry of ", When(told.at, date=True), f" is not in the timeline of incident {incident.number} now.")
    row = await row_for(ctx, incident, told.source, store=store)
    return Text((said,), buttons=(Button("Put it back", "entry.restore", row),))


def _restored(incident: Incident, told: Told) -> Text:
    said = ("The entry of ", When(told.at, date=True), f" in incident {incident.number} is as its author has it.")
    return Text((said,))


def _filling(incident: Incident, told: Told, made: EntryEdit | None, *, zone: str) -> Filling:
    at, text = (made and made.at) or told.at, (made and made.text) or told.text
    return Filling(
        _EDIT,
        given={"text": text, "at": _typed(at, zone)},
        kept={"entry": told.source, "incident": str(incident.number)},
    )


def _typed(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


COMMANDS = (
    Command(
        ("note",),
        Note,
        run=note,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("Provider confirmed the outage", "at 13:50 first complaint by phone", "It began --at 13:40"),
        public=True,
    ),
    Command(("entry", "add"), Entry, run=add, role=Role.RESPONDER, root=Root.INCIDENT),
    Command(
        ("entry", "edit"),
        Edit,
        run=edit,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("1772445600.000100 Rolled back to v1.4 --at 14:05",),
    ),
    Command(("entry", "drop"), Entry, run=drop, role=Role.RESPONDER, root=Root.INCIDENT),
    Command(("entry", "restore"), Entry, run=restore, role=Role.RESPONDER, root=Root.INCIDENT),
    Command(("redact",), Redact, run=ask_redact, role=Role.RESPONDER, root=Root.INCIDENT),
)
CLICKS = (
    Click("entry.edit", edit_row, role=Role.RESPONDER),
    Click("entry.drop", drop_row, role=Role.RESPONDER),
    Click("entry.restore", restore_row, role=Role.RESPONDER),
    Click("entry.unmark", unmark, role=Role.RESPONDER),
    Click("redact.confirm", redact, role=Role.RESPONDER),
    Click("redact.dismiss", keep, role=Role.RESPONDER),
)
SHORTCUTS = (
    Shortcut("entry.add", "Add to timeline", add_to_timeline),
    Shortcut("entry.change", "Edit in timeline", edit_message),
    Shortcut("entry.redact", "Redact", redact_message),
)
