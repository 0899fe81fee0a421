"""Addresses of messages, without asking Slack for each, which would take a second a message."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bot.core.errors import IntegrationError
from bot.core.incidents import Message
from bot.core.ports import Chat, MessageRef


async def archive_of(card: MessageRef | None, messages: Sequence[Message], chat: Chat) -> str:
    """The part that all links to messages have in common, empty where Slack does not give it."""
    standing = (MessageRef(m.channel, m.ts) for m in messages if m.deleted_at is None)
    some = card or next(standing, None)
    if some is None:
        return ""
    try:
        return (await chat.permalink(some)).partition("/archives/")[0]
    except IntegrationError:
        return ""


def link(archive: str, message: MessageRef, *, thread: str = "") -> str:
    """https://docs.slack.dev/reference/methods/chat.getPermalink shows the form."""
    if not archive:
        return ""
    reply = f"?thread_ts={thread}&cid={message.channel}" if thread and thread != message.ts else ""
    return f"{archive}/archives/{message.channel}/p{message.ts.replace('.', '')}{reply}"


async def links_of(
    keys: Collection[str], *, messages: Sequence[Message], others: Mapping[str, MessageRef | None], chat: Chat
) -> Mapping[str, str]:
    """Addresses of those of `keys` that are the ts of a message or a key of `others`."""
    standing = next((message for message in others.values() if message), None)
    archive = await archive_of(standing, messages, chat)
    told = {m.ts: link(archive, MessageRef(m.channel, m.ts), thread=m.thread_ts) for m in messages if m.ts in keys}
    known = {key: link(archive, message) for key, message in others.items() if message and key in keys}
    return {key: address for key, address in {**told, **known}.items() if address}
