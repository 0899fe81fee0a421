"""Message events into the record of incident channels, acked only once they are durable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.incidents import Change, Message
from bot.core.mrkdwn import unescape
from bot.core.records import Store, Unit
from bot.operations.spills import Place, Spills
from bot.slack.client import Identity
from bot.slack.deliver import Redact
from bot.slack.inbound import MessageEvent, Posted
from bot.store.batch import Batcher
from bot.views import scrubbed

_IGNORED = frozenset({"message_replied", "ephemeral_message"})


class Recorder:
    """Stores what is said in the channels of incidents, the bot's own posts too, and nothing of other channels.

    In all channels it looks for live secrets: they are never stored, and `spills` is told.
    """

    def __init__(self, store: Store, *, identity: Identity, redact: Redact, spills: Spills | None = None) -> None:
        self._own = identity
        self._redact = redact
        self._spills = spills
        self._batches: Batcher[Message | Change] = Batcher(store, self._write)
        self._watched: set[str] = set()

    async def record(self, event: MessageEvent) -> None:
        """Return when the event is durable, or of no interest; raises what the store raised when it is not."""
        found = read(event)
        if found is not None:
            await self._batches.add(await self._without_secrets(found, event))

    async def _without_secrets(self, found: Message | Change, event: MessageEvent) -> Message | Change:
        """What may be stored of it; a live secret that it brings is marked as burnt first."""
        former = found.old_text if isinstance(found, Change) else ""
        text = found.text or ""
        if self._spills is None or not self._spills.holds(f"{text}\n{former}"):
            return found
        posted = event.message or event
        if self._spills.holds(text) and self._own.user_id != posted.user and self._own.bot_id != posted.bot_id:
            user = "" if posted.bot_id else posted.user
            await self._spills.found(text, Place(found.channel, user, found.ts))
        return scrubbed(found, self._redact)

    async def _write(self, tx: Unit, entries: Sequence[Message | Change]) -> None:
        # A channel that is not watched is looked up again each time: it may become an incident's at any moment.
        for channel in {entry.channel for entry in entries} - self._watched:
            if await tx.incidents.in_channel(channel) is not None:
                self._watched.add(channel)
        kept = [entry for entry in entries if entry.channel in self._watched]
        messages = [entry for entry in kept if isinstance(entry, Message)]
        await tx.messages.record(messages, [entry for entry in kept if isinstance(entry, Change)])


def read(event: MessageEvent) -> Message | Change | None:
    """What an event says of the record; None when it says nothing new, as for a link preview."""
    match event.subtype:
        case "message_changed" if event.message is not None:
            return _changed(event, event.message, event.previous_message)
        case "message_deleted":
            old = event.previous_message
            return _deletion(event, event.deleted_ts, old)
        case subtype if subtype in _IGNORED:
            return None
        case _:
            return _message(event.channel, event)


def _changed(event: MessageEvent, new: Posted, old: Posted | None) -> Change | None:
    if new.subtype == "tombstone":  # the first message of a thread was deleted, its replies stand
        return _deletion(event, new.ts, old)
    if old is not None and old.text == new.text:
        return None
    edited = new.edited.ts if new.edited else event.event_ts
    return Change(
        channel=event.channel,
        ts=new.ts,
        key=f"edit:{edited}",
        at=moment(edited),
        text=unescape(new.text),
        old_text=unescape(old.text) if old else "",
    )


def _deletion(event: MessageEvent, ts: str, old: Posted | None) -> Change:
    return Change(
        channel=event.channel,
        ts=ts,
        key="deletion",
        at=moment(event.event_ts),
        text=None,
        old_text=unescape(old.text) if old else "",
    )


def _message(channel: str, posted: Posted) -> Message:
    return Message(
        channel=channel,
        ts=posted.ts,
        at=moment(posted.ts),
        user=posted.user,
        author=posted.username,
        text=unescape(posted.text),
        thread_ts=posted.thread_ts,
        subtype="bot_message" if posted.bot_id else posted.subtype,  # Slack itself says so of old apps only
        edited_at=moment(posted.edited.ts) if posted.edited else None,
        files=tuple((file.name, file.permalink) for file in posted.files),
    )


def moment(ts: str) -> datetime:
    """The time in a message's `ts`, which is its key besides."""
    return datetime.fromtimestamp(float(ts), UTC)
