"""Messages, reactions and pins into the record of incident channels, acked only once they are durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.incidents import OWN, Change, Message
from bot.core.marks import Mark
from bot.core.records import Store, Unit
from bot.incidents.backfills import read_again
from bot.operations.spills import Place, Spills
from bot.slack.captured import Captured, read
from bot.slack.client import Identity
from bot.slack.deliver import Redact
from bot.slack.inbound import Joined, MessageEvent, Posted, Recordable
from bot.store.batch import Batcher
from bot.views import scrubbed

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Message | Change)


class Recorder:
    """Stores what is said in the channels of incidents, the bot's own posts too, and nothing of other channels.

    In all channels it looks for live secrets: they are never stored, and `spills` is told.
    """

    def __init__(
        self, store: Store, *, identity: Identity, clock: Clock, redact: Redact, spills: Spills | None = None
    ) -> None:
        self._store = store
        self._own = identity
        self._clock = clock
        self._redact = redact
        self._spills = spills
        self._batches: Batcher[Captured, None] = Batcher(store, self._write)
        self._watched: set[str] = set()

    async def record(self, event: Recordable) -> None:
        """Return when the event is durable, or of no interest; raises what the store raised when it is not."""
        found = read(event)
        if isinstance(found, Message | Change) and isinstance(event, MessageEvent):
            found = await self.taken(found, event.message or event)
        if found is not None:
            await self._batches.add(found)

    async def posted(self, channel: str, message: Mapping[str, Any]) -> None:
        """Store a post of the bot's own from Slack's answer; where that fails, its event or the history has it."""
        try:
            await self.record(MessageEvent.model_validate({**message, "channel": channel, "event_ts": message["ts"]}))
        except IntegrationError as error:
            log.warning("own post not stored", channel=channel, reason=str(error))

    async def joined(self, event: Joined) -> None:
        """Have what was said in the channel of an incident read, once the bot is let in or let in again."""
        if event.user != self._own.user_id:
            return
        async with self._store.transaction() as tx:
            since = await tx.backfills.recorded_from(event.channel)
            if since is not None:
                await read_again(tx, event.channel, since=since, now=self._clock())

    async def taken(self, found: M, posted: Posted) -> M:
        """What is stored of it: own posts under a name of their own, and no live secret, which is marked as burnt."""
        own = self._own.user_id == posted.user or self._own.bot_id == posted.bot_id
        if own and isinstance(found, Message):
            found = replace(found, subtype=OWN)
        former = found.old_text if isinstance(found, Change) else ""
        text = found.text or ""
        if self._spills is None or not self._spills.holds(f"{text}\n{former}"):
            return found
        if self._spills.holds(text) and not own:
            user = "" if posted.bot_id else posted.user
            await self._spills.found(text, Place(found.channel, user, found.ts))
        return scrubbed(found, self._redact)

    async def _write(self, tx: Unit, entries: Sequence[Captured]) -> None:
        # A channel that is not watched is looked up again each time: it may become an incident's at any moment.
        for channel in {entry.channel for entry in entries} - self._watched:
            if await tx.incidents.in_channel(channel) is not None:
                self._watched.add(channel)
        kept = [entry for entry in entries if entry.channel in self._watched]
        messages = [entry for entry in kept if isinstance(entry, Message)]
        await tx.messages.record(messages, [entry for entry in kept if isinstance(entry, Change)])
        if marks := [entry for entry in kept if isinstance(entry, Mark)]:
            await tx.marks.add(marks)
