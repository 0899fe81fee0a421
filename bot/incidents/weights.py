"""What was weighed, kept small: an incident may have a hundred thousand messages."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.incidents.times import Time
from bot.incidents.units import Unit, Units

CLOSES = "closes"
"""Reason of what says that the incident is over."""

CLOSED = 1.0
"""Points that are more than this say so without an if."""


@dataclass(slots=True)
class Weight:
    """A unit with its points by reason, and the times that it tells."""

    unit: Unit
    points: dict[str, float] = field(default_factory=dict)
    times: tuple[Time, ...] = ()

    @property
    def total(self) -> float:
        """The sum."""
        return sum(self.points.values())

    @property
    def closes(self) -> bool:
        """Whether it says that the incident is over."""
        return self.points.get(CLOSES, 0.0) > CLOSED

    def add(self, reason: str, points: float) -> None:
        """Give or take points once for a reason."""
        if points:
            self.points[reason] = points


class Weights:
    """The weights of `units`, by the units' numbers.

    `stir` is the number of the first unit of the talk that is of the incident.

    They are kept in columns and made anew when they are looked at: what was changed in one afterwards is lost. Reasons
    that come together are kept once.
    """

    def __init__(self, units: Units, *, stir: int = 0) -> None:
        self.units = units
        self.stir = stir
        self.totals = array("d")
        self._reasons: dict[tuple[str, ...], int] = {}
        self._which = array("I")
        self._points = array("f")
        self._ends = array("I", [0])
        self._times: dict[int, tuple[Time, ...]] = {}
        self._known: list[tuple[str, ...]] = []

    def append(self, weight: Weight) -> None:
        """Keep that of the next unit."""
        reasons = tuple(weight.points)
        which = self._reasons.setdefault(reasons, len(self._reasons))
        if which == len(self._known):
            self._known.append(reasons)
        if weight.times:
            self._times[len(self._which)] = weight.times
        self.totals.append(weight.total)
        self._which.append(which)
        self._points.extend(weight.points.values())
        self._ends.append(len(self._points))

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, number: int) -> Weight:
        points = self._points[self._ends[number] : self._ends[number + 1]]
        reasons = self._known[self._which[number]]
        return Weight(self.units[number], dict(zip(reasons, points, strict=True)), self._times.get(number, ()))

    def __iter__(self) -> Iterator[Weight]:
        return (self[number] for number in range(len(self)))

    @property
    def times(self) -> Mapping[int, tuple[Time, ...]]:
        """The times that are told, by the number of the unit that tells them."""
        return self._times

    def having(self, *reasons: str) -> list[int]:
        """The numbers of those that have one of `reasons`."""
        wanted = {which for known, which in self._reasons.items() if not set(reasons).isdisjoint(known)}
        return [number for number, which in enumerate(self._which) if which in wanted]
