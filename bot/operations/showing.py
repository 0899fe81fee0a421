"""Cards in Slack that follow the rows; Slack being away never holds up an operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import structlog

from bot.core.errors import IntegrationError
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, MessageRef
from bot.core.posts import post_once
from bot.core.records import Operation, Store
from bot.core.results import Failure, OperationState, PlanCard, PlanState, Progress, Result
from bot.operations.cards import plan_card, progress_card
from bot.operations.rows import needs_approver, touches_same

BETWEEN_UPDATES = 1.0
"""Seconds between two updates of a card."""

_OUTSIDE = {"not_in_channel", "user_not_in_channel", "channel_not_found", "is_archived"}
"""What Slack says when the bot cannot post in a channel, or not to that person there."""

log = structlog.get_logger(__name__)


class Showing:
    """Posts and updates the cards of operations, from their rows and nothing else."""

    def __init__(self, *, store: Store, chat: Chat) -> None:
        self._store = store
        self._chat = chat

    async def show(self, operation_id: str) -> None:
        """Make Slack show what the rows say; `IntegrationError` when it cannot, to be tried again."""
        operation, progress = await self._read(operation_id)
        match operation.plan_state:
            case PlanState.PROPOSED:
                await self._show_plan(operation)
            case PlanState.AWAITING_APPROVAL:
                await self._ask_for_approval(operation)
            case PlanState.ACCEPTED:
                await self._show_progress(operation, progress)
            case _:
                await self._close_plan(operation)

    @asynccontextmanager
    async def following(self, operation_id: str) -> AsyncIterator[Callable[[], None]]:
        """Keep the progress card up to date meanwhile; call what is handed out whenever something has changed."""
        changed = asyncio.Event()
        task = asyncio.create_task(self._follow(operation_id, changed))
        try:
            yield changed.set
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self, operation_id: str, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                operation, progress = await self._read(operation_id)
                if operation.card:
                    await self._chat.update(operation.card, progress)
            except IntegrationError as error:
                log.warning("card not updated", operation=operation_id, error=str(error))
            await asyncio.sleep(BETWEEN_UPDATES)

    async def _read(self, operation_id: str) -> tuple[Operation, Progress]:
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            rows = await tx.operations.steps(operation_id)
            active = await tx.leases.active(service=operation.service)
            waits_for = None
            if operation.state is OperationState.QUEUED:
                ahead = (other for other in await tx.operations.running() if touches_same(other, operation))
                waits_for = next((other for other in ahead if other.state is OperationState.RUNNING), None)
        leases = [lease for lease in active if lease.operation_id == operation_id]
        return operation, progress_card(operation, rows, leases=leases, waits_for=waits_for)

    async def _show_progress(self, operation: Operation, progress: Progress) -> None:
        """Show it, and look again: who slept in between has put what was over what is."""
        card = operation.card
        if card:
            await self._chat.update(card, progress)
        else:
            card = await self._post(operation, progress)
            async with self._store.transaction() as tx:
                await tx.operations.set_card(operation.id, card)
        _, latest = await self._read(operation.id)
        if latest != progress:
            await self._chat.update(card, latest)

    async def _post(self, operation: Operation, progress: Progress) -> MessageRef:
        """The card in the operation's channel, or with the requester when the bot cannot post there."""
        key = f"operation:{operation.id}"
        try:
            return await self.post_once(operation.channel, progress, key=key, since=operation.proposed_at)
        except IntegrationError as error:
            if error.hint not in _OUTSIDE or operation.requester == AUTOMATIC.user_id:
                raise
        return await self._post_directly(operation, progress, key=key)

    async def _post_directly(
        self, operation: Operation, result: Progress | PlanCard | Failure, *, key: str = ""
    ) -> MessageRef:
        return await self._chat.post(await self._chat.direct(operation.requester), result, key=key)

    async def post_once(self, channel: str, result: Result, *, key: str, since: datetime) -> MessageRef:
        """Post under `key`; a second attempt first looks for the post whose record was lost, back to `since`."""

        async def is_first() -> bool:
            async with self._store.transaction() as tx:
                return await tx.claims.claim(key, at=since)

        return await post_once(channel, result, key=key, since=since, chat=self._chat, is_first=is_first)

    async def _show_plan(self, operation: Operation) -> None:
        try:
            await self._chat.whisper(operation.channel, operation.requester, plan_card(operation))
        except IntegrationError as error:
            if error.hint not in _OUTSIDE:
                raise
            await self._post_directly(operation, plan_card(operation))

    async def _ask_for_approval(self, operation: Operation) -> None:
        try:
            key, since = _plan_key(operation), operation.proposed_at
            await self.post_once(operation.channel, plan_card(operation), key=key, since=since)
        except IntegrationError as error:
            if error.hint not in _OUTSIDE:
                raise
            async with self._store.transaction() as tx:
                await tx.operations.move_plan(operation.id, to=PlanState.CANCELLED, frm=(PlanState.AWAITING_APPROVAL,))
            why = f"{operation.plan.title} was not put up for approval: I cannot post in that channel."
            await self._post_directly(operation, Failure(why, hint="Invite me there and type the command again."))

    async def _close_plan(self, operation: Operation) -> None:
        """Take the buttons off a plan that is in the channel; the answer to a command is only its reader's."""
        if needs_approver(operation):
            message = await self._chat.find(operation.channel, _plan_key(operation), since=operation.proposed_at)
            if message:
                await self._chat.update(message, plan_card(operation))


def _plan_key(operation: Operation) -> str:
    return f"plan:{operation.id}"
