"""What is claimed of the moments of an incident, and how near and how sure it has to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents.chosen import Source
from bot.incidents.weighing import AFTER
from bot.incidents.weights import Weight

ALIKE = timedelta(minutes=3)
"""Times this near each other are told of one moment."""

NEXT = timedelta(hours=1)
"""Within this something has to follow, or the one has nothing to do with the other."""

STANDS = 2.0
"""Points of a bot's message that is of the incident."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says, or a bot shows, that it was at `at`; the stronger the claim the more it counts."""

    at: datetime
    strength: float
    how: str
    source: Source


def sums_up(weight: Weight) -> bool:
    """Whether its author looks back on all of it."""
    return weight.closes or AFTER in weight.points
