"""What is stored, row by row, and the unit of work through which it is read and changed.

Everything inside one `async with store.transaction() as tx` commits together, jobs included, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from bot.core.alerts import Alerts
from bot.core.automation import Automation
from bot.core.backfills import Backfills
from bot.core.checklists import Checklists
from bot.core.incident_acts import IncidentActs
from bot.core.incidents import Entries, Incidents, Messages
from bot.core.marks import Marks
from bot.core.plan import Call, Json, Plan
from bot.core.ports import MessageRef
from bot.core.readings import Readings
from bot.core.reports import Reports, Tasks
from bot.core.results import Check, Digest, OperationState, PlanState, StepState
from bot.core.schedules import ScheduleRows
from bot.core.tallies import Tallies
from bot.core.watches import Watches
from bot.core.windows import Windows


@dataclass(frozen=True, slots=True)
class Operation:
    """A change from its plan to its end.

    `plan_state` is ACCEPTED once it may run; `state` is QUEUED until then too. `epoch` rises with each take-over.
    `card` is the progress card, None until it was posted. `why` says in words why it ended as it did.
    """

    id: str
    call: Call
    plan: Plan
    plan_hash: str
    service: str
    environment: str
    host: str
    reason: str
    requester: str
    approver: str
    channel: str
    plan_state: PlanState
    state: OperationState
    epoch: int
    proposed_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    card: MessageRef | None = None
    why: str = ""
    cancel_asked_by: str = ""
    automatic: str = ""
    reviewed_by: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of an operation; `undo` marks those that put things back after a failure."""

    operation_id: str
    number: int
    undo: bool
    step: str
    title: str
    params: Json
    before: Json | None
    state: StepState
    evidence: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Operations(Protocol):
    """Operations and their steps."""

    async def propose(self, operation: Operation) -> None: ...
    async def get(self, operation_id: str) -> Operation: ...
    async def steps(self, operation_id: str) -> tuple[StepRow, ...]: ...
    async def recent(self, *, service: str = "", limit: int = 20) -> tuple[Operation, ...]: ...
    async def running(self) -> tuple[Operation, ...]: ...

    async def move_plan(self, operation_id: str, *, to: PlanState, frm: Sequence[PlanState], by: str = "") -> bool:
        """Compare and swap of the plan's state; False when it was in none of `frm`."""
        ...

    async def take_over(self, operation_id: str) -> Operation:
        """Raise the epoch and return the row; whoever held the former epoch is fenced from now on."""
        ...

    async def set_state(
        self, operation_id: str, state: OperationState, *, epoch: int, at: datetime, why: str = ""
    ) -> None:
        """Move the operation; `Fenced` when the epoch is not `epoch` any more."""
        ...

    async def start_step(self, row: StepRow, *, epoch: int) -> None:
        """Write a step as running with its `before`; `Fenced` as above."""
        ...

    async def end_step(self, row: StepRow, *, epoch: int) -> None:
        """Write a step's final state with its evidence; `Fenced` as above."""
        ...

    async def plan_undo(self, operation_id: str, rows: Sequence[StepRow], *, epoch: int) -> None:
        """Append the steps that put things back; `Fenced` as above."""
        ...

    async def ask_cancel(self, operation_id: str, *, by: str) -> bool: ...
    async def review(self, operation_id: str, *, by: str) -> bool: ...
    async def unreviewed(self) -> tuple[Operation, ...]: ...
    async def set_card(self, operation_id: str, card: MessageRef) -> None: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """What is "not normal", who holds it and why, until when, and what ends it; open while `ended_at` is None."""

    id: str
    kind: str
    target: str
    service: str
    owner: str
    by: str
    reason: str
    channel: str
    operation_id: str
    inverse: Call
    since: datetime
    until: datetime | None
    ended_at: datetime | None = None
    ended_by: str = ""


class Leases(Protocol):
    """Leases; opening and ending one keeps its due row in step."""

    async def open(self, lease: Lease) -> None:
        """Open it in place of an open one of the same (kind, target, owner)."""
        ...

    async def end(self, lease_id: str, *, at: datetime, by: str) -> bool: ...
    async def get(self, lease_id: str) -> Lease: ...

    async def lock(self, lease_id: str) -> Lease:
        """The same, which nobody else locks or ends before this transaction does."""
        ...

    async def active(self, *, service: str = "", kind: str = "") -> tuple[Lease, ...]: ...


@dataclass(frozen=True, slots=True)
class Due:
    """Something to be done later; `(kind, key)` is unique among those that wait."""

    kind: str
    key: str
    due_at: datetime
    args: Mapping[str, JsonValue]


class DueRows(Protocol):
    """Rows of what is due later; each replica's sweeper takes those whose time has come."""

    async def put(self, due: Due) -> None: ...

    async def put_missing(self, due: Due) -> None:
        """Add the row, unless one waits under its kind and key."""
        ...

    async def drop(self, kind: str, key: str) -> None: ...

    async def take(self, *, now: datetime, limit: int = 50) -> tuple[Due, ...]:
        """Take rows whose time has come, each for one taker only (`for update skip locked`), and mark them taken."""
        ...


