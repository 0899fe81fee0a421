"""The record of channels: first versions and changes are only ever added, and put together when read.

So the record does not depend on the order in which things arrived, and doubles change nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.incidents import Change, Message, edit_key
from bot.store.rows import dump, row_of

_PORTION = 500
_NEVER = datetime.min.replace(tzinfo=UTC)


class Messages:
    """Tables `messages` (the earliest version that was seen) and `changes` (edits and deletions, by key).

    The view `standing` has the messages that were not deleted, `messages_now` all as they are now. Of a message in
    `redactions` no text is stored any more, whoever brings it.

    What an event told of a change stands over what was noticed of it in Slack's history: an event knows the time of a
    deletion and the former text of an edit. Where nobody told the former text (null), it is that of the version before.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def record(self, messages: Sequence[Message], changes: Sequence[Change]) -> None:
        """Store what is new; a change that arrives before its message is kept and applied when that comes.

        A message that was edited before it was seen counts as the edit besides. A deletion is a `Change`; `deleted_at`
        of a message is not looked at.
        """
        if messages:
            await self._add_messages(messages)
        if edited := [_edit(message) for message in messages if message.edited_at]:
            changes = [*changes, *edited]
        if changes:
            await self._add_changes(changes)

    async def of_channel(self, channel: str, *, since: datetime | None = None) -> tuple[Message, ...]:
        """What stands in a channel, in the channel's order; a deleted message has no text any more."""
        return tuple([message async for message in self.through(channel, since=since)])

    async def through(self, channel: str, *, since: datetime | None = None) -> AsyncIterator[Message]:
        """The same one by one, a portion in memory at a time, between which others get their turn.

        A long incident has a hundred thousand. The transaction has to last until the end.
        """
        async with self._connection.cursor("messages", row_factory=row_of(Message)) as cursor:
            cursor.itersize = _PORTION
            await cursor.execute(
                "select * from messages_now where channel = %s and at >= %s order by ts",
                [channel, since or _NEVER],
            )
            async for message in cursor:
                yield message

    async def get(self, channel: str, ts: str) -> Message | None:
        """One message as it stands, None where the record has none of that ts."""
        async with self._connection.cursor(row_factory=row_of(Message)) as cursor:
            await cursor.execute("select * from messages_now where channel = %s and ts = %s", [channel, ts])
            return await cursor.fetchone()

    async def redact(self, channel: str, ts: str, *, by: str, at: datetime) -> bool:
        """Take the text of all versions out, and keep what Slack still tells of it out; False when that was done."""
        redacted = await self._connection.execute(
            'insert into redactions (channel, ts, "by", at) values (%s, %s, %s, %s) on conflict do nothing',
            [channel, ts, by, at],
        )
        await self._connection.execute(
            "update messages set text = '', files = '[]' where channel = %s and ts = %s", [channel, ts]
        )
        await self._connection.execute(
            """update changes set text = case when text is not null then '' end, old_text = ''
               where channel = %s and ts = %s""",
            [channel, ts],
        )
        return redacted.rowcount == 1

    async def revisions(self, channel: str, ts: str = "") -> tuple[Change, ...]:
        """Every edit and deletion of one message, or of all of a channel, each message's oldest first."""
        async with self._connection.cursor(row_factory=row_of(Change)) as cursor:
            await cursor.execute(
                """select c.channel, c.ts, c.key, c.at, c.text, c.noticed,
                       coalesce(c.old_text, lag(c.text, 1, m.text) over (partition by c.ts order by c.at, c.key), '')
                           as old_text
                   from changes c left join messages m using (channel, ts)
                   where c.channel = %s and (%s = '' or c.ts = %s) order by c.ts, c.at, c.key""",
                [channel, ts, ts],
            )
            return tuple(await cursor.fetchall())

    async def newest(self, channel: str, *, below: str, limit: int) -> tuple[str, ...]:
        """The newest that stand under a ts; a reply that was also sent to the channel stands in both."""
        return await self._keys(
            """select ts from standing where channel = %s and ts < %s
               and (thread_ts = '' or subtype = 'thread_broadcast') order by ts desc limit %s""",
            [channel, below, limit],
        )

    async def replies(self, channel: str, thread: str, *, after: str, limit: int) -> tuple[str, ...]:
        """The oldest that stand in a thread after a ts."""
        return await self._keys(
            """select ts from standing where channel = %s and thread_ts = %s and ts > %s
               order by ts limit %s""",
            [channel, thread, after, limit],
        )

    async def threads(self, channel: str, *, first: str, below: str) -> tuple[str, ...]:
        """Threads by the ts of their first message, which need not be in the record."""
        return await self._keys(
            """select distinct thread_ts from standing
               where channel = %s and thread_ts <> '' and thread_ts >= %s and thread_ts < %s order by thread_ts""",
            [channel, first, below],
        )

    async def _keys(self, query: LiteralString, values: Sequence[object]) -> tuple[str, ...]:
        cursor = await self._connection.execute(query, values)
        return tuple([key for (key,) in await cursor.fetchall()])

    # Arrays go over the wire in binary (%b): quoting their text took most of the bot's time for an event.

    async def _add_messages(self, messages: Sequence[Message]) -> None:
        earliest: dict[tuple[str, str], Message] = {}
        for message in sorted(messages, key=_version):
            earliest.setdefault((message.channel, message.ts), message)
        # In order of key, so that two replicas with the same messages wait for each other instead of deadlocking.
        rows = [earliest[key] for key in sorted(earliest)]
        await self._connection.execute(
            """insert into messages (channel, ts, at, "user", author, text, thread_ts, subtype, edited_at, files)
               select channel, ts, told.at, "user", author, case when r.at is null then text else '' end, thread_ts,
                   subtype, edited_at, case when r.at is null then files else '[]' end
               from unnest(%b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[],
                   %b::text[], %b::text[], %b::timestamptz[], %b::jsonb[])
                   as told (channel, ts, at, "user", author, text, thread_ts, subtype, edited_at, files)
                   left join redactions r using (channel, ts)
               on conflict (channel, ts) do update set "user" = excluded."user", author = excluded.author,
                   text = excluded.text, thread_ts = excluded.thread_ts, subtype = excluded.subtype,
                   edited_at = excluded.edited_at, files = excluded.files
               where coalesce(excluded.edited_at, '-infinity') < messages.edited_at""",
            [
                *([m.channel for m in rows], [m.ts for m in rows], [m.at for m in rows], [m.user for m in rows]),
                *([m.author for m in rows], [m.text for m in rows], [m.thread_ts for m in rows]),
                *([m.subtype for m in rows], [m.edited_at for m in rows]),
                [dump(tuple[tuple[str, str], ...], m.files) for m in rows],
            ],
        )

    async def _add_changes(self, changes: Sequence[Change]) -> None:
        told: dict[tuple[str, str, str], Change] = {}
        for change in sorted(changes, key=lambda c: (c.noticed, c.at)):
            told.setdefault((change.channel, change.ts, change.key), change)
        rows = [told[key] for key in sorted(told)]
        await self._connection.execute(
            """insert into changes (channel, ts, key, at, text, old_text, noticed)
               select channel, ts, key, told.at, case when r.at is null or text is null then text else '' end,
                   case when r.at is null then old_text else '' end, noticed
               from unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::boolean[])
                   as told (channel, ts, key, at, text, old_text, noticed)
                   left join redactions r using (channel, ts)
               on conflict (channel, ts, key) do update set at = excluded.at, text = excluded.text,
                   old_text = excluded.old_text, noticed = false
               where changes.noticed and not excluded.noticed""",
            [
                *([c.channel for c in rows], [c.ts for c in rows], [c.key for c in rows], [c.at for c in rows]),
                *([c.text for c in rows], [c.old_text or None for c in rows], [c.noticed for c in rows]),
            ],
        )


def _version(message: Message) -> datetime:
    return message.edited_at or _NEVER


def _edit(message: Message) -> Change:
    """The edit that made a message what it was when it was seen."""
    assert message.edited_at
    key = edit_key(message.edited_at)
    return Change(message.channel, message.ts, key, message.edited_at, message.text, noticed=True)
