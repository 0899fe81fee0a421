"""Acts of the engine in the audit chain: ids, hashes and redacted words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from bot.core.clock import Clock
from bot.core.records import Unit

Redact = Callable[[str], str]
"""A text without its secrets."""


class Trail:
    """Appends to the audit chain inside the transaction that makes the act true."""

    def __init__(self, *, clock: Clock, redact: Redact) -> None:
        self._clock = clock
        self._redact = redact

    async def add(self, tx: Unit, kind: str, *, actor: str, data: Mapping[str, JsonValue]) -> None:
        """Add one row; every text in `data` is redacted first."""
        redacted = {name: self._redacted(value) for name, value in data.items()}
        await tx.audit.append(at=self._clock(), actor=actor, kind=kind, data=redacted)

    def _redacted(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._redact(value)
            case list():
                return [self._redacted(item) for item in value]
            case dict():
                return {name: self._redacted(item) for name, item in value.items()}
            case _:
                return value