class Jobs(Protocol):
    """Durable jobs, deferred inside the caller's transaction."""

    async def defer(self, task: str, *, lock: str | None = None, args: Mapping[str, JsonValue]) -> None: ...


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One link of the audit chain; `data` is redacted before it gets here and never holds message text."""

    seq: int
    at: datetime
    actor: str
    kind: str
    data: Json
    mac: str


class Audit(Protocol):
    """The audit chain: HMAC over the former link and this row, with a key from outside the database."""

    async def append(self, *, at: datetime, actor: str, kind: str, data: Json) -> None:
        """Add a row when the transaction commits, so that the chain is locked for as short as can be."""
        ...

    async def prune(self, *, before: datetime) -> None:
        """Drop rows older than a moment and leave a signed checkpoint; `Conflict` when they have been tampered with."""
        ...

    async def head(self) -> AuditRow | None: ...
    async def recent(self, *, limit: int = 50) -> tuple[AuditRow, ...]: ...


@dataclass(frozen=True, slots=True)
class Slot:
    """One posting of a schedule: `slot` is its local date and time without offset; `state` is a word of the digests.

    `id` is given by the store. `shown` is what its message says. `epoch` counts who has set about posting it.
    """

    schedule: str
    slot: str
    due_at: datetime
    state: str
    message: MessageRef | None = None
    checks: tuple[Check, ...] = ()
    id: str = ""
    shown: Digest | None = None
    epoch: int = 0


class Slots(Protocol):
    """Digest slots: claimed by one replica, then posted."""

    async def last(self, schedule: str) -> Slot | None:
        """The one furthest on by its `slot`, whatever its state."""
        ...

    async def recent(self, schedule: str, *, limit: int = 20) -> tuple[Slot, ...]:
        """The last ones by their `slot`, newest first."""
        ...

    async def claim(self, slot: Slot) -> bool:
        """False when the slot was claimed before."""
        ...

    async def settle(
        self,
        schedule: str,
        slot: str,
        *,
        state: str,
        message: MessageRef | None,
        epoch: int | None = None,
    ) -> None:
        """Write down what became of it; `Fenced` when its epoch is not `epoch` any more, where that is given."""
        ...

    async def take(self, slot_id: str) -> int:
        """Set about posting it, and have nobody else post it who did so before: the new epoch."""
        ...

    async def permit(self, slot_id: str, epoch: int) -> None:
        """`Fenced` when somebody else has taken it since."""
        ...

    async def of(self, slot_id: str) -> Slot:
        """The one with this id; `NotFound` when it is gone."""
        ...

    async def show(self, slot_id: str, shown: Digest, *, checks: Sequence[Check] | None = None) -> None:
        """Write down what its message says now, and what was looked at for it, where that is new."""
        ...

    async def forget(self, schedule: str) -> None:
        """Drop all of a schedule that was removed."""
        ...


class Claims(Protocol):
    """Doubles: the first to claim a key has it."""

    async def claim(self, key: str, *, at: datetime) -> bool: ...
    async def prune(self, *, before: datetime) -> None: ...

    async def claim_all(self, keys: Sequence[str], *, at: datetime) -> frozenset[str]:
        """Those of `keys` that nobody had claimed before; the many at once that a busy hour needs."""
        ...

    async def taken(self, key: str) -> bool:
        """Whether the key is claimed, without claiming it."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """Something a later payload refers to by `id` alone (a form that is open, a button's row)."""

    id: str
    kind: str
    user_id: str
    channel: str
    data: Json
    created_at: datetime


class PendingRows(Protocol):
    """Rows behind opaque ids in payloads."""

    async def put(self, pending: Pending) -> None: ...
    async def get(self, pending_id: str) -> Pending: ...

    async def use(self, pending_id: str) -> bool:
        """Compare and swap from waiting to used; False when it was used before."""
        ...

    async def prune(self, *, before: datetime) -> None: ...


class Remembered(Protocol):
    """Small answers of outside systems with the time they were given, for when the system is away."""

    async def put(self, key: str, value: JsonValue, *, at: datetime) -> None: ...
    async def get(self, key: str, *, within: timedelta, now: datetime) -> JsonValue | None: ...


class Unit(Protocol):
    """The repositories of one transaction."""

    @property
    def operations(self) -> Operations: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def due(self) -> DueRows: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def incidents(self) -> Incidents: ...
    @property
    def acts(self) -> IncidentActs: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def backfills(self) -> Backfills: ...
    @property
    def entries(self) -> Entries: ...
    @property
    def slots(self) -> Slots: ...
    @property
    def claims(self) -> Claims: ...
    @property
    def pending(self) -> PendingRows: ...
    @property
    def remembered(self) -> Remembered: ...
    @property
    def checklists(self) -> Checklists: ...
    @property
    def windows(self) -> Windows: ...
    @property
    def readings(self) -> Readings: ...
    @property
    def tallies(self) -> Tallies: ...
    @property
    def watches(self) -> Watches: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def automation(self) -> Automation: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def schedules(self) -> ScheduleRows: ...


class Store(Protocol):
    """The one store."""

    def transaction(self) -> AbstractAsyncContextManager[Unit]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        ...
