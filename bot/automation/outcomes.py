"""How what was done by itself ended: what was not seen to be done turns its automation off, and is told loudly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.core.alert_looks import look_for
from bot.core.automation import Case, Off
from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat
from bot.core.prose import Bold, Code, Line
from bot.core.records import Operation, Store, Unit
from bot.core.results import OperationState, Text
from bot.operations.break_glass import Commanders
from bot.operations.showing import Showing
from bot.operations.trail import Trail

TELL = "automation_failed"
"""The job that tells the channel and the commanders of the act of `operation_id`."""

_FAILED = frozenset({OperationState.FAILED, OperationState.UNVERIFIED, OperationState.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Writes down how acts ended."""

    store: Store
    chat: Chat
    clock: Clock
    trail: Trail
    commanders: Commanders

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {TELL: self.tell}

    async def settle(self, tx: Unit, case: Case, operation: Operation) -> None:
        """Note the end of an act, once."""
        now = self.clock()
        if not await tx.automation.settle(case.id, outcome=operation.state.value, at=now):
            return
        await look_for(tx, case.alert, now=now)
        if operation.state not in _FAILED:
            return
        reason = f"{operation.plan.title}: {operation.state.value}. {operation.why}".strip()
        if await tx.automation.turn_off(Off(case.service, case.rule, now, AUTOMATIC.user_id, reason)):
            data: dict[str, JsonValue] = {"act": "off", "service": case.service, "rule": case.rule}
            await self.trail.add(tx, "automation", actor=AUTOMATIC.user_id, data=data)
        await tx.jobs.defer(TELL, lock=f"{TELL}:{operation.id}", args={"operation_id": operation.id})

    async def tell(self, operation_id: str) -> None:
        """Tell the channel and every commander; `IntegrationError` when somebody was not reached, to be tried again."""
        async with self.store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            case = await tx.automation.of_operation(operation_id)
        missed = None
        for whom in (operation.channel, *await self.commanders()):
            try:
                channel = whom if whom == operation.channel else await self.chat.direct(whom)
                key = f"{TELL}:{operation_id}:{whom}"
                notice = _notice(case, operation)
                await Showing(store=self.store, chat=self.chat).post_once(
                    channel, notice, key=key, since=operation.proposed_at
                )
            except IntegrationError as error:  # one who cannot be reached must not keep it from the others
                missed = error
        if missed:
            raise missed


def _notice(case: Case, operation: Operation) -> Text:
    lines: tuple[Line, ...] = (
        (Bold(f"{operation.plan.title} on {case.service}: {operation.state.value}. "), operation.why),
        f"Why it was tried: {case.why}.",
        "It is not tried again, and this automation does nothing more by itself on this service.",
        ("Once somebody has seen to it: ", Code(f"automation on {case.rule} --service {case.service}")),
    )
    return Text(lines, title=f"Automation {case.rule} of {case.service} failed and is off", state=State.FAIL)
