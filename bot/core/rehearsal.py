"""A payment that the service itself knows as a test, all the way through and charging nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a test payment went; `latency` in seconds. `turned_away` is the answer of maintenance, which is no fault."""

    ok: bool
    said: str
    latency: float
    turned_away: bool = False


class Rehearsal(Protocol):
    """Makes test payments."""

    async def rehearse(self) -> Rehearsed | None:
        """Make one; None when no test payment is configured. Raises as every port does when nobody answers."""
        ...
