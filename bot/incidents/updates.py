"""Status updates: written once, told in the incident's channel, and after a look at them in the announcement channels.

An update of an incident that is private is told in its own channel alone.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from pydantic import BaseModel, ConfigDict

from bot.core.command import Context
from bot.core.errors import Conflict, IntegrationError, NotAllowed, OutcomeUnknown, Unreachable
from bot.core.incident_acts import REDACTED, StatusUpdate
from bot.core.incident_results import IncidentUpdate
from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.ports import Chat
from bot.core.posts import post_once, take_back
from bot.core.prose import Channel, Line, When
from bot.core.records import Pending, Store, Unit
from bot.core.results import Text
from bot.incidents.acts import OPEN, UPDATED, change
from bot.incidents.lifecycle import next_update
from bot.incidents.reminders import Remind, drop_reminders, put_reminder
from bot.incidents.rules import IncidentRules

ANNOUNCE = "incident.announce"
"""The job that tells one update in one channel."""

DRAFT = "incident.update"
"""Kind of the row that keeps an update while its author looks at it."""

WITHDRAW = "incident.withdraw"
"""The job that takes an update that was redacted out of one channel."""

log = structlog.get_logger(__name__)


class Draft(BaseModel):
    """An update that is not told yet."""

    model_config = ConfigDict(frozen=True)

    incident: int
    text: str
    next_in: timedelta | None = None


async def propose(
    ctx: Context, incident: Incident, *, text: str, next_in: timedelta | None, store: Store, rules: IncidentRules
) -> IncidentUpdate | Text:
    """Tell it, or show its author first what other channels would read."""
    draft = Draft(incident=incident.number, text=text, next_in=next_in)
    channels = () if incident.private else tuple(each for each in rules.announce if each != incident.channel)
    if not channels:
        return await tell(ctx, incident, draft, channels=(), store=store, rules=rules)
    row = Pending(uuid.uuid4().hex, DRAFT, ctx.actor.user_id, ctx.channel_id, draft.model_dump(mode="json"), ctx.now)
    async with store.transaction() as tx:
        await tx.pending.put(row)
    said = [part for each in channels for part in (", ", Channel(each))][1:]
    preview = update_card(incident, _update(ctx, incident, draft, rules=rules), elsewhere=True)
    return replace(
        preview,
        note=("This is how it would read in ", *said, ". Nobody but you sees it yet."),
        buttons=(
            Button("Announce", "incident.update_announce", row.id, Style.PRIMARY),
            Button("Only in its channel", "incident.update_here", row.id),
            Button("Edit", "incident.update_edit", row.id),
            Button("Drop", "incident.update_drop", row.id),
        ),
    )


async def decide(ctx: Context, row_id: str, *, announce: bool, store: Store, rules: IncidentRules) -> Text:
    """Tell a draft that its author has looked at; `Conflict` when that was decided before."""
    draft, incident = await read_draft(ctx, row_id, store=store)
    channels = tuple(each for each in rules.announce if each != incident.channel) if announce else ()
    return await tell(ctx, incident, draft, channels=channels, store=store, rules=rules, row_id=row_id)


async def drop(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Forget a draft."""
    await read_draft(ctx, row_id, store=store)
    async with store.transaction() as tx:
        await _use(tx, row_id)
    return Text(("Dropped: nobody has read it.",))


async def read_draft(ctx: Context, row_id: str, *, store: Store) -> tuple[Draft, Incident]:
    """The draft and what it is about; `NotAllowed` for anybody but its author."""
    async with store.transaction() as tx:
        row = await tx.pending.get(row_id)
        draft = Draft.model_validate(row.data)
        incident = await tx.incidents.get(draft.incident)
    if row.user_id != ctx.actor.user_id:
        raise NotAllowed("This update was written by somebody else.", hint="Write your own.")
    return draft, incident


