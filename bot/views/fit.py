"""Slack's limits, and cutting to them so that the reader sees that something was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from slack_sdk.models.blocks import Block, ContextBlock, MarkdownTextObject, SectionBlock

from bot.views.payload import Attachment, Json, Payload
from bot.views.words import count

T = TypeVar("T")

BUDGET = 12_000
"""Characters of a message's blocks. Slack refuses more than about 13,200 (slackapi/bolt-js#2509) and does not say what
it counts: this counts their whole JSON."""
TEXT = 3_900
SECTION = 2_900
HEADER = 150
BLOCKS = 50

_ATOM = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)
_NOTE_ROOM = 200


def cut(text: str, limit: int) -> str:
    """Text in mrkdwn of at most `limit` characters; an entity or a mention is kept whole or left out."""
    if len(text) <= limit:
        return text
    return "".join(take(_ATOM.findall(text), room=limit - 1, size=len)) + "…"


def cut_plain(text: str, limit: int) -> str:
    """Plain text of at most `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def take(items: Sequence[T], *, room: int, size: Callable[[T], int]) -> Sequence[T]:
    """As many of the first `items` as fit into `room`."""
    for place, item in enumerate(items):
        room -= size(item)
        if room < 0:
            return items[:place]
    return items


def length(part: Json | str) -> int:
    """What a block, or a text in it, takes of the budget."""
    return len(json.dumps(part, ensure_ascii=False)) + 2


def message(text: Iterable[str], blocks: Sequence[Block], *, file: Attachment | None = None) -> Payload:
    """A message within all limits; what does not fit is counted in a last line, the buttons are kept.

    It always says something: an empty message would be refused.
    """
    said = cut("\n".join(line for line in text if line.strip()), TEXT) or "Nothing to show."
    return Payload(said, surface(blocks or [SectionBlock(text=MarkdownTextObject(text=said, verbatim=True))]), file)


def surface(blocks: Sequence[Block], *, budget: int = BUDGET, most: int = BLOCKS) -> list[Json]:
    """Blocks as Slack's API takes them, cut to `most` blocks and `budget` characters."""
    rendered: list[Json] = [block.to_dict() for block in blocks]
    if len(rendered) <= most and sum(map(length, rendered)) <= budget:
        return rendered
    ends = [block for block in rendered if block["type"] == "actions"]
    body = [block for block in rendered if block["type"] != "actions"]
    tail = take(ends, room=budget // 2, size=length)
    room = budget - _NOTE_ROOM - sum(map(length, tail))
    kept = take(body[: most - len(tail) - 1], room=room, size=length)
    more = len(rendered) - len(kept) - len(tail)
    left_out = f"… {count(more, 'more part')} left out: the message would be too long."
    note: Json = ContextBlock(elements=[MarkdownTextObject(text=left_out)]).to_dict()
    return [*kept, note, *tail]
