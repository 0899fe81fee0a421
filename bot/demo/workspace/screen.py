"""A person's view of a channel or modal as lines of text, for a terminal."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.demo.workspace.person import Person
from bot.demo.workspace.records import Channel
from bot.demo.workspace.seen import Seen, SeenView

_INDENT = "        "


def channel_lines(person: Person, channel: Channel) -> list[str]:
    """The whole channel: its head, then each message with its replies below it."""
    topic = f" | {channel.topic.value}" if channel.topic.value else ""
    name = f"#{channel.name}" if channel.name else "Direct message"
    lines = [f"{name}{topic}", *(f"[{bookmark.title}] {bookmark.link}" for bookmark in channel.bookmarks.values())]
    messages = person.sees(channel)
    known = {message.ts for message in messages}
    for message in messages:
        if message.thread_ts in {None, message.ts} or message.thread_ts not in known:
            lines += message_lines(person, message)
            below = [reply for reply in messages if reply.thread_ts == message.ts != reply.ts]
            lines += [line for reply in below for line in message_lines(person, reply)]
    return lines


def message_lines(person: Person, message: Seen) -> list[str]:
    """One message: time and name, what it says, reactions; a reply is set in."""
    store = person.core.store
    at = datetime.fromtimestamp(float(message.ts), ZoneInfo(person.user.tz))
    author = store.users[message.user].name
    first, *rest = message.plain().split("\n")
    notes = "".join(f" ({note})" for note in _notes(message))
    lines = [f"[{at:%H:%M}] {author}{notes}: {first}", *(_INDENT + line for line in rest)]
    if message.reactions:
        lines.append(_INDENT + "  ".join(f":{name}: {len(users)}" for name, users in message.reactions.items()))
    is_reply = message.thread_ts is not None and message.thread_ts != message.ts
    return [f"    | {line}" for line in lines] if is_reply else lines


def _notes(message: Seen) -> Iterator[str]:
    if message.ephemeral:
        yield "only visible to you"
    if message.edited:
        yield "edited"
    if message.pinned:
        yield "pinned"


def view_lines(view: SeenView) -> list[str]:
    """A modal or Home in a frame."""
    lines = view.plain().split("\n")
    rule = "+" + "-" * (max(map(len, lines)) + 2) + "+"
    width = len(rule) - 4
    return [rule, *(f"| {line.ljust(width)} |" for line in lines), rule]
