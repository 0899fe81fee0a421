"""One step: look before, do, observe until it is seen, write down; fenced by the epoch at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from pydantic import BaseModel, JsonValue, ValidationError

from bot.core.clock import Clock
from bot.core.errors import Conflict, Fenced, OpsbotError, OutcomeUnknown
from bot.core.permit import ask_permit, permitted_by
from bot.core.plan import Attempt, Json, Observation, Step, Verdict
from bot.core.records import Operation, StepRow, Store
from bot.core.registry import bind
from bot.core.results import StepState
from bot.operations.planning import Planner
from bot.operations.trail import Trail

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two looks at an effect that has not come yet: the pause doubles from the first to the longest."""

TELL_EVERY = 2.0
"""Seconds between two looks at how far a step is."""

log = structlog.get_logger(__name__)

_STATES = {
    Verdict.DONE: StepState.DONE,
    Verdict.NOT_DONE: StepState.FAILED,
    Verdict.UNKNOWN: StepState.UNVERIFIED,
}


class CancelAsked(Exception):
    """Somebody asked to stop; the step was not begun."""


@dataclass(frozen=True, slots=True)
class _Effect:
    """A kind of step bound to the ports of one service, with the parameters of one action."""

    kind: Step
    params: BaseModel
    ports: Callable[[Callable[..., Any]], Callable[..., Any]]

    async def before(self) -> Json:
        if self.kind.before is None:
            return {}
        before: Json = await self.ports(self.kind.before)(self.params)
        return before

    async def do(self, before: Json) -> str:
        if self.kind.do is None:
            return ""
        done: str = await self.ports(self.kind.do)(Attempt(self.params, before))
        return done

    async def progress(self, before: Json) -> str:
        assert self.kind.progress is not None
        said: str = await self.ports(self.kind.progress)(Attempt(self.params, before))
        return said

    async def look(self, before: Json) -> Observation:
        """One look at the effect; what cannot be looked at is unknown."""
        try:
            observation: Observation = await self.ports(self.kind.observe)(Attempt(self.params, before))
        except Fenced:
            raise
        except OpsbotError as error:
            return Observation(Verdict.UNKNOWN, str(error))
        return observation

    async def settle(self, before: Json) -> Observation:
        """Look until the effect is seen or the step's time to settle is over; the last look counts."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.kind.settle.total_seconds()
        pause = FIRST_PAUSE
        while (seen := await self.look(before)).verdict is not Verdict.DONE and loop.time() < ends:
            await asyncio.sleep(min(pause, max(ends - loop.time(), 0)))
            pause = min(pause * 2, LONGEST_PAUSE)
        return seen


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a step ended: what was seen, and what the doing said of itself."""

    state: StepState
    evidence: str
    said: str = ""


