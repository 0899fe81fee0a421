"""Slack features that may be refused without stopping what matters."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

from bot.core.errors import IntegrationError, OutcomeUnknown, Unreachable
from bot.core.prose import Line

T = TypeVar("T")

WAITS = tuple(timedelta(seconds=s) for s in (5, 60, 300, 900, 3600, 10800))
"""How long what Slack was not there for waits before each further attempt, where its caller makes them."""

_NEXT = MappingProxyType(
    {
        "missing_scope": "The app lacks a permission in Slack: `opsbot check` names it, and an administrator of Slack "
        "installs the app anew from its manifest.",
        "not_in_channel": "I am in no such channel: type /invite and my name there.",
        "channel_not_found": "I see no such channel: type /invite and my name there.",
    }
)
"""What to do about a refusal that stands until somebody does it, by Slack's code."""


@dataclass(slots=True)
class Attempts:
    """Tries one thing after the other, and keeps a sentence on each that failed.

    `refused` are those that Slack will not do; `missed` those that it was not there for, or gave no answer to.
    """

    refused: list[Line] = field(default_factory=list)
    missed: list[Line] = field(default_factory=list)
    _codes: list[str] = field(default_factory=list)

    async def to(self, what: Line, step: Awaitable[T]) -> T | None:
        """The answer of `step`, or None when it failed; `what` follows "Could not"."""
        try:
            return await step
        except IntegrationError as error:
            self.failed(what, error)
            return None

    def failed(self, what: Line, error: IntegrationError) -> None:
        """Keep that something could not be done."""
        words = (what,) if isinstance(what, str) else what
        kept = self.missed if isinstance(error, OutcomeUnknown | Unreachable) else self.refused
        kept.append(("Could not ", *words, f": {error.hint or error}."))
        self._codes.append(error.hint)

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What people can do about it, each once."""
        return tuple(_NEXT[code] for code in dict.fromkeys(self._codes) if code in _NEXT)

    @property
    def said(self) -> tuple[Line, ...]:
        """All that failed, and what to do about it."""
        return (*self.refused, *self.missed, *self.next_steps)
