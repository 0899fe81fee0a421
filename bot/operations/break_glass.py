"""A risky change without its second person: who may, who is told of it, and that somebody looks at it afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from bot.core.command import Context
from bot.core.errors import IntegrationError, NotAllowed
from bot.core.incidents import tellable
from bot.core.parts import Button
from bot.core.plan import Call
from bot.core.ports import Chat
from bot.core.prose import Bold, Line, Person
from bot.core.records import Operation, Store
from bot.core.results import Text
from bot.operations.planning import Planner
from bot.operations.rows import glass_broken
from bot.operations.showing import Showing
from bot.operations.trail import Trail

Commanders = Callable[[], Awaitable[Collection[str]]]
"""Ids of the people who have the role commander or a higher one."""


async def nobody() -> Collection[str]:
    """The commanders where none are known: only the channel is told."""
    return ()


class BreakGlass:
    """For the one who is alone at night. `two_people` are the commands that never run so, besides those that say it."""

    def __init__(
        self,
        *,
        store: Store,
        planner: Planner,
        chat: Chat,
        showing: Showing,
        trail: Trail,
        commanders: Commanders,
        two_people: Collection[str],
    ) -> None:
        self._store = store
        self._planner = planner
        self._chat = chat
        self._showing = showing
        self._trail = trail
        self._commanders = commanders
        self._two_people = two_people

    def permit(self, call: Call) -> None:
        """Raise `NotAllowed` when the command takes two people whatever happens."""
        command = self._planner.command(call)
        if not command.break_glass or command.name in self._two_people:
            raise NotAllowed(
                f'"{command.name}" takes two people, always.',
                hint="Leave out --break-glass, and a commander can approve.",
            )

    async def tell(self, operation_id: str) -> None:
        """Tell the channel and every commander; `IntegrationError` when somebody was not reached, to be tried again."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            elsewhere = await tellable(tx.incidents, operation.channel, glass_broken(operation))
        told = [operation.channel, *(user for user in await self._commanders() if user != operation.requester)]
        missed = [error for whom in told if whom and (error := await self._unreached(operation, whom, elsewhere))]
        if missed:
            raise missed[0]

    async def _unreached(self, operation: Operation, whom: str, elsewhere: str) -> IntegrationError | None:
        """Why a channel or a person was not told; one who cannot be reached must not keep it from the others."""
        try:
            is_own = whom == operation.channel
            channel = whom if is_own else await self._chat.direct(whom)
            notice = _notice(operation, glass_broken(operation) if is_own else elsewhere)
            key = f"break_glass:{operation.id}:{whom}"
            await self._showing.post_once(channel, notice, key=key, since=operation.proposed_at)
        except IntegrationError as error:
            return error
        return None

    async def review(self, ctx: Context, operation_id: str) -> Text:
        """Somebody else, at least a commander, has looked at it."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            if ctx.actor.user_id == operation.requester:
                raise NotAllowed("You ran this change yourself, so somebody else has to review it.")
            if await tx.operations.review(operation_id, by=ctx.actor.user_id):
                data = {"operation": operation_id, "hash": operation.plan_hash}
                await self._trail.add(tx, "review", actor=ctx.actor.user_id, data=data)
            operation = await tx.operations.get(operation_id)
            why = glass_broken(operation)
            if ctx.channel_id != operation.channel:
                why = await tellable(tx.incidents, operation.channel, why)
        return Text(
            (*_words(operation, why), ("Reviewed by ", Person(operation.reviewed_by), ".")), title="Break-glass"
        )


def _words(operation: Operation, why: str) -> tuple[Line, ...]:
    return (
        (Bold(f"{operation.plan.title} on {operation.service} ({operation.environment})"),),
        (Person(operation.requester), f" ran it without a second person: {why}"),
    )


def _notice(operation: Operation, why: str) -> Text:
    return Text(
        _words(operation, why),
        title="Break-glass",
        buttons=(Button("I have reviewed it", "operation.review", operation.id),),
    )
