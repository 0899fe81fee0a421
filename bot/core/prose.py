"""Prose that knows what it speaks of: plain text mixed with people, channels, moments, code and links.

`kind` tells the values apart where they are stored as JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Person:
    """A Slack user, shown as a mention that notifies nobody twice."""

    user_id: str
    kind: Literal["person"] = "person"


@dataclass(frozen=True, slots=True)
class Channel:
    """A Slack channel, shown as a link to it."""

    channel_id: str
    kind: Literal["channel"] = "channel"


@dataclass(frozen=True, slots=True)
class When:
    """A moment, shown in each reader's own zone."""

    at: datetime
    date: bool = False
    kind: Literal["when"] = "when"


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be read letter by letter: a key, a SHA, a command line."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True, slots=True)
class Bold:
    """The word that matters."""

    text: str
    kind: Literal["bold"] = "bold"


@dataclass(frozen=True, slots=True)
class Link:
    """An address with the words to show for it."""

    url: str
    text: str
    kind: Literal["link"] = "link"


_ID = re.compile(r"[UW][A-Z0-9]{2,20}")

Inline = str | Person | Channel | When | Code | Bold | Link
Line = str | tuple[Inline, ...]
"""A line of prose: plain text, or text mixed with richer values."""


def whom(owner: str) -> tuple[Inline, ...]:
    """Whose something is, by a Slack id or a name; nobody's where that is empty."""
    if not owner:
        return ()
    return (Person(owner) if _ID.fullmatch(owner) else owner,)
