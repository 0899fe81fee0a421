"""The pinned card of an incident, kept up to date, and its channel, which hears of what was done elsewhere."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.posts import post_once
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents.acts import said
from bot.incidents.cards import read_card
from bot.incidents.channel import topic as topic_of

_OPENING = timedelta(minutes=2)
"""How long a new incident is left to whoever declared it, who posts its first card."""

_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

log = structlog.get_logger(__name__)


class Live:
    """Shows incidents as they stand."""

    def __init__(self, *, store: Store, chat: Chat, clock: Clock) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock

    async def show(self, number: int, entry: str, *, topic: bool) -> None:
        """The job `SHOW`: tell an entry in the channel, once, and bring the card, and the topic, up to date."""
        async with self._store.transaction() as tx:
            incident = await tx.incidents.get(number)
        if not incident.channel:
            return  # the card that it begins with will show how it stands then
        try:
            if entry:
                await self._tell(incident, entry)
            await self._refresh(incident)
            if topic and incident.own_channel:
                await self._chat.set_topic(incident.channel, topic_of(incident))
        except OutcomeUnknown:
            raise  # the queue tries again
        except IntegrationError as error:
            log.warning("incident not shown", incident=number, reason=str(error), code=error.hint)

    async def _tell(self, incident: Incident, entry_id: str) -> None:
        async with self._store.transaction() as tx:
            entry = await tx.entries.get(entry_id)
        if entry.message:
            return
        text = Text((said(entry.author, entry.text or f"{entry.kind.capitalize()}."),))
        message = await post_once(incident.channel, text, key=entry.id, since=entry.at, chat=self._chat)
        async with self._store.transaction() as tx:
            await tx.entries.set_message(entry.id, message)

    async def _refresh(self, incident: Incident) -> None:
        """Update the card; where it is gone, or never came, post another one, which says so."""
        async with self._store.transaction() as tx:
            card = await read_card(tx, incident)
        if incident.card:
            try:
                await self._chat.update(incident.card, card)
            except IntegrationError as error:
                if error.hint not in _GONE:
                    raise
                log.warning("card is posted anew", incident=incident.number, code=error.hint)
            else:
                return
        elif self._clock() - incident.opened_at < _OPENING:
            return
        key = f"incident.card:{incident.number}:{incident.version}"
        posted = await post_once(incident.channel, card, key=key, since=incident.opened_at, chat=self._chat)
        async with self._store.transaction() as tx:
            await tx.incidents.set_card(incident.number, posted)
        await self._chat.pin(posted)
