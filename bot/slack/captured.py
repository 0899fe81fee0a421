"""What Slack tells of a channel, in an event or in the history, as the record keeps it: the same from both."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.core.blocks import lines
from bot.core.incidents import Change, Message, edit_key
from bot.core.marks import Mark, MarkKind
from bot.core.mrkdwn import unescape
from bot.slack.inbound import MessageEvent, PinEvent, Posted, ReactionEvent

Captured = Message | Change | Mark

TOMBSTONE = "tombstone"
"""Subtype of the first message of a thread that was deleted while its replies stand."""

DELETION = "deletion"
"""Key of the one change that deletes a message."""

_IGNORED = frozenset({"message_replied", "ephemeral_message"})
_LONGEST = 8000
"""Characters that are kept of the words of blocks and attachments."""


def read(event: MessageEvent | ReactionEvent | PinEvent) -> Captured | None:
    """What an event says of the record; None when it says nothing new, as for a link preview."""
    match event:
        case ReactionEvent():
            return _reaction(event)
        case PinEvent():
            return _pin(event)
        case MessageEvent():
            return _of_message(event)


def _of_message(event: MessageEvent) -> Message | Change | None:
    match event.subtype:
        case "message_changed" if event.message is not None:
            return _changed(event, event.message, event.previous_message)
        case "message_deleted":
            return _deletion(event, event.deleted_ts, event.previous_message)
        case subtype if subtype in _IGNORED:
            return None
        case _:
            return message_of(event.channel, event)


def _reaction(event: ReactionEvent) -> Mark | None:
    if event.item.type != "message":
        return None
    return Mark(
        channel=event.item.channel,
        ts=event.item.ts,
        kind=MarkKind.REACTION,
        name=event.reaction,
        user=event.user,
        event_ts=event.event_ts,
        added=event.type == "reaction_added",
    )


def _pin(event: PinEvent) -> Mark | None:
    if event.item.message is None:
        return None  # a file by itself
    return Mark(
        channel=event.channel_id,
        ts=event.item.message.ts,
        kind=MarkKind.PIN,
        name="",
        user=event.user,
        event_ts=event.event_ts,
        added=event.type == "pin_added",
    )


def _changed(event: MessageEvent, new: Posted, old: Posted | None) -> Change | None:
    if new.subtype == TOMBSTONE:
        return _deletion(event, new.ts, old)
    text, former = words(new), words(old) if old else ""
    if old is not None and former == text:
        return None
    at = moment(new.edited.ts if new.edited else event.event_ts)
    return Change(channel=event.channel, ts=new.ts, key=edit_key(at), at=at, text=text, old_text=former)


def _deletion(event: MessageEvent, ts: str, old: Posted | None) -> Change:
    at, former = moment(event.event_ts), words(old) if old else ""
    return Change(channel=event.channel, ts=ts, key=DELETION, at=at, text=None, old_text=former)


def message_of(channel: str, posted: Posted) -> Message:
    """A message as it is kept. Only the history says of the first of a thread that it is in it."""
    subtype = "" if posted.subtype == "file_share" else posted.subtype  # the history does not say so; its files do
    return Message(
        channel=channel,
        ts=posted.ts,
        at=moment(posted.ts),
        user=posted.user,
        author=posted.username or posted.bot_profile.name,
        text=words(posted),
        thread_ts="" if posted.thread_ts == posted.ts else posted.thread_ts,
        subtype="bot_message" if posted.bot_id else subtype,  # Slack itself says so of old apps only
        edited_at=moment(posted.edited.ts) if posted.edited else None,
        files=tuple((file.name or file.title or "a file", file.permalink) for file in posted.files),
    )


def words(posted: Posted) -> str:
    """The text of a message; of one that has none, as alerts often do, the words of its blocks and attachments."""
    if posted.text.strip():
        return unescape(posted.text)
    found = [line for part in (*posted.blocks, *posted.attachments) for line in lines(part)]
    return unescape("\n".join(found))[:_LONGEST]


def moment(ts: str) -> datetime:
    """The time in a message's `ts`, which is its key besides."""
    return datetime.fromtimestamp(float(ts), UTC)
