"""What an entry of a timeline rests on, as people name it: the link of a message, its ts, or the id of an entry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import NotFound
from bot.core.incidents import OWN, Entry, Incident, Message
from bot.core.mrkdwn import unescape
from bot.core.ports import MessageRef
from bot.core.records import Unit
from bot.incidents.acts import PAGED

_LINK = re.compile(r"<?https?://[^\s/|>]+/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d{10})(?P<rest>\d{6})[^\s>]*>?")
_TS = re.compile(r"\d{10}\.\d{6}")

_AROUND = 300
"""Characters that the bot says at most around an entry in a post that tells it and nothing else."""


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as its author has it; `message` is None for one that no message tells, else it may be the bot's own."""

    source: str
    at: datetime
    text: str
    message: MessageRef | None


def message_of(typed: str, *, channel: str) -> MessageRef | None:
    """The message that a link or a ts names, which has no channel of its own; None for other words.

    https://docs.slack.dev/reference/methods/chat.getPermalink shows the form of links.
    """
    typed = typed.strip()
    if link := _LINK.fullmatch(typed):
        return MessageRef(link["channel"], f"{link['seconds']}.{link['rest']}")
    return MessageRef(channel, typed) if _TS.fullmatch(typed) else None


async def find_told(tx: Unit, incident: Incident, typed: str) -> Told:
    """The entry that `typed` names. `NotFound` when the record of the incident has none; it tells what to type."""
    message = message_of(typed, channel=incident.channel)
    entries = await tx.entries.of_incident(incident.number)
    for entry in entries:
        if entry.id == typed or (message is not None and entry.message == message):
            return Told(entry.id, entry.at, entry.text, entry.message)
    stored = await tx.messages.get(message.channel, message.ts) if message else None
    if message is None or stored is None or message.channel != incident.channel:
        raise NotFound(
            f"The record of incident {incident.number} has no such entry.",
            hint="Give the link of a message of its channel: Copy link in the message's menu.",
        )
    if stored.subtype != OWN:
        return Told(message.ts, stored.at, stored.text, message)
    found = None if message in (await tx.reports.shown(incident.number)).values() else _told_by(stored, entries)
    return Told(found.id, found.at, found.text, message) if found else Told(message.ts, stored.at, stored.text, message)


def _told_by(post: Message, entries: Sequence[Entry]) -> Entry | None:
    """The one entry that a post of the bot's own tells, such as the answer to whoever made it; None for any other."""
    said = f"\n{unescape(post.text).strip()}\n"
    told = [
        (len(words), entry)
        for entry in entries
        if (words := entry.text.partition(": ")[2] if entry.kind == PAGED else entry.text.strip())
        and (f"\n{words}\n" in said or f": {words}\n" in said)
        and len(said) <= len(words) + _AROUND
    ]
    longest = max((length for length, _ in told), default=0)
    found = {entry.id: entry for length, entry in told if length == longest}
    return found.popitem()[1] if len(found) == 1 else None
