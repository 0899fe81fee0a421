"""What an incident's record lacks is read from Slack's history: what that needs is planned here, and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bot.core.backfills import Backfill
from bot.core.incidents import Entry
from bot.core.people import AUTOMATIC
from bot.core.records import Unit

READ = "record.read"
"""The job that does a backfill, which its argument `backfill_id` names."""

GAP = "gap"
"""Kind of the entry that says which messages could not be read."""

CLOCKS_APART = timedelta(minutes=1)
"""How far Slack's clock, which dates messages, may be behind ours, which dates everything else."""


async def begin_record(tx: Unit, channel: str, *, since: datetime, now: datetime) -> None:
    """Record a channel from now on, and have what was said in it since a moment read from its history.

    For an incident that is declared, in the transaction that gives it its channel: what is said before that commits is
    dropped by whoever hears it, and read by the job. For a channel that is adopted `since` may be any time before.
    """
    await tx.backfills.record_from(channel, since - CLOCKS_APART)
    await read_again(tx, channel, since=since - CLOCKS_APART, now=now)


async def read_again(tx: Unit, channel: str, *, since: datetime, now: datetime) -> None:
    """Have the channel of an incident read, because what happened in it since a moment may not have been heard."""
    floor = await tx.backfills.recorded_from(channel)
    if floor is None:
        return
    backfill = Backfill(uuid4().hex, channel, since=max(since, floor), until=now, floor=floor)
    if await tx.backfills.plan(backfill):
        await tx.jobs.defer(READ, lock=f"{READ}:{channel}", args={"backfill_id": backfill.id})


async def tell_gap(tx: Unit, backfill: Backfill) -> str:
    """Put into the timeline that a span could not be read; the sentence that says so."""
    since, until = (each.astimezone(UTC) for each in (backfill.since, backfill.until))
    end = f"{until:%H:%M:%S}" if until.date() == since.date() else f"{until:%Y-%m-%d %H:%M:%S}"
    text = f"Messages between {since:%Y-%m-%d %H:%M:%S} and {end} UTC could not be read: {backfill.why}"
    incident = await tx.incidents.in_channel(backfill.channel)
    if incident is not None:
        entry = Entry(_entry_id(backfill.id), incident.number, backfill.since, AUTOMATIC.user_id, GAP, text)
        await tx.entries.add(entry)
    return text


async def make_good(tx: Unit, backfill: Backfill) -> None:
    """Take gaps out of the timeline that have been read after all."""
    for backfill_id in await tx.backfills.make_good(backfill):
        await tx.entries.drop(_entry_id(backfill_id))


def _entry_id(backfill_id: str) -> str:
    return f"{GAP}:{backfill_id}"
