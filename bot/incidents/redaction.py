"""Text taken out of the record for good: asked for, confirmed, done; what is left is that it was."""

from __future__ import annotations

from uuid import uuid4

from bot.core.command import Context
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound
from bot.core.incidents import OWN, Incident
from bot.core.parts import Button, Style
from bot.core.plan import Json
from bot.core.ports import Chat, MessageRef
from bot.core.prose import Channel, Line, Person, When
from bot.core.records import Pending, Store, Unit
from bot.core.results import Text
from bot.incidents.acts import show
from bot.incidents.sources import find_told
from bot.incidents.updates import withdraw

ROW = "redaction"

_POSTED = "What I have posted of it stands in Slack: redact each post here by its menu"
_OWN_POST = "It is a post of mine: what it tells of stays in the record. Redact that where it was said."

PUT_RIGHT = "redaction.put_right"
"""The job that takes what was redacted out of the messages, files and canvases of a report."""


async def ask_redaction(ctx: Context, incident: Incident, typed: str, *, why: str, store: Store) -> Text:
    """What would be taken out, without its text, and the two buttons that decide."""
    async with store.transaction() as tx:
        told = await find_told(tx, incident, typed)
        author, own = "", False
        if told.message is not None and (stored := await tx.messages.get(told.message.channel, told.message.ts)):
            author, own = stored.user, stored.subtype == OWN and told.source == told.message.ts
        # By its message where that is here, so that a post of the bot's own goes with the entry that it tells.
        here = told.message is not None and told.message.channel == incident.channel
        source = told.message.ts if told.message and here else told.source
        data: Json = {"incident": incident.number, "source": source, "why": why}
        row = Pending(uuid4().hex, ROW, ctx.actor.user_id, ctx.channel_id, data, ctx.now)
        await tx.pending.put(row)
    what: Line = (
        ("The entry of ", When(told.at, date=True), " by ", Person(author))
        if author
        else (
            "The entry of ",
            When(told.at, date=True),
        )
    )
    return Text(
        (
            (*what, f" in incident {incident.number}: its text, all its former versions, its files and its edits."),
            "The record keeps that it was there, by whom and when. Nobody can bring the text back.",
            *((_OWN_POST,) if own else ()),
            "Files of the report that people downloaded, and timelines that I sent to somebody as a file, keep it.",
        ),
        title="Take it out of the record for good?",
        buttons=(
            Button("Take it out", "redact.confirm", row.id, Style.DANGER),
            Button("Keep it", "redact.dismiss", row.id),
        ),
    )


async def redact(ctx: Context, row_id: str, *, store: Store, chat: Chat) -> Text:
    """Take it out of every table, then out of Slack where Slack lets the bot; out of the report there by a job."""
    async with store.transaction() as tx:
        row = await tx.pending.get(row_id)
        _refuse_others(ctx, row)
        if not await tx.pending.use(row_id):
            raise Conflict("That was decided already.")
        incident = await tx.incidents.get(int(str(row.data["incident"])))
        told = await find_told(tx, incident, str(row.data["source"]))
        if told.message is not None:
            await tx.messages.redact(told.message.channel, told.message.ts, by=ctx.actor.user_id, at=ctx.now)
        await tx.entries.redact(incident.number, told.source)
        updates, called = await tx.acts.redact(incident.number, told.text)
        for update in updates:
            await withdraw(tx, update)
        await show(tx, incident.number)
        for key in {told.source, told.message.ts if told.message else told.source}:
            await tx.reports.purge(incident.number, key)
        report = await tx.reports.get(incident.number)
        if report is not None:
            await put_right(tx, incident.number, redaction=row_id)
        data: Json = {"incident": incident.number, "source": told.source}
        await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="redaction", data=data)
    lines: list[Line] = [f"The text is out of the record of incident {incident.number}."]
    lines += [await _delete(told.message, chat)] if told.message is not None else []
    if updates or called:
        lines.append(f"{_POSTED}; elsewhere an admin deletes it." if called else f"{_POSTED}.")
    if channels := sorted({channel for update in updates for channel in update.announced}):
        where = [part for each in channels for part in (", ", Channel(each))][1:]
        lines.append(("I take it out of ", *where, "; what Slack refuses is said in the incident's channel."))
    lines += [
        f"The {name} of the incident still says it: say that anew, /incident edit --{name}."
        for name, text in (("title", incident.title), ("impact", incident.impact))
        if text and told.text.endswith(text)
    ]
    if report is not None:
        lines.append("I take it out of what I shared of the report: files and canvases are deleted and made anew.")
    return Text(tuple(lines))


async def put_right(tx: Unit, number: int, *, redaction: str) -> None:
    """Have what Slack has of a report put right; `redaction` is what a refusal is told under, once."""
    args: Json = {"number": number, "redaction": redaction}
    await tx.jobs.defer(PUT_RIGHT, lock=f"{PUT_RIGHT}:{number}", args=args)


async def keep(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Leave it as it is."""
    async with store.transaction() as tx:
        row = await tx.pending.get(row_id)
        _refuse_others(ctx, row)
        if not await tx.pending.use(row_id):
            raise Conflict("That was decided already.")
    return Text(("It stays in the record.",))


def _refuse_others(ctx: Context, row: Pending) -> None:
    if row.kind != ROW:
        raise NotFound("This button is of something else.", hint="Type the command again.")
    if row.user_id != ctx.actor.user_id:
        raise NotAllowed("Somebody else asked for this.", hint="Type the command yourself.")


async def _delete(message: MessageRef, chat: Chat) -> str:
    try:
        await chat.delete(message)
    except IntegrationError as error:
        if error.hint in {"message_not_found", "thread_not_found"}:
            return "Slack does not have it any more."
        return f"Slack still shows it ({error.hint or error}): its author can delete it there, or an admin of Slack."
    return "I have deleted it in Slack too."
