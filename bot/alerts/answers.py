"""Telling a source that somebody is on its alerts, where it can be told, so that it wakes nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.core.alert_looks import look
from bot.core.alerts import GroupView
from bot.core.clock import Clock
from bot.core.errors import NotFound, OpsbotError, OutcomeUnknown, Unreachable
from bot.core.fleet import Fleet
from bot.core.pager import AlertSource
from bot.core.plan import Json
from bot.core.records import Due, Store

ANSWER = "alerts.answer"
"""The job that tells the source of a group, with `group_id` as its argument."""

ANSWERED = {"pagerduty": "PagerDuty", "jira": "Jira Service Management"}
"""Sources that can be told, by what people call them."""

ATTEMPTS = 8
_FIRST = timedelta(seconds=15)
"""After the first attempt, doubled each time: half an hour in all."""

_MOST = 100
"""Alerts of a group that are told of."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """Tells sources, and has the group's message say what came of it."""

    store: Store
    fleet: Fleet
    clock: Clock
    redact: Callable[[str], str]

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {ANSWER: self.tell}

    async def tell(self, group_id: str, attempt: int = 1) -> None:
        """Tell the source of every alert that fires; again later where it could not be reached."""
        try:
            async with self.store.transaction() as tx:
                view = await tx.alerts.view(group_id, now=self.clock(), worst=_MOST)
        except NotFound:
            return
        if view.group.resolved_at or not view.group.acknowledged_at:
            return
        name = ANSWERED[view.group.source]
        later = False
        try:
            said = await self._told(view, name)
        except OpsbotError as error:
            later = isinstance(error, OutcomeUnknown | Unreachable) and attempt < ATTEMPTS
            again = "I try again." if later else "Acknowledge it there too."
            said = self.redact(f"{name} may not know it: {error} {again}")
            log.warning("source not told of an acknowledgement", group=group_id, attempt=attempt, error=str(error))
        async with self.store.transaction() as tx:
            await tx.alerts.note_source(group_id, said)
            await look(tx, [group_id], now=self.clock())
            if later:
                args: Json = {"group_id": group_id, "attempt": attempt + 1}
                await tx.due.put(Due(ANSWER, group_id, self.clock() + _FIRST * 2 ** (attempt - 1), args))

    async def _told(self, view: GroupView, name: str) -> str:
        systems = [
            system
            for system in (each.port(AlertSource) for each in self.fleet.services if AlertSource in each.ports)
            if system.source == view.group.source
        ]
        if not systems:
            raise NotFound(f"no service has {name} configured.")
        told = ""
        for row in view.worst:
            told = await _first_that_knows(systems, row.fingerprint)
        return f"{told}."


async def _first_that_knows(systems: Sequence[AlertSource], alert_id: str) -> str:
    """Which account an alert is of its webhook does not say: those of other services are asked too."""
    *others, last = systems
    for system in others:
        try:
            return await system.acknowledge_alert(alert_id)
        except NotFound:
            continue
    return await last.acknowledge_alert(alert_id)
