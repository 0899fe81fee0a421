"""What a watch remembers of one check of one service, between one look and the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.parts import State


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last states, the newest last, and whether there is a problem now.

    `bad_since` is the first look of those in a row that were not well, `openings` when problems began lately, `told_at`
    when the problem was last told of as it is now, which is `said`.
    """

    recent: tuple[State, ...] = ()
    is_open: bool = False
    bad_since: datetime | None = None
    looked_at: datetime | None = None
    openings: tuple[datetime, ...] = ()
    told_at: datetime | None = None
    said: str = ""


class Watches(Protocol):
    """Pulses by service and name of the check."""

    async def lock(self, service: str) -> Mapping[str, Pulse]:
        """Those of a service, which nobody else changes until this transaction ends."""
        ...

    async def of(self, service: str) -> Mapping[str, Pulse]:
        """Those of a service."""
        ...

    async def services(self) -> tuple[str, ...]:
        """Those of which anything is remembered."""
        ...

    async def forget(self, service: str) -> None:
        """Remember nothing of a service any more."""
        ...

    async def save(self, service: str, pulses: Mapping[str, Pulse]) -> None:
        """Write them down."""
        ...
