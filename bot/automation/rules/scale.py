"""Follow the load with the number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from bot.automation.rule import Rule, RuleSettings, Seen, Want
from bot.core.people import AUTOMATIC
from bot.core.plan import Call
from bot.core.ports import Processes
from bot.core.readings import Reading
from bot.core.records import Operation, Store
from bot.core.results import PlanState
from bot.core.watches import Pulse
from bot.operations.workers import online

_LOOKED_BACK = timedelta(hours=2)
_SECOND = timedelta(seconds=1)
_FIRST = ("Workers", "Health")
"""What is to be mended before anybody counts workers."""


class ScaleSettings(RuleSettings):
    """By what, and within which bounds."""

    by: Literal["Worker CPU", "CPU", "Response time"] = Field("Worker CPU", description="Check that tells the load.")
    above: float = Field(75, gt=0, description="What is more asks for one worker more, in the unit of the check.")
    below: float = Field(20, ge=0, description="What is less, all the time, asks for one worker fewer.")
    least: int = Field(2, ge=1, le=64, description="The fewest workers that it leaves.")
    most: int = Field(4, ge=1, le=64, description="The most workers that it makes.")
    bad: int = Field(4, ge=2, le=60, description="Looks of the last `of` that must be above to scale up.")
    of: int = Field(5, ge=2, le=60, description="Looks that are counted for that.")
    calm: int = Field(20, ge=2, le=500, description="Looks in a row that must be below to scale down.")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.least > self.most or self.bad > self.of:
            raise ValueError("asks for what never happens: least is at most `most`, and bad at most `of`")
        if self.below * 2 > self.above:
            raise ValueError("has below too close to above: at most half of it, for the others take the load of one")
        return self


async def want(seen: Seen, settings: ScaleSettings, *, store: Store, processes: Processes) -> Want | None:
    """Run one worker more while the load is high, and one fewer after it was low for long, within bounds."""
    if any(seen.pulses.get(name, Pulse()).is_open for name in _FIRST):
        return None
    async with store.transaction() as tx:
        operations = await tx.operations.recent(service=seen.service.name, limit=200)
        last = _last_scale(operations)
        since = max(seen.now - _LOOKED_BACK, _ended(last) or seen.now - _LOOKED_BACK)
        readings = await tx.readings.series(seen.service.name, settings.by, since=since, until=seen.now + _SECOND)
    step = _step(readings, settings)
    if not step:
        return None
    workers = await processes.workers()
    count = len(online(workers))
    wanted = count + step
    if count < len(workers) or not settings.least <= wanted <= settings.most:
        return None
    shown, unit = readings[-(settings.of if step > 0 else settings.calm) :], readings[-1].unit
    values = [each.value for each in shown if each.value is not None]
    span = f"{min(values):.4g} to {max(values):.4g} {unit} in {len(values)} looks"
    limit = f"above {settings.above:g}" if step > 0 else f"below {settings.below:g}"
    by_hand = step < 0 and (last is None or last.requester != AUTOMATIC.user_id)
    return Want(
        problem=f"{count} to {wanted} after {last.id if last else 'the start'}",
        check=settings.by,
        call=Call(("scale",), {"count": wanted}),
        why=f"{settings.by} was {span}, {limit} {unit}; {count} workers run, {settings.least} to {settings.most} may",
        held=f"{count} workers are not of its making: somebody wanted them" if by_hand else "",
    )


def _step(readings: Sequence[Reading], settings: ScaleSettings) -> int:
    """One up, one down, or none; where a look saw nothing nobody knows, and nothing is done."""
    last, calm = readings[-settings.of :], readings[-settings.calm :]
    values = [each.value for each in last if each.value is not None]
    if len(last) == len(values) == settings.of and sum(value > settings.above for value in values) >= settings.bad:
        return 1 if values[-1] > settings.above else 0
    low = [each.value for each in calm if each.value is not None]
    return -1 if len(low) == settings.calm and all(value < settings.below for value in low) else 0


def _last_scale(operations: Sequence[Operation]) -> Operation | None:
    """The newest change of the number of workers that was let run, whoever asked for it."""
    ran = (each for each in operations if each.plan_state is PlanState.ACCEPTED)
    return next((each for each in ran if each.call.path == ("scale",)), None)


def _ended(operation: Operation | None) -> datetime | None:
    return (operation.ended_at or operation.proposed_at) if operation else None


RULE = Rule("scale", ScaleSettings, want)
