"""What people add to a timeline by hand."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import datetime

from bot.core.command import Context
from bot.core.duration import is_duration, parse_duration
from bot.core.errors import IntegrationError
from bot.core.incidents import Entry, Incident
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.moments import parse_moment
from bot.incidents.timeline import NOTE

_AT = re.compile(r"at\s+(?P<at>(?:\d{4}-\d{2}-\d{2}[ T])?\d{1,2}:\d{2})\s+(?P<text>\S.*)", re.IGNORECASE | re.DOTALL)
_AGO = re.compile(r"(?P<at>\S+)\s+ago\s+(?P<text>\S.*)", re.IGNORECASE | re.DOTALL)


def leading_time(text: str) -> tuple[str, str]:
    """The time that a note begins with and the rest of it, `at 14:05 ...` or `10m ago ...`; an empty time for none."""
    match = _AT.fullmatch(text.strip())
    if match is None and (ago := _AGO.fullmatch(text.strip())) and is_duration(ago["at"]):
        match = ago
    return (match["at"], match["text"]) if match else ("", text)


async def add_note(ctx: Context, incident: Incident, *, text: str, at: datetime, store: Store) -> str:
    """Keep a note, once however often the same request is delivered; the id of its entry."""
    entry = Entry(
        id=f"{NOTE}:{ctx.trigger_id or uuid.uuid4()}",
        incident=incident.number,
        at=at,
        author=ctx.actor.user_id,
        kind=NOTE,
        text=text,
    )
    async with store.transaction() as tx:
        await tx.entries.add(entry)
    return entry.id


async def moment_of(ctx: Context, typed: str, *, chat: Chat, zone: str) -> datetime:
    """What `typed` means to its author: now, so long ago (`30m`), or a clock time in their own zone.

    `zone` counts where Slack does not tell theirs. `UsageError` for what is none, or has not come yet.
    """
    if not typed:
        return ctx.now
    if is_duration(typed):
        return ctx.now - parse_duration(typed)
    return parse_moment(typed, zone=await zone_of(ctx, chat=chat, zone=zone), now=ctx.now)


async def zone_of(ctx: Context, *, chat: Chat, zone: str) -> str:
    """The zone of whoever asks, as Slack tells it; `zone` where it does not."""
    with suppress(IntegrationError):
        return (await chat.profile(ctx.actor.user_id)).zone or zone
    return zone
