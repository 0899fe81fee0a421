"""Text taken out of the record for good: asked for, confirmed, done; what is left is that it was."""

from __future__ import annotations

from uuid import uuid4

from bot.core.command import Context
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound
from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.plan import Json
from bot.core.ports import Chat, MessageRef
from bot.core.prose import Line, Person, When
from bot.core.records import Pending, Store
from bot.core.results import Text
from bot.incidents.attempts import Attempts
from bot.incidents.pages import Pages
from bot.incidents.sources import find_told

ROW = "redaction"


async def ask_redaction(ctx: Context, incident: Incident, typed: str, *, why: str, store: Store) -> Text:
    """What would be taken out, without its text, and the two buttons that decide."""
    async with store.transaction() as tx:
        told = await find_told(tx, incident, typed)
        author = ""
        if told.message is not None and (stored := await tx.messages.get(told.message.channel, told.message.ts)):
            author = stored.user
        data: Json = {"incident": incident.number, "source": told.source, "why": why}
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
        ),
        title="Take it out of the record for good?",
        buttons=(
            Button("Take it out", "redact.confirm", row.id, Style.DANGER),
            Button("Keep it", "redact.dismiss", row.id),
        ),
    )


async def redact(ctx: Context, row_id: str, *, store: Store, chat: Chat) -> Text:
    """Take it out of every table, then out of Slack where Slack lets the bot."""
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
        for key in {told.source, told.message.ts if told.message else told.source}:
            await tx.reports.purge(incident.number, key)
        report = await tx.reports.get(incident.number)
        data: Json = {"incident": incident.number, "source": told.source}
        await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="redaction", data=data)
    fate = await _delete(told.message, chat) if told.message is not None else ""
    attempts = Attempts()
    if report is not None:
        await attempts.to("take it out of the report's messages", Pages(store, chat).show(incident, at=ctx.now))
    said = f"The text is out of the record of incident {incident.number}."
    return Text((said, *([fate] if fate else []), *attempts.refused))


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
