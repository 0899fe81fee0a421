"""The end of an operation: state, leases, timeline and audit in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from bot.core.clock import Clock
from bot.core.incidents import Entry, Incident
from bot.core.mrkdwn import mrkdwn, plain
from bot.core.plan import LeaseTerms
from bot.core.records import Due, Lease, Operation, StepRow, Unit
from bot.core.results import OperationState, StepState
from bot.operations.rows import forward, glass_broken
from bot.operations.tasks import END_LEASE, REMIND, queue_card
from bot.operations.trail import Trail

TRY_END_AGAIN_AFTER = timedelta(minutes=5)
"""How long a lease whose automatic end did not come stays before it is tried again."""

REMINDED_FROM = timedelta(minutes=5)
"""How long a lease has to be to be worth a reminder, which comes when four fifths of it are over."""

_PUT_BACK = {OperationState.ROLLED_BACK, OperationState.CANCELLED}


class Closing:
    """Writes what follows from the end of an operation."""

    def __init__(self, *, clock: Clock, trail: Trail) -> None:
        self._clock = clock
        self._trail = trail

    async def close(self, tx: Unit, operation: Operation, state: OperationState, *, why: str = "") -> None:
        """End the operation; `Fenced` when another replica has it.

        What is not known to have failed opens its lease, so that somebody holds it and it ends by itself; only what
        was seen to be done ends leases.
        """
        at = self._clock()
        await tx.operations.set_state(operation.id, state, epoch=operation.epoch, at=at, why=why)
        rows = await self._settle_steps(tx, operation, state)
        if operation.plan.lease and state in {OperationState.DONE, OperationState.UNVERIFIED}:
            await self._open_lease(tx, operation, operation.plan.lease, at=at)
        if state is OperationState.DONE:
            await self._end_leases(tx, operation, at=at)
        elif operation.automatic:
            for lease_id in operation.plan.ends:
                await tx.due.put(Due(END_LEASE, lease_id, at + TRY_END_AGAIN_AFTER, {"lease_id": lease_id}))
        await self._tell_timeline(tx, operation, state, rows, at=at, why=why)
        await self._trail.add(
            tx, "effect", actor=operation.requester, data={"operation": operation.id, "state": state, "why": why}
        )
        await queue_card(tx, operation.id)

    async def _settle_steps(self, tx: Unit, operation: Operation, state: OperationState) -> tuple[StepRow, ...]:
        """Mark what was never begun, and what was put back."""
        stored = await tx.operations.steps(operation.id)
        rows = (*forward(operation, stored), *(row for row in stored if row.undo))
        put_back = state in _PUT_BACK and any(row.undo for row in rows)
        settled = []
        for row in rows:
            if row.state is StepState.WAITING:
                settled.append(replace(row, state=StepState.SKIPPED))
            elif put_back and not row.undo and row.state is StepState.DONE:
                settled.append(replace(row, state=StepState.UNDONE))
            else:
                settled.append(row)
                continue
            await tx.operations.end_step(settled[-1], epoch=operation.epoch)
        return tuple(settled)

    async def _open_lease(self, tx: Unit, operation: Operation, terms: LeaseTerms, *, at: datetime) -> None:
        lease = Lease(
            id=uuid4().hex,
            kind=terms.kind,
            target=terms.target,
            service=operation.service,
            owner=terms.owner,
            by=operation.requester,
            reason=operation.reason,
            channel=operation.channel,
            operation_id=operation.id,
            inverse=terms.inverse,
            since=at,
            until=None if terms.lasts is None else at + terms.lasts,
        )
        await tx.leases.open(lease)
        if terms.lasts is not None and terms.lasts >= REMINDED_FROM:
            await tx.due.put(Due(REMIND, lease.id, at + terms.lasts * 0.8, {"lease_id": lease.id}))
        until = lease.until.isoformat() if lease.until else None
        data = {"lease": lease.id, "kind": lease.kind, "target": lease.target, "owner": lease.owner, "until": until}
        await self._trail.add(tx, "lease", actor=operation.requester, data={"act": "opened", **data})

    async def _end_leases(self, tx: Unit, operation: Operation, *, at: datetime) -> None:
        for lease_id in operation.plan.ends:
            await tx.due.drop(REMIND, lease_id)
            if await tx.leases.end(lease_id, at=at, by=operation.requester):
                data = {"act": "ended", "lease": lease_id}
                await self._trail.add(tx, "lease", actor=operation.requester, data=data)

    async def _tell_timeline(
        self,
        tx: Unit,
        operation: Operation,
        state: OperationState,
        rows: Sequence[StepRow],
        *,
        at: datetime,
        why: str,
    ) -> None:
        incident = await tx.incidents.in_channel(operation.channel) or await _only_open(tx)
        if incident is None:
            return
        evidence = [row.evidence for row in rows if row.evidence]
        parts = (
            f"{operation.plan.title} on {operation.service} ({operation.environment}): {state.value}.",
            f"Asked for: {operation.reason}." if operation.reason else "",
            operation.automatic,
            f"Approved by <@{operation.approver}>." if operation.approver else "",
            f"Nobody approved it: {glass_broken(operation)}." if glass_broken(operation) else "",
            why,
            f"Seen: {evidence[-1]}" if evidence else "",
            *(f"{change.name}: {plain(mrkdwn(change.value))}." for change in operation.plan.changes),
        )
        await tx.entries.add(
            Entry(
                id=f"operation:{operation.id}",
                incident=incident.number,
                at=at,
                author=operation.requester,
                kind="operation",
                text=" ".join(part for part in parts if part),
                operation_id=operation.id,
                message=(await tx.operations.get(operation.id)).card,
            )
        )


async def _only_open(tx: Unit) -> Incident | None:
    """The incident that a change elsewhere belongs to: the only open one. Where there are several nobody can tell."""
    incidents = await tx.incidents.open()
    return incidents[0] if len(incidents) == 1 else None