class Steps:
    """Runs single steps."""

    def __init__(self, *, store: Store, planner: Planner, clock: Clock, trail: Trail) -> None:
        self._store = store
        self._planner = planner
        self._clock = clock
        self._trail = trail

    async def run(self, operation: Operation, row: StepRow, *, changed: Callable[[], None]) -> StepRow:
        """Run `row`, or what an interrupted one left, to its end; `changed` is called when there is something to show.

        Raises `CancelAsked` when somebody asked to stop before it began, `Fenced` when another replica has taken over.
        """
        try:
            effect = self._effect(operation, row)
            before = row.before if row.before is not None else await effect.before()
        except OpsbotError as error:
            failed = _Outcome(StepState.FAILED, f"Could not begin: {_words(error)}")
            return await self._end(operation, row, failed)
        row = replace(row, before=before)
        interrupted = row.state is StepState.RUNNING
        if not interrupted:
            row = await self._start(operation, row)
        async with self._telling(operation, row, effect, changed):
            with permitted_by(lambda: self._is_ours(operation)):
                outcome = await _bring_about(effect, before, interrupted=interrupted, undo=row.undo)
        return await self._end(operation, row, outcome)

    async def _is_ours(self, operation: Operation) -> None:
        """The permit of what the operation changes: `Fenced` when another replica has taken over."""
        async with self._store.transaction() as tx:
            if (await tx.operations.get(operation.id)).epoch != operation.epoch:
                raise Fenced(f"Operation {operation.id} has been taken over by another replica.")

    def _effect(self, operation: Operation, row: StepRow) -> _Effect:
        kind = self._planner.step(row.step)
        ports = self._planner.ports(operation.service)
        try:
            params = kind.params.model_validate(dict(row.params))
        except ValidationError as error:
            raise Conflict(f'The parameters of "{row.title}" have changed since it was planned.') from error
        return _Effect(kind, params, lambda function: bind(function, ports))

    async def _start(self, operation: Operation, row: StepRow) -> StepRow:
        row = replace(row, state=StepState.RUNNING, started_at=self._clock())
        async with self._store.transaction() as tx:
            if not row.undo and (await tx.operations.get(operation.id)).cancel_asked_by:
                raise CancelAsked
            await tx.operations.start_step(row, epoch=operation.epoch)
            await self._trail.add(
                tx, "step", actor=operation.requester, data={**_place(row), "step": row.step, "title": row.title}
            )
        return row

    @asynccontextmanager
    async def _telling(
        self, operation: Operation, row: StepRow, effect: _Effect, changed: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Write down meanwhile how far the step is, for those kinds that can say it."""
        if effect.kind.progress is None:
            yield
            return
        task = asyncio.create_task(self._tell(operation, row, effect, changed))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _tell(self, operation: Operation, row: StepRow, effect: _Effect, changed: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            try:
                told = replace(row, evidence=await effect.progress(row.before or {}))
                async with self._store.transaction() as tx:
                    await tx.operations.start_step(told, epoch=operation.epoch)
            except Fenced:
                return  # the end of the step finds it out as well, and says it
            except OpsbotError as error:
                log.warning("progress not told", operation=operation.id, step=row.step, reason=str(error))
            else:
                changed()

    async def _end(self, operation: Operation, row: StepRow, outcome: _Outcome) -> StepRow:
        row = replace(row, state=outcome.state, evidence=outcome.evidence, ended_at=self._clock())
        data = {**_place(row), "state": row.state, "evidence": row.evidence, "said": outcome.said}
        async with self._store.transaction() as tx:
            await tx.operations.end_step(row, epoch=operation.epoch)
            await self._trail.add(tx, "effect", actor=operation.requester, data=data)
        return row


async def _bring_about(effect: _Effect, before: Json, *, interrupted: bool, undo: bool) -> _Outcome:
    """Do what is not there yet, and look whether it came.

    After an interruption what was begun may still be at work, so the look is as patient as after doing it. What puts
    things back looks first too: what is already as it was is left alone.
    """
    if interrupted or undo:
        seen = await (effect.settle(before) if interrupted else effect.look(before))
        if seen.verdict is Verdict.DONE or (interrupted and not effect.kind.repeatable):
            return _Outcome(_STATES[seen.verdict], seen.evidence)
    said = unclear = ""
    try:
        # Also for what asks no host, which asks again under its lock: one that slept until now must not begin.
        await ask_permit()
        said = await effect.do(before)
    except Fenced:
        raise
    except OutcomeUnknown as error:
        unclear = _words(error)
    except OpsbotError as error:
        return _Outcome(StepState.FAILED, _words(error))
    seen = await effect.settle(before)
    evidence = seen.evidence if seen.verdict is Verdict.DONE else f"{unclear} {seen.evidence}".strip()
    return _Outcome(_STATES[seen.verdict], evidence, said)


def _place(row: StepRow) -> dict[str, JsonValue]:
    return {"operation": row.operation_id, "number": row.number, "undo": row.undo}


def _words(error: OpsbotError) -> str:
    return f"{error} {error.hint}".strip()
