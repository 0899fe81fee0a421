"""The end of what is "not normal": by itself when its time has come, or by a person's click."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import IntegrationError, OpsbotError, OutcomeUnknown
from bot.core.parts import Button
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat
from bot.core.posts import post_once
from bot.core.prose import Inline, Person, When
from bot.core.records import Due, Lease, Store
from bot.core.results import Failure, PlanState, Result, Text
from bot.operations.closing import TRY_END_AGAIN_AFTER
from bot.operations.planning import Planner, with_ends
from bot.operations.proposals import Proposals
from bot.operations.tasks import END_LEASE, REMIND, queue_run

log = structlog.get_logger(__name__)


class LeaseEnds:
    """Plans the inverse that each lease carries, from live state."""

    def __init__(self, *, store: Store, planner: Planner, proposals: Proposals, chat: Chat, clock: Clock) -> None:
        self._store = store
        self._planner = planner
        self._proposals = proposals
        self._chat = chat
        self._clock = clock

    async def end(self, lease_id: str) -> None:
        """Run the inverse of a lease whose time has come; nobody has to approve it, for it came with the lease."""
        lease = await self._get(lease_id)
        if lease.ended_at:
            return
        ctx = Context(AUTOMATIC, lease.channel, self._clock(), service=lease.service)
        try:
            plan = with_ends(await self._planner.plan(lease.inverse, ctx), lease.id)
        except OpsbotError as error:
            await self._put_off(lease, error)
            return
        operation = replace(
            self._proposals.draft(lease.inverse, ctx, plan),
            plan_state=PlanState.ACCEPTED,
            automatic="Its time was over: ended by itself.",
        )
        async with self._store.transaction() as tx:
            # This job may come twice, also at once: a lease that is on its way to its end needs no second operation.
            lease = await tx.leases.lock(lease_id)
            coming = any(other.automatic and lease.id in other.plan.ends for other in await tx.operations.running())
            if not lease.ended_at and not coming:
                await self._proposals.record(tx, operation)
                await queue_run(tx, operation)

    async def remind(self, lease_id: str) -> None:
        """Tell the lease's channel, once, that it ends soon; nothing when it has ended, or its time is over already."""
        lease = await self._get(lease_id)
        if lease.ended_at or lease.until is None or lease.until <= self._clock():
            return
        await self._tell(lease, f"{REMIND}:{lease.id}", _reminder(lease, lease.until))

    async def undo(self, ctx: Context, lease_id: str, *, show: bool) -> Result | None:
        """Put the inverse of a lease before the one who asks for it; None when `show` puts it in the channel."""
        lease = await self._get(lease_id)
        if lease.ended_at:
            return Text((("Ended already, by ", Person(lease.ended_by), " ", When(lease.ended_at), "."),))
        ctx = replace(ctx, service=lease.service)
        answer = await self._proposals.propose(lease.inverse, ctx, ends=(lease.id,), show=show)
        return None if show else answer

    async def _get(self, lease_id: str) -> Lease:
        async with self._store.transaction() as tx:
            return await tx.leases.get(lease_id)

    async def _put_off(self, lease: Lease, error: OpsbotError) -> None:
        """Try again later, and say so once: what does not end by itself needs a person."""
        key, again_at = f"lease_not_ended:{lease.id}", self._clock() + TRY_END_AGAIN_AFTER
        async with self._store.transaction() as tx:
            await tx.due.put(Due(END_LEASE, lease.id, again_at, {"lease_id": lease.id}))
            if await tx.claims.taken(key):
                return
        why = f"The time of {lease.kind} on {lease.target} is over, and it could not be ended: {error}"
        minutes = f"{TRY_END_AGAIN_AFTER / timedelta(minutes=1):.0f} minutes"
        await self._tell(lease, key, Failure(why, hint=f"I try again every {minutes}."))
        async with self._store.transaction() as tx:
            await tx.claims.claim(key, at=self._clock())

    async def _tell(self, lease: Lease, key: str, result: Result) -> None:
        """Post it once in the lease's channel; what Slack refuses is in the log, and the end has a card of its own."""
        try:
            await post_once(lease.channel, result, key=key, since=lease.since, chat=self._chat)
        except OutcomeUnknown:
            raise  # the queue tries again, and finds out whether it came through
        except IntegrationError as error:
            log.warning("lease not told of", lease=lease.id, key=key, reason=str(error))


def _reminder(lease: Lease, until: datetime) -> Text:
    held: tuple[Inline, ...] = (f"Held by {lease.owner}, asked for by ", Person(lease.by))
    return Text(
        title=f"{lease.kind.capitalize()} of {lease.service} ends soon",
        lines=(
            ("It ends by itself at ", When(until), "."),
            (*held, f": {lease.reason or 'no reason given'}"),
            "To keep it, type its command again: the new time takes the place of this one.",
        ),
        buttons=(Button("End now", "lease.undo", lease.id),),
    )
