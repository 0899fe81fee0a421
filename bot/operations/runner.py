"""An operation from its lock to its end: plan again, run the steps, put things back when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.core.clock import Clock
from bot.core.errors import OpsbotError
from bot.core.records import Operation, StepRow, Store
from bot.core.results import OperationState, StepState
from bot.operations.closing import Closing
from bot.operations.planning import Planner, what_moved
from bot.operations.rows import backward, forward, touches_same
from bot.operations.steps import CancelAsked, Steps
from bot.operations.tasks import queue_card

MOST_TAKE_OVERS = 10
"""After so many an operation is given up: something breaks it off each time, and it must not hold its lock for ever."""


class HandedBack(Exception):
    """This replica is stopping: the operation goes back to the queue before its next step."""


@dataclass(frozen=True, slots=True)
class _End:
    state: OperationState
    why: str = ""


class Runner:
    """Runs operations that this replica has taken over; `Fenced` when another one took over from it."""

    def __init__(self, *, store: Store, planner: Planner, steps: Steps, closing: Closing, clock: Clock) -> None:
        self._store = store
        self._planner = planner
        self._steps = steps
        self._closing = closing
        self._clock = clock
        self._draining = False

    def drain(self) -> None:
        """Begin no further step."""
        self._draining = True

    async def run(self, operation: Operation, *, changed: Callable[[], None]) -> None:
        """Run what is left of `operation` to its end; `changed` is called whenever there is something new to show."""
        end = await self._refuse(operation)
        if end is None:
            await self._begin(operation)
            changed()
            end = await self._run(operation, changed)
        async with self._store.transaction() as tx:
            await self._closing.close(tx, operation, end.state, why=end.why)

    async def _refuse(self, operation: Operation) -> _End | None:
        """Why nothing (more) is to be touched, if so."""
        if operation.epoch > MOST_TAKE_OVERS:
            why = f"It broke off {MOST_TAKE_OVERS} times and is given up; the log has the reason under {operation.id}."
            return _End(OperationState.FAILED, why)
        if operation.state is not OperationState.QUEUED:
            return None
        if self._draining:
            raise HandedBack
        if operation.cancel_asked_by:
            return _End(OperationState.CANCELLED, "Nothing was touched.")
        try:
            fresh = await self._planner.again(operation)
        except OpsbotError as error:
            why = f"Nothing was touched, for it could not be planned again: {error} {error.hint}".strip()
            return _End(OperationState.FAILED, why)
        moved = what_moved(operation.plan, fresh)
        if moved:
            why = f"Nothing was touched: since it was planned, {moved}. Type the command again."
            return _End(OperationState.CANCELLED, why)
        return None

    async def _begin(self, operation: Operation) -> None:
        async with self._store.transaction() as tx:
            await tx.operations.set_state(operation.id, OperationState.RUNNING, epoch=operation.epoch, at=self._clock())
            for other in await tx.operations.running():
                if other.state is OperationState.QUEUED and touches_same(other, operation):
                    await queue_card(tx, other.id)  # it waits for this one from now on

    async def _run(self, operation: Operation, changed: Callable[[], None]) -> _End:
        async with self._store.transaction() as tx:
            stored = await tx.operations.steps(operation.id)
        rows = forward(operation, stored)
        ran = await self._run_rows(operation, rows, changed)
        last = ran[-1] if ran else None
        if last and last.state is StepState.UNVERIFIED:
            return _End(OperationState.UNVERIFIED, f'Whether "{last.title}" took effect could not be seen.')
        if last and last.state is StepState.FAILED:
            back, why = OperationState.ROLLED_BACK, f'"{last.title}" failed.'
        elif len(ran) < len(rows):
            back, why = OperationState.CANCELLED, f"Stopped after {len(ran)} of {len(rows)} steps."
        else:
            return _End(OperationState.DONE)
        begun = [row for row in ran if row.before is not None]
        if all(operation.plan.actions[row.number - 1].aside for row in begun):
            state = OperationState.FAILED if back is OperationState.ROLLED_BACK else back
            return _End(state, f"{why} Nothing{' that is in use' if begun else ''} was touched.")
        undo = backward(operation, stored)
        if not undo:
            state = OperationState.FAILED if back is OperationState.ROLLED_BACK else back
            return _End(state, f"{why} What was done stays: nothing is planned to put it back.")
        return await self._put_back(operation, undo, changed, _End(back, why))

    async def _put_back(
        self, operation: Operation, rows: Sequence[StepRow], changed: Callable[[], None], end: _End
    ) -> _End:
        if all(row.state is StepState.WAITING for row in rows):
            async with self._store.transaction() as tx:
                await tx.operations.plan_undo(operation.id, rows, epoch=operation.epoch)
            changed()
        ran = await self._run_rows(operation, rows, changed)
        if ran[-1].state is StepState.DONE:
            return _End(end.state, f"{end.why} Everything was put back, and seen to be.")
        return _End(
            OperationState.FAILED, f'{end.why} Putting things back stopped at "{ran[-1].title}": look at it now.'
        )

    async def _run_rows(
        self, operation: Operation, rows: Sequence[StepRow], changed: Callable[[], None]
    ) -> list[StepRow]:
        """The rows as they ended, up to the first that is not done; fewer when somebody asked to stop."""
        ran = []
        for waiting in rows:
            row = waiting
            if row.state in {StepState.WAITING, StepState.RUNNING}:
                if self._draining:
                    raise HandedBack
                try:
                    row = await self._steps.run(operation, row, changed=changed)
                except CancelAsked:
                    break
                changed()
            ran.append(row)
            if row.state is not StepState.DONE:
                break
        return ran
