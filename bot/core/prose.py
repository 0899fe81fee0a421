"""Prose that knows what it speaks of: plain text mixed with people, channels, moments, code and links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A Slack user, shown as a mention that notifies nobody twice."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A Slack channel, shown as a link to it."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class When:
    """A moment, shown in each reader's own zone."""

    at: datetime
    date: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be read letter by letter: a key, a SHA, a command line."""

    text: str


@dataclass(frozen=True, slots=True)
class Bold:
    """The word that matters."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address with the words to show for it."""

    url: str
    text: str


Inline = str | Person | Channel | When | Code | Bold | Link
Line = str | tuple[Inline, ...]
"""A line of prose: plain text, or text mixed with richer values."""
