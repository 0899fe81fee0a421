"""What people put on messages: reactions, pins, and the shortcut that wants a message in the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol


class MarkKind(StrEnum):
    """How a message was marked; `SHORTCUT` is the one that Slack does not show by itself."""

    REACTION = "reaction"
    PIN = "pin"
    SHORTCUT = "shortcut"


@dataclass(frozen=True, slots=True)
class Mark:
    """That `user` put something on a message, or (`added` is False) took it away.

    `name` is that of the reaction (`pushpin`), empty for other kinds. `event_ts` is Slack's time of it and tells
    doubles. One that was `noticed` was not told by an event: Slack's history showed it, no later than `event_ts`.
    """

    channel: str
    ts: str
    kind: MarkKind
    name: str
    user: str
    event_ts: str
    added: bool = True
    noticed: bool = False

    @property
    def said_at(self) -> datetime:
        """When the message was said."""
        return datetime.fromtimestamp(float(self.ts), UTC)

    @property
    def at(self) -> datetime:
        """When it was put there or taken away."""
        return datetime.fromtimestamp(float(self.event_ts), UTC)


class Marks(Protocol):
    """Marks and their removal, only ever added, so that the order of their arrival does not matter."""

    async def add(self, marks: Sequence[Mark]) -> None:
        """Store what is new; doubles are dropped by message, kind, name, user and event_ts."""
        ...

    async def of_channel(self, channel: str) -> tuple[Mark, ...]:
        """All that was put on messages and taken away, oldest first."""
        ...

    async def standing(self, channel: str, *, first: str = "", last: str = "~") -> tuple[Mark, ...]:
        """What stands on the messages of a channel whose ts lie from `first` to `last`, by message and time.

        A channel has one pin for a message, whoever takes it off.
        """
        ...
