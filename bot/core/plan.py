"""A change before it is made: data that can be stored, shown, hashed, approved, and run by any replica."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, JsonValue

from bot.core.prose import Line
from bot.core.results import Field

Json = Mapping[str, JsonValue]
P = TypeVar("P", bound=BaseModel)


class Risk(StrEnum):
    """`CHANGE` is confirmed by the one who asks, `RISKY` approved by a second person with the role commander."""

    READ = "read"
    CHANGE = "change"
    RISKY = "risky"


class Area(StrEnum):
    """What a change touches on its host; changes of one area on one host run one at a time."""

    PROCESSES = "processes"
    FIREWALL = "firewall"
    DATABASE = "database"
    CACHE = "cache"
    BACKUP = "backup"
    NOTICES = "notices"


class Verdict(StrEnum):
    """What an observation says of an effect."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, apart from what a command's exit code claims; `evidence` is shown to people."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class Attempt(Generic[P]):
    """One execution of a step: its parameters, and what `before` saw when it first began (kept over a take-over)."""

    params: P
    before: Json


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of effect: how it is done, and how it is seen from outside.

    Each function takes its first argument by position (`before` the params, `do` and `observe` an `Attempt`) and asks
    for ports by the types of its keyword-only parameters; they are those of the operation's service.
    `before` returns what must be remembered to tell afterwards whether the effect came. `do` returns a line on what
    was run; it is None for a step that only looks. `observe` is asked until it says done, or `settle` is over.
    `progress`, which takes an `Attempt` too, says how far a step is that takes long; people are shown it meanwhile.
    An interrupted step observes first: done is done, not done is done again only when `repeatable`, else it has failed.
    """

    name: str
    params: type[BaseModel]
    observe: Callable[..., Awaitable[Observation]]
    do: Callable[..., Awaitable[str]] | None = None
    before: Callable[..., Awaitable[Json]] | None = None
    progress: Callable[..., Awaitable[str]] | None = None
    settle: timedelta = timedelta(seconds=15)
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan with its parameters; `argv` is the command line as people are shown it.

    What is done `aside` touches nothing that is in use: while only that was done, there is nothing to put back.
    """

    step: str
    title: str
    params: Json = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A command by its path with its arguments: what an undo or an automatic end plans anew from live state."""

    path: tuple[str, ...]
    args: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """What the plan makes "not normal" for a while: who holds it, for how long, and what ends it.

    `lasts` None means until somebody ends it. The holder of a lease is `(kind, target, owner)`; a second lease of the
    same holder replaces the first.
    """

    kind: str
    target: str
    owner: str
    lasts: timedelta | None
    inverse: Call


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be touched, worked out from live state.

    `changes` show old and new; `actions` are run in order, and `undo` in order when one of them is seen to have
    failed. `ends` are ids of leases that end with it. An empty `actions` means nothing has to change on the host.
    `inverse` is what a person may ask for later to take a change back that has no lease; it is planned anew then, and
    so is `rescue`, which is offered where the change was seen to fail and nothing puts it back.
    `latest` is until when it can be accepted, where that is less than the time that people have anyway.
    """

    title: str
    area: Area
    changes: tuple[Field, ...]
    actions: tuple[Action, ...]
    undo: tuple[Action, ...] = ()
    preconditions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Line, ...] = ()
    lease: LeaseTerms | None = None
    ends: tuple[str, ...] = ()
    inverse: Call | None = None
    rescue: Call | None = None
    risk: Risk = Risk.CHANGE
    latest: datetime | None = None

    @property
    def hash(self) -> str:
        """SHA-256 in hex over actions, undo, lease terms and named preconditions: what an approval binds to."""
        lease = self.lease
        lasts = lease.lasts.total_seconds() if lease and lease.lasts is not None else None
        body = {
            "area": self.area,
            "actions": [[a.step, dict(a.params), a.argv] for a in self.actions],
            "undo": [[a.step, dict(a.params), a.argv] for a in self.undo],
            "preconditions": dict(self.preconditions),
            "lease": lease and [lease.kind, lease.target, lease.owner, lasts],
            "ends": sorted(self.ends),
        }
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()
