"""The record of channels: first versions and changes are only ever added, and put together when read.

So the record does not depend on the order in which things arrived, and doubles change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.incidents import Change, Message
from bot.store.rows import dump, row_of

_NEVER = datetime.min.replace(tzinfo=UTC)


class Messages:
    """Tables `messages` (the newest whole version that was seen) and `changes` (edits and deletions, by key)."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def record(self, messages: Sequence[Message], changes: Sequence[Change]) -> None:
        """Store what is new; a change that arrives before its message is kept and applied when that comes.

        A deletion is a `Change`; `deleted_at` of a message is not looked at.
        """
        if messages:
            await self._add_messages(messages)
        if changes:
            await self._add_changes(changes)

    async def of_channel(self, channel: str, *, since: datetime | None = None) -> tuple[Message, ...]:
        """What stands in a channel, in the channel's order; a deleted message has no text any more."""
        async with self._connection.cursor(row_factory=row_of(Message)) as cursor:
            await cursor.execute(
                """select m.channel, m.ts, m.at, m."user", m.author, m.thread_ts, m.subtype, m.files,
                       case when deletion.at is not null then ''
                            when edit.at >= coalesce(m.edited_at, m.at) then edit.text
                            else m.text end as text,
                       greatest(m.edited_at, edit.at) as edited_at,
                       deletion.at as deleted_at
                   from messages m
                   left join lateral (
                       select at, text from changes c
                       where c.channel = m.channel and c.ts = m.ts and c.text is not null
                       order by at desc, key desc limit 1) edit on true
                   left join lateral (
                       select min(at) as at from changes c
                       where c.channel = m.channel and c.ts = m.ts and c.text is null) deletion on true
                   where m.channel = %s and m.at >= %s order by m.ts""",
                [channel, since or _NEVER],
            )
            return tuple(await cursor.fetchall())

    async def revisions(self, channel: str, ts: str) -> tuple[Change, ...]:
        """Every edit and deletion of one message, oldest first."""
        async with self._connection.cursor(row_factory=row_of(Change)) as cursor:
            await cursor.execute("select * from changes where channel = %s and ts = %s order by at, key", [channel, ts])
            return tuple(await cursor.fetchall())

    # Arrays go over the wire in binary (%b): quoting their text took most of the bot's time for an event.

    async def _add_messages(self, messages: Sequence[Message]) -> None:
        newest: dict[tuple[str, str], Message] = {}
        for message in sorted(messages, key=_version, reverse=True):
            newest.setdefault((message.channel, message.ts), message)
        # In order of key, so that two replicas with the same messages wait for each other instead of deadlocking.
        rows = [newest[key] for key in sorted(newest)]
        await self._connection.execute(
            """insert into messages (channel, ts, at, "user", author, text, thread_ts, subtype, edited_at, files)
               select * from unnest(%b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[],
                   %b::text[], %b::text[], %b::timestamptz[], %b::jsonb[])
               on conflict (channel, ts) do update set "user" = excluded."user", author = excluded.author,
                   text = excluded.text, thread_ts = excluded.thread_ts, subtype = excluded.subtype,
                   edited_at = excluded.edited_at, files = excluded.files
               where excluded.edited_at > coalesce(messages.edited_at, '-infinity')""",
            [
                *([m.channel for m in rows], [m.ts for m in rows], [m.at for m in rows], [m.user for m in rows]),
                *([m.author for m in rows], [m.text for m in rows], [m.thread_ts for m in rows]),
                *([m.subtype for m in rows], [m.edited_at for m in rows]),
                [dump(tuple[tuple[str, str], ...], m.files) for m in rows],
            ],
        )

    async def _add_changes(self, changes: Sequence[Change]) -> None:
        rows = sorted(changes, key=lambda c: (c.channel, c.ts, c.key))
        await self._connection.execute(
            """insert into changes (channel, ts, key, at, text, old_text)
               select * from unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[])
               on conflict do nothing""",
            [
                *([c.channel for c in rows], [c.ts for c in rows], [c.key for c in rows], [c.at for c in rows]),
                *([c.text for c in rows], [c.old_text for c in rows]),
            ],
        )


def _version(message: Message) -> datetime:
    return message.edited_at or _NEVER
