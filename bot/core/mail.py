"""Mail to people outside, sent to lists of recipients that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Scrub:
    """Takes secrets out of what leaves the bot by another way than Slack."""

    redact: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message; `key` makes its Message-ID, so that a repeat of it is known for one."""

    key: str
    subject: str
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """What the first mail server took on. Whether it is delivered nobody can say from here.

    `refused` has the reason for each recipient that the server did not take.
    """

    message_id: str
    recipients: int
    said: str
    refused: Mapping[str, str] = field(default_factory=dict)


class Mail(Protocol):
    """A mail server that takes messages on."""

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of the lists."""
        ...

    def recipients(self, name: str) -> tuple[str, ...]:
        """Addresses of the list `name`; `NotFound` says which lists there are."""
        ...

    def message_id(self, key: str) -> str:
        """The Message-ID of the letter with that key."""
        ...

    async def send(self, letter: Letter, *, to: str) -> Queued:
        """Hand a letter over for the list `to`; recipients do not see one another.

        `IntegrationError` when nothing was taken, `OutcomeUnknown` when the server may have taken it.
        """
        ...
