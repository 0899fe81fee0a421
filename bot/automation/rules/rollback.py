"""Take back a deploy of the bot's after which errors became many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from pydantic import Field

from bot.automation.rule import Rule, RuleSettings, Seen, Want
from bot.core.duration import Duration, format_duration
from bot.core.parts import State
from bot.core.plan import Call
from bot.core.readings import Reading
from bot.core.records import Operation, Store
from bot.core.releases import Releases
from bot.core.results import OperationState
from bot.digests.pulse import is_well
from bot.operations.deployments import SHORT, SWITCH, Switch

CHECK = "Error rate"

_BEFORE = timedelta(minutes=30)
_SECOND = timedelta(seconds=1)


class RollbackSettings(RuleSettings):
    """How soon after a deploy, and how much worse."""

    within: Duration = Field("15m", validate_default=True, description="How long after a deploy it is the deploy's.")
    times: float = Field(2, gt=1, le=100, description="How many times as many errors as before the deploy.")


async def want(seen: Seen, settings: RollbackSettings, *, store: Store, releases: Releases) -> Want | None:
    """Go back to the release before, where errors became many soon after a deploy that was made by the bot."""
    if seen.failing(CHECK) is None:
        return None
    async with store.transaction() as tx:
        operations = await tx.operations.recent(service=seen.service.name, limit=200)
    deploy = _last_switch(operations)
    if deploy is None or deploy.started_at is None or deploy.ended_at is None:
        return None
    made, ended = _switch(deploy), deploy.ended_at
    if made.back or not deploy.started_at <= seen.begun(CHECK) <= ended + settings.within:
        return None
    async with store.transaction() as tx:
        of = seen.service.name
        before = await tx.readings.series(of, CHECK, since=deploy.started_at - _BEFORE, until=deploy.started_at)
        after = await tx.readings.series(of, CHECK, since=ended, until=seen.now + _SECOND)
    if [each.state for each in after[-seen.patience.of :]].count(State.FAIL) < seen.patience.bad:
        return None  # it began while the deploy was made: the new release has not shown yet what it does
    current = await releases.current()
    later = f"{current.sha[:SHORT]} was deployed by hand since" if current.sha != made.sha else ""
    return Want(
        problem=f"deploy {deploy.id}",
        check=CHECK,
        call=Call(("rollback",), {"to": made.former}),
        why=f"{_figures(before, after)} since {deploy.plan.title} {format_duration(seen.now - ended)} ago; "
        f"{seen.looks(CHECK)}",
        held=later or _no_jump(before, after, settings.times, seen.patience.bad),
    )


def _no_jump(before: Sequence[Reading], after: Sequence[Reading], times: float, fewest: int) -> str:
    """Why it cannot be said that the deploy made it worse; empty when it can."""
    was, is_now = _values(before), _values(after)
    if len(was) < fewest or len(is_now) < fewest:
        return f"how it was before the deploy is not known: {len(was)} looks saw it"
    if not all(is_well(each.state) for each in before if each.value is not None):
        return "there were too many errors before the deploy too"
    if median(is_now) < times * median(was):
        return f"that is less than {times:g} times as many"
    return ""


def _figures(before: Sequence[Reading], after: Sequence[Reading]) -> str:
    was, is_now = _values(before), _values(after)
    then = f"{median(was):.2f} % in {len(was)} looks before it" if was else "not known before it"
    now = f"{median(is_now):.2f} % in {len(is_now)} looks" if is_now else "not known"
    return f"errors are {now}, {then},"


def _values(readings: Sequence[Reading]) -> list[float]:
    return [each.value for each in readings if each.value is not None]


def _last_switch(operations: Sequence[Operation]) -> Operation | None:
    """The newest operation that was seen to change what is deployed."""
    done = (each for each in operations if each.state is OperationState.DONE)
    return next((each for each in done if any(action.step == SWITCH.name for action in each.plan.actions)), None)


def _switch(operation: Operation) -> Switch:
    params = next(action.params for action in operation.plan.actions if action.step == SWITCH.name)
    return Switch.model_validate(dict(params))


RULE = Rule("rollback", RollbackSettings, want, yields=True)
