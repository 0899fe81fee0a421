"""What a check is: one declaration of what it reads, against which limits, how often, and whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from bot.core.command import needs
from bot.core.errors import OpsbotError
from bot.core.parts import State


class NotYet(OpsbotError):
    """There is too little of a past to say anything; a round leaves the check out until there is more."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: `services.<name>.limits.<key>` in the configuration, `default` where that says nothing."""

    key: str
    default: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a check is told beside its ports: the time, the limits of the service, and its name.

    What is counted is judged over at least the time `over` too, where that is said: a digest is of a day.
    """

    now: datetime
    limits: Mapping[str, float] = field(default_factory=dict)
    service: str = ""
    over: timedelta = timedelta()

    def __getitem__(self, limit: Limit) -> float:
        return self.limits.get(limit.key, limit.default)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, as it is shown, and against which limit; `evidence` says how.

    `measure` is the number behind it in the declaration's unit, None where there is none. `then` are the commands that
    help with what was seen, where others do than those of the declaration. `undecided` is an unknown that comes of too
    little to go by: a watch neither begins nor ends a problem for it. `floor` says that the measure may be
    more: what is too low is unknown then and not decided, and what is usual is not told from it.
    """

    state: State
    value: str
    limit: str = ""
    evidence: str = ""
    measure: float | None = None
    then: tuple[str, ...] = ()
    undecided: bool = False
    floor: bool = False


class Unusual(Enum):
    """Which side of the usual is worth a warning."""

    BELOW = -1
    ABOVE = 1


class Family(Enum):
    """What a check is about, and who of the emergency contacts minds it."""

    PAYMENTS = "payments"
    WORKERS = "workers"
    HOST = "host"
    DATA = "data"
    SECURITY = "security"
    OUTSIDE = "outside"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A check: `find` is `async def f(terms, *, port: Port, ...) -> Finding` and reads those ports of the service.

    An `OpsbotError` from it, or no answer within `within`, is unknown with the reason. `unit` is that of the measure.
    `unusual` holds the measure against what was usual at this time of the week. A watch looks `every` so often,
    is silent while one of `follows` (names of other checks) fails, and offers the commands `then`, the first first.
    `owner` is a role of the emergency contacts.
    """

    name: str
    find: Callable[..., Awaitable[Finding]]
    rows: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    within: timedelta = timedelta(seconds=20)
    unit: str = ""
    unusual: Unusual | None = None
    family: Family = Family.WORKERS
    every: timedelta = timedelta(minutes=1)
    owner: str = "Primary On-Call"
    follows: tuple[str, ...] = ()
    then: tuple[str, ...] = ()

    @property
    def reads(self) -> frozenset[type]:
        """The ports that it reads; a service without one of them does not have this check."""
        return frozenset(needs(self.find).values())


def at_least(value: float, terms: Terms, *, warn: Limit, fail: Limit) -> State:
    """How a value is that should be high."""
    if value < terms[fail]:
        return State.FAIL
    return State.WARN if value < terms[warn] else State.OK


def at_most(value: float, terms: Terms, *, warn: Limit, fail: Limit) -> State:
    """How a value is that should be low."""
    if value > terms[fail]:
        return State.FAIL
    return State.WARN if value > terms[warn] else State.OK
