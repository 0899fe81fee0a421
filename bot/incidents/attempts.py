"""Slack features that may be refused without stopping what matters."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from bot.core.errors import IntegrationError
from bot.core.prose import Line

T = TypeVar("T")


@dataclass(slots=True)
class Attempts:
    """Tries one thing after the other, and keeps a sentence on each that was refused."""

    refused: list[Line] = field(default_factory=list)

    async def to(self, what: Line, step: Awaitable[T]) -> T | None:
        """The answer of `step`, or None when Slack refused it; `what` follows "Could not"."""
        try:
            return await step
        except IntegrationError as error:
            words = (what,) if isinstance(what, str) else what
            self.refused.append(("Could not ", *words, f": {error.hint or error}."))
            return None
