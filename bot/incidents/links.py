"""Addresses of messages, without asking Slack for each, which would take a second a message."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bot.core.errors import IntegrationError
from bot.core.ports import Chat, MessageRef
from bot.incidents.talk import Talk


async def archive_of(some: MessageRef | None, chat: Chat) -> str:
    """The part that all links to messages have in common, as that of `some` has it; empty where Slack gives none."""
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
    keys: Collection[str], *, channel: str, talk: Talk, others: Mapping[str, MessageRef | None], chat: Chat
) -> Mapping[str, str]:
    """Addresses of those of `keys` that are the ts of a message of `talk`, in `channel`, or a key of `others`."""
    standing = (MessageRef(channel, said.ts) for said in talk if not said.deleted)
    archive = await archive_of(next(filter(None, others.values()), None) or next(standing, None), chat)
    threads = talk.threads(keys)
    told = {key: link(archive, MessageRef(channel, key), thread=thread) for key, thread in threads.items()}
    known = {key: link(archive, message) for key, message in others.items() if message and key in keys}
    return {key: address for key, address in {**told, **known}.items() if address}
