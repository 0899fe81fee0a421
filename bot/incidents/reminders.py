"""What an incident asks for when nobody thinks of it: rows of `due`, which outlive the program and fire once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.core.incident_acts import Duty
from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.ports import Chat
from bot.core.posts import post_once
from bot.core.prose import Line, Person, When
from bot.core.records import Due, Store, Unit
from bot.core.results import Text
from bot.incidents.acts import OPEN, RESOLVED
from bot.incidents.missing import is_outdated
from bot.incidents.pages import ANEW
from bot.incidents.severity import Severity

REMIND = "incident.remind"
"""The job that tells the incident's channel what is asked for, if it still is."""

SNOOZE = timedelta(minutes=30)

_GRAVE = (Severity.CRITICAL, Severity.HIGH)

log = structlog.get_logger(__name__)


class Remind(StrEnum):
    """What is asked for; the value is part of the verb that snoozes it."""

    UPDATE = "update"
    ROLES = "roles"
    REPORT = "report"


_AGAIN = {Remind.UPDATE: timedelta(minutes=30), Remind.REPORT: timedelta(days=1)}
"""How long after one reminder the next one comes; roles are asked for once."""


async def put_reminder(tx: Unit, number: int, what: Remind, at: datetime) -> None:
    """Ask at that moment, in place of the moment that was set before."""
    args = {"number": number, "what": what.value, "due": at.isoformat()}
    await tx.due.put(Due(REMIND, f"{what}:{number}", at, args))


async def drop_reminders(tx: Unit, number: int, *whats: Remind) -> None:
    """Ask no more."""
    for what in whats:
        await tx.due.drop(REMIND, f"{what}:{number}")


class Reminders:
    """Posts reminders that are due."""

    def __init__(self, *, store: Store, chat: Chat, clock: Clock) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock

    async def remind(self, number: int, what: str, due: str) -> None:
        """The job `REMIND`: once for each moment at which it is due, however often the job runs."""
        kind, key, now = Remind(what), f"{REMIND}:{number}:{what}:{due}", self._clock()
        async with self._store.transaction() as tx:
            incident = await tx.incidents.get(number)
            lines = await _asked(tx, incident, kind, now=now)
            if await tx.claims.claim(key, at=now) and (next_at := _again(incident, kind, lines, now=now)):
                await put_reminder(tx, number, kind, next_at)
        if not lines:
            return
        text = Text(tuple(lines), title=_TITLES[kind].format(number), buttons=_buttons(kind, number))
        try:
            await post_once(incident.channel, text, key=key, since=datetime.fromisoformat(due), chat=self._chat)
        except OutcomeUnknown:
            raise  # the queue tries again, and finds out whether it came through
        except IntegrationError as error:
            log.warning("reminder not posted", incident=number, what=what, reason=str(error))


async def snooze(ctx: Context, number: int, what: Remind, *, store: Store) -> Text:
    """Ask again later, for everybody; `Conflict` when it is done already."""
    at = ctx.now + SNOOZE
    async with store.transaction() as tx:
        incident = await tx.incidents.get(number)
        if not await _asked(tx, incident, what, now=ctx.now):
            raise Conflict("This is done already: there is nothing to put off.")
        await put_reminder(tx, number, what, at)
    put_off = ("Put off until ", When(at), " by ", Person(ctx.actor.user_id), ".")
    return Text((put_off,), title=_TITLES[what].format(number))


def _again(incident: Incident, what: Remind, asked: Sequence[Line], *, now: datetime) -> datetime | None:
    """When to look again; an update that came in the meantime has moved its own moment."""
    if what is Remind.UPDATE and incident.state == OPEN and incident.update_due_at and not asked:
        return incident.update_due_at
    return now + _AGAIN[what] if asked and what in _AGAIN else None


async def _asked(tx: Unit, incident: Incident, what: Remind, *, now: datetime) -> Sequence[Line]:
    """What to say; nothing where it is not asked for (any more)."""
    match what:
        case Remind.UPDATE:
            return _update(incident, now=now)
        case Remind.ROLES:
            return _roles(incident)
        case Remind.REPORT:
            return await _report(tx, incident)


async def _report(tx: Unit, incident: Incident) -> Sequence[Line]:
    if incident.state != RESOLVED:
        return ()
    report = await tx.reports.get(incident.number)
    if report is None:
        return (_to(incident.commander, "it is resolved, and its report is not drafted yet."),)
    outdated = "it is resolved, and its report is from before it was opened again."
    return (_to(incident.commander, outdated),) if await is_outdated(tx, report) else ()


def _update(incident: Incident, *, now: datetime) -> Sequence[Line]:
    due = incident.update_due_at
    if incident.state != OPEN or due is None or due > now:
        return ()
    whose = incident.communications or incident.commander
    return (("The next update was due at ", When(due), "."), _to(whose, "how does it stand?"))


def _roles(incident: Incident) -> Sequence[Line]:
    wanted = tuple(Duty) if incident.severity in _GRAVE else (Duty.COMMANDER,)
    empty = [duty.value for duty in wanted if not getattr(incident, duty)]
    if incident.state != OPEN or not empty:
        return ()
    return (f"Nobody is {' or '.join(empty)} yet.",)


def _to(whose: str, text: str) -> Line:
    return (Person(whose), ", ", text) if whose else text[:1].upper() + text[1:]


_TITLES = {
    Remind.UPDATE: "Incident {}: an update is due",
    Remind.ROLES: "Incident {}: roles are empty",
    Remind.REPORT: "Incident {}: the report is missing",
}


def _buttons(what: Remind, number: int) -> tuple[Button, ...]:
    act = {
        Remind.UPDATE: Button("Post an update", "incident.update", str(number), Style.PRIMARY),
        Remind.ROLES: Button("Fill a role", "incident.role", str(number), Style.PRIMARY),
        Remind.REPORT: Button("Draft the report", ANEW, str(number), Style.PRIMARY),
    }
    return (act[what], Button("Remind me in 30 minutes", f"incident.snooze.{what}", str(number)))
