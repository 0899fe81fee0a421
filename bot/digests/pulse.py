"""When what a check finds again and again is a problem, and when it is over: no clock, no store, no message.

A problem begins when `bad` of the last `of` looks failed, or when twice as many in a row found nothing out. It is over
after `good` looks in a row that were well, twice as many for each time that it began lately: what flaps stays one
problem. Warnings are for digests; here they are well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.parts import State
from bot.core.watches import Pulse

FLAPPING = timedelta(minutes=30)
"""A problem that began within this time before makes the next one last longer."""

_DOUBLINGS = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """So many of so many looks begin a problem, and so many in a row end it."""

    bad: int = 3
    of: int = 4
    good: int = 2

    def end(self, pulse: Pulse) -> int:
        """How many looks in a row must be well until the problem is over."""
        return self.good << min(max(len(pulse.openings) - 1, 0), _DOUBLINGS)

    @property
    def longest(self) -> int:
        """As many states as a decision can need."""
        return max(2 * self.of, self.good << _DOUBLINGS)


def is_well(state: State) -> bool:
    """Whether a look is no reason to worry anybody at night."""
    return state in {State.OK, State.WARN}


def look_at(pulse: Pulse, state: State, *, now: datetime, patience: Patience, held: bool = False) -> Pulse:
    """What is remembered after a look. One that is `held` follows from another problem, and begins none."""
    if held and not pulse.is_open and not is_well(state):
        return replace(pulse, recent=(), bad_since=None, looked_at=now)
    openings = tuple(moment for moment in pulse.openings if now - moment <= FLAPPING)
    seen = replace(
        pulse,
        recent=(*pulse.recent, state)[-patience.longest :],
        bad_since=(pulse.bad_since or now) if pulse.is_open or not is_well(state) else None,
        looked_at=now,
        openings=openings,
    )
    if not seen.is_open and _begins(seen, patience):
        return replace(seen, is_open=True, openings=(*openings, now))
    if seen.is_open and _ends(seen, patience):
        return replace(seen, is_open=False, bad_since=None, recent=())
    return seen


def _begins(pulse: Pulse, patience: Patience) -> bool:
    if is_well(pulse.recent[-1]):
        return False
    blind = pulse.recent[-2 * patience.of :]
    nothing_known = len(blind) == 2 * patience.of and not any(map(is_well, blind))
    return nothing_known or pulse.recent[-patience.of :].count(State.FAIL) >= patience.bad


def _ends(pulse: Pulse, patience: Patience) -> bool:
    wanted = patience.end(pulse)
    last = pulse.recent[-wanted:]
    return len(last) == wanted and all(map(is_well, last))
