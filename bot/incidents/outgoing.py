"""Events of incidents for another system: signed, at least once, tried again for a day."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError, NotFound
from bot.core.incidents import EVENT, Entry, Incident
from bot.core.people import AUTOMATIC
from bot.core.plan import Json
from bot.core.ports import Http
from bot.core.records import Due, Store
from bot.core.signing import signed_headers

ID = "X-Opsbot-Event-Id"
"""Header with the event's id, which is the same for every copy."""

ATTEMPTS = 32
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=1)
"""How long after the first attempt the second comes, doubled each time up to the longest: a day in all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EventHook:
    """Where events go and what signs them; those of private incidents go too only where `private` says so."""

    url: str
    secret: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class IncidentEvents:
    """Delivers what the record of an incident says that was done to it; without a hook it forgets it."""

    hook: EventHook | None
    store: Store
    http: Http
    clock: Clock
    redact: Callable[[str], str]

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {EVENT: self.deliver}

    async def deliver(self, entry_id: str, attempt: int = 1) -> None:
        """Send one event, and plan another attempt when it was not taken with a 2xx."""
        if self.hook is None:
            return
        try:
            async with self.store.transaction() as tx:
                entry = await tx.entries.get(entry_id)
                incident = await tx.incidents.get(entry.incident)
        except NotFound:
            return  # taken out of the record since: it is no longer true
        if incident.private and not self.hook.private:
            return
        fault = await self._sent(self.hook, self._body(entry, incident), entry.id)
        if fault and attempt < ATTEMPTS:
            await self._again(entry_id, attempt, fault)
        elif fault:
            log.error("incident event given up", entry=entry_id, error=fault)
            await self._given_up(entry)

    async def _sent(self, hook: EventHook, body: str, event_id: str) -> str:
        """Why it was not taken; empty when it was."""
        headers = {
            "Content-Type": "application/json",
            ID: event_id,
            **signed_headers(hook.secret, body.encode(), now=self.clock()),
        }
        try:
            answer = await self.http.send("POST", hook.url, headers=headers, body=body)
        except IntegrationError as error:
            return str(error)
        taken = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        return "" if taken else f"It was answered with {answer.status}."

    async def _again(self, entry_id: str, attempt: int, fault: str) -> None:
        wait = min(_FIRST * 2 ** (attempt - 1), _LONGEST)
        log.warning("incident event not delivered", entry=entry_id, attempt=attempt, error=fault)
        async with self.store.transaction() as tx:
            again: Json = {"entry_id": entry_id, "attempt": attempt + 1}
            await tx.due.put(Due(EVENT, entry_id, self.clock() + wait, again))

    async def _given_up(self, entry: Entry) -> None:
        async with self.store.transaction() as tx:
            await tx.audit.append(
                at=self.clock(),
                actor=AUTOMATIC.user_id,
                kind=EVENT,
                data={"incident": entry.incident, "event": entry.id, "state": "given up"},
            )

    def _body(self, entry: Entry, incident: Incident) -> str:
        """What is sent; docs/alerts.md has it in words. The incident is as it stands now."""
        event = {
            "id": entry.id,
            "event": entry.kind,
            "at": _moment(entry.at),
            "by": entry.author,
            "text": self.redact(entry.text),
            "incident": {
                "number": incident.number,
                "title": self.redact(incident.title),
                "severity": incident.severity,
                "state": incident.state,
                "impact": self.redact(incident.impact),
                "channel": incident.channel,
                "commander": incident.commander,
                "private": incident.private,
                "opened_at": _moment(incident.opened_at),
                "resolved_at": _moment(incident.resolved_at),
            },
        }
        return json.dumps(event)


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