async def tell(
    ctx: Context,
    incident: Incident,
    draft: Draft,
    *,
    channels: tuple[str, ...],
    store: Store,
    rules: IncidentRules,
    row_id: str = "",
) -> Text:
    """Keep it, have it told, and set when the next one is due; in one transaction, once for each draft."""
    update = replace(_update(ctx, incident, draft, rules=rules), announced=channels)
    async with store.transaction() as tx:
        if row_id:
            await _use(tx, row_id)
        await tx.acts.add_update(update)
        saved = await change(tx, ctx, replace(incident, update_due_at=update.next_at), UPDATED, draft.text, tell=False)
        for channel in (incident.channel, *channels):
            await tx.jobs.defer(ANNOUNCE, args={"update_id": update.id, "channel": channel})
        if saved.update_due_at:
            await put_reminder(tx, incident.number, Remind.UPDATE, saved.update_due_at)
        else:
            await drop_reminders(tx, incident.number, Remind.UPDATE)
    where = [part for each in (incident.channel, *channels) for part in (", ", Channel(each))][1:]
    lines: list[Line] = [("It goes to ", *where, ".")]
    if update.next_at:
        lines.append(("The next one is due by ", When(update.next_at), "."))
    return Text(tuple(lines), title=f"Update of incident {incident.number}")


def update_card(incident: Incident, update: StatusUpdate, *, elsewhere: bool) -> IncidentUpdate:
    """An update as it is told in the incident's channel, or `elsewhere`."""
    return IncidentUpdate(
        number=incident.number,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        text=update.text,
        by=update.by,
        at=update.at,
        impact=incident.impact,
        next_at=update.next_at,
        channel=incident.channel if elsewhere else "",
    )


async def withdraw(tx: Unit, update: StatusUpdate) -> None:
    """Have an update that was redacted taken out of the channels where it was announced."""
    for channel in update.announced:
        await tx.jobs.defer(WITHDRAW, args={"update_id": update.id, "channel": channel})


class Announcer:
    """Tells updates in channels, and takes them back."""

    def __init__(self, *, store: Store, chat: Chat) -> None:
        self._store = store
        self._chat = chat

    async def announce(self, update_id: str, channel: str) -> None:
        """The job `ANNOUNCE`: once in each channel, however often it runs; a channel that refuses it is named.

        What is redacted while it is on its way is taken back at once.
        """
        update, incident = await self._read(update_id)
        elsewhere, key = channel != incident.channel, f"{ANNOUNCE}:{update.id}"
        if elsewhere and update.text == REDACTED:
            await self.withdraw(update_id, channel)
            return
        if elsewhere and incident.private:
            return
        try:
            await post_once(
                channel, update_card(incident, update, elsewhere=elsewhere), key=key, since=update.at, chat=self._chat
            )
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            log.warning("update not told", incident=incident.number, channel=channel, reason=str(error))
            if elsewhere:
                line = ("The update could not be told in ", Channel(channel), f": {error.hint or error}.")
                await post_once(
                    incident.channel, Text((line,)), key=f"{key}:{channel}", since=update.at, chat=self._chat
                )
        else:
            if elsewhere and (await self._read(update_id))[0].text == REDACTED:
                await self.withdraw(update_id, channel)

    async def withdraw(self, update_id: str, channel: str) -> None:
        """The job `WITHDRAW`: deleted, or else its words replaced; what Slack refuses is said in the incident's."""
        update, incident = await self._read(update_id)
        instead = Text((f"An update of incident {incident.number} stood here. It was redacted.",))
        key = f"{ANNOUNCE}:{update.id}"
        try:
            await take_back(channel, key=key, since=update.at, instead=instead, chat=self._chat)
        except (OutcomeUnknown, Unreachable):
            raise  # the queue tries again
        except IntegrationError as error:
            log.warning("update not taken back", incident=incident.number, channel=channel, reason=str(error))
            line = (
                *("The update that was redacted may still stand in ", Channel(channel)),
                f": {error.hint or error}. An admin of Slack can delete it there.",
            )
            key = f"{WITHDRAW}:{update.id}:{channel}"
            await post_once(incident.channel, Text((line,)), key=key, since=update.at, chat=self._chat)

    async def _read(self, update_id: str) -> tuple[StatusUpdate, Incident]:
        async with self._store.transaction() as tx:
            update = await tx.acts.get_update(update_id)
            return update, await tx.incidents.get(update.incident)


def _update(ctx: Context, incident: Incident, draft: Draft, *, rules: IncidentRules) -> StatusUpdate:
    next_at: datetime | None = None
    if incident.state == OPEN:
        next_at = ctx.now + draft.next_in if draft.next_in else next_update(incident.severity, rules, ctx.now)
    return StatusUpdate(uuid.uuid4().hex, incident.number, ctx.now, ctx.actor.user_id, draft.text, next_at)


async def _use(tx: Unit, row_id: str) -> None:
    if not await tx.pending.use(row_id):
        raise Conflict("This update was decided on already.")
