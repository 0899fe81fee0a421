"""The one message of each group: posted once, changed as the group changes, at most once every few seconds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.alerts.cards import group_card
from bot.core.alert_looks import SHOW, look
from bot.core.alerts import GroupView
from bot.core.clock import Clock
from bot.core.errors import IntegrationError, NotFound
from bot.core.ports import Chat, MessageRef
from bot.core.posts import post_alone
from bot.core.records import Due, Store

WAKE = "alerts.wake"
"""The job that comes when a silence ends, with `group_id` as its argument."""

_AGAIN = timedelta(seconds=30)
_CLOCKS_APART = timedelta(minutes=5)
"""How far Slack's clock and ours may differ when a post is looked for."""

_GONE = "message_not_found"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GroupMessages:
    """Shows groups; of one group one look at a time is under way, and it plans the next if there is need of one."""

    store: Store
    chat: Chat
    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The jobs by their names."""
        return {SHOW: self.show, WAKE: self.wake}

    async def show(self, group_id: str) -> None:
        """Post or change the message. What Slack does not take is tried again until it does."""
        try:
            async with self.store.transaction() as tx:
                view = await tx.alerts.view(group_id, now=self.clock())
        except NotFound:
            return
        try:
            message = await self._brought(view)
        except IntegrationError as error:
            log.warning("alert not shown", group=group_id, channel=view.group.channel, error=str(error))
            await self._later(group_id)
            return
        async with self.store.transaction() as tx:
            if view.silence:
                await tx.due.put(Due(WAKE, group_id, view.silence.until, {"group_id": group_id}))
            if again := await tx.alerts.shown(view, message, at=self.clock()):
                await tx.due.put(Due(SHOW, group_id, again, {"group_id": group_id}))

    async def wake(self, group_id: str) -> None:
        """Show a group whose silence is over, unless it came and went without a message."""
        now = self.clock()
        try:
            async with self.store.transaction() as tx:
                view = await tx.alerts.view(group_id, now=now)
                if view.firing or view.group.message:
                    await look(tx, [group_id], now=now)
        except NotFound:
            return

    async def _brought(self, view: GroupView) -> MessageRef | None:
        """The message as it stands in Slack now; None where a silence keeps it from being posted."""
        group, card = view.group, group_card(view)
        message = group.message
        if message:
            try:
                await self.chat.update(message, card)
            except IntegrationError as error:
                if error.hint != _GONE:
                    raise
                message = None
            else:
                return message
        if view.silence:
            return None
        key = f"{SHOW}:{group.id}" if group.message is None else f"{SHOW}:{group.id}:{group.message.ts}"
        began, since = time.monotonic(), group.opened_at - _CLOCKS_APART
        found = await self.chat.find(group.channel, key, since=since)
        if found is None:
            return await post_alone(group.channel, card, key=key, since=since, chat=self.chat, began=began)
        await self.chat.update(found, card)
        return found

    async def _later(self, group_id: str) -> None:
        until = self.clock() + _AGAIN
        async with self.store.transaction() as tx:
            await tx.alerts.postpone(group_id, until=until)
            await tx.due.put(Due(SHOW, group_id, until, {"group_id": group_id}))
