"""What the bot does by itself: each case of it, and what was turned off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.plan import Call

NOT_ALLOWED = "the configuration does not allow it"
"""Why something is only proposed, as it is by default."""


@dataclass(frozen=True, slots=True)
class Case:
    """One problem that an automation would deal with by `call`: `(service, rule, problem)` is its natural key.

    `alert` is the key of the alert whose message tells of it. `why` are the figures, `held` is why it was not done so
    far; an act has its operation and `acted_at`. `outcome` is how that ended, once `settled_at`. `over_at` is when
    there was no reason for it any more.
    """

    id: str
    service: str
    rule: str
    problem: str
    alert: str
    call: Call
    why: str
    held: str
    at: datetime
    operation_id: str = ""
    acted_at: datetime | None = None
    outcome: str = ""
    settled_at: datetime | None = None
    over_at: datetime | None = None

    @property
    def does(self) -> str:
        """What it does, in few words: `reset`, `scale 3`."""
        return " ".join((*self.call.path, *(str(each) for each in self.call.args.values() if isinstance(each, int))))


@dataclass(frozen=True, slots=True)
class Off:
    """What does nothing by itself until a person says so: one automation of a service, or all where both are empty."""

    service: str
    rule: str
    at: datetime
    by: str
    reason: str


class Automation(Protocol):
    """Cases, and what is off. What is decided is decided under `lock`, so that nothing begins once it is off."""

    async def lock(self) -> None:
        """Keep every other decision out until this transaction ends."""
        ...

    async def turn_off(self, off: Off) -> bool:
        """False when it was off before."""
        ...

    async def turn_on(self, service: str, rule: str) -> bool:
        """False when it was not off."""
        ...

    async def offs(self) -> tuple[Off, ...]:
        """All that is off, what is off for all first."""
        ...

    async def save(self, case: Case) -> None:
        """Write a new case, or of one that is there what may change before it is acted on: `held` and `over_at`."""
        ...

    async def begin(self, case: Case) -> bool:
        """Write the operation of a case; False when it had one, and nothing is to be done."""
        ...

    async def settle(self, case_id: str, *, outcome: str, at: datetime) -> bool:
        """Write how an act ended; False when that is known already."""
        ...

    async def find(self, service: str, rule: str, problem: str) -> Case | None:
        """The case of that natural key, if there is one."""
        ...

    async def get(self, case_id: str) -> Case:
        """One case; `NotFound` when there is none."""
        ...

    async def of_operation(self, operation_id: str) -> Case:
        """The case that an operation deals with; `NotFound` when there is none."""
        ...

    async def cases(self, *, since: datetime, service: str = "") -> tuple[Case, ...]:
        """Those that are not over, not settled, or changed since a moment; the newest first."""
        ...

    async def of_alerts(self, alerts: Sequence[str]) -> tuple[Case, ...]:
        """Those of these alerts that are not over, and all acts, oldest first."""
        ...

    async def prune(self, *, before: datetime) -> None:
        """Forget what was over before."""
        ...
