"""The beginning of an incident: its row first, then all that Slack gives it; a refusal is said and stops nothing.

A row of `due` waits until that is done: where the program ends in between, another one goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.alert_looks import look
from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.contacts import Contact, Contacts
from bot.core.errors import Busy, Conflict, IntegrationError, OutcomeUnknown, Unreachable, UsageError
from bot.core.incident_acts import Cycle, MomentKind, ToldMoment
from bot.core.incidents import Entry, Incident
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, MessageRef
from bot.core.posts import post_once
from bot.core.prose import Channel, Line, Person
from bot.core.records import Due, Store, Unit
from bot.core.results import Text
from bot.incidents.acts import DECLARED, OPEN, audit
from bot.incidents.attempts import WAITS, Attempts
from bot.incidents.backfills import begin_record
from bot.incidents.cards import read_card
from bot.incidents.channel import create_channel, topic
from bot.incidents.lifecycle import next_update
from bot.incidents.measured import measure_at_once
from bot.incidents.paging import Alarm, raise_alarm
from bot.incidents.recent import recent_changes
from bot.incidents.reminders import Remind, put_reminder
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity
from bot.incidents.similar import similar
from bot.incidents.timeline import NOTE

SET_UP = "incident.set_up"
"""The job that finishes what a declaration began."""

_WITHIN = timedelta(minutes=2)
"""What a declaration takes at most; after that somebody else finishes it."""

_GIVEN_UP_AFTER = timedelta(days=2)
"""How long Slack is asked again for what it was not there for."""

_LATER = (
    "Slack is not there for all of it just now. The incident stands in the store all the same: what is missing of its "
    "channel, card and people comes by itself as soon as Slack takes it."
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of an incident at first.

    `here` adopts the channel where it is said; `recorded_from` is set then. `alert` is the row that it is declared for.
    """

    severity: Severity
    title: str
    impact: str = ""
    services: tuple[str, ...] = ()
    private: bool = False
    here: bool = False
    recorded_from: datetime | None = None
    alert: str = ""


async def declare(
    ctx: Context,
    said: Declaration,
    *,
    store: Store,
    chat: Chat,
    rules: IncidentRules,
    contacts: Contacts,
    alarm: Alarm | None = None,
) -> Text:
    """Record a new incident, then give it a channel with a topic, a pinned card, bookmarks and people.

    It stands in the channel where it was typed until it has its own, a private one in the direct messages of who
    declares it. `Conflict` for a second delivery of one request, and where the channel to adopt has an open one.
    """
    who = ctx.actor.user_id
    if said.here and not ctx.channel_id.startswith(("C", "G")):
        raise UsageError("This is no channel that an incident could adopt.", hint="Type it in a channel.")
    place = await _place(ctx, said, chat)
    async with store.transaction() as tx:
        if ctx.trigger_id and not await tx.claims.claim(f"incident.open:{ctx.trigger_id}", at=ctx.now):
            raise Conflict("This incident has been declared already.")
        former = await tx.incidents.in_channel(place) if said.here else None
        if former and former.state == OPEN:
            raise Conflict(f"This is the channel of incident {former.number}, which is open.")
        incident = await tx.incidents.declare(
            Incident(
                number=0,
                title=said.title,
                severity=said.severity,
                state=OPEN,
                channel=place,
                commander=who,
                opened_by=who,
                opened_at=ctx.now,
                impact=said.impact,
                services=said.services,
                private=said.private,
                acknowledged_at=ctx.now,
                update_due_at=next_update(said.severity, rules, ctx.now),
                recorded_from=(said.recorded_from or ctx.now) if said.here else None,
            )
        )
        number = incident.number
        text = f"Declared as {said.severity}: {said.title}"
        await tx.entries.add(Entry(f"{DECLARED}:{number}", number, ctx.now, who, DECLARED, text))
        await audit(tx, ctx, incident, DECLARED)
        await tx.acts.put_cycle(Cycle(number, 1, ctx.now, who))
        await tx.due.put(_set_up_at(number, ctx.now + _WITHIN, attempt=0))
        await measure_at_once(tx, ctx.now)
        await put_reminder(tx, number, Remind.ROLES, ctx.now + rules.roles_within)
        if incident.update_due_at:
            await put_reminder(tx, number, Remind.UPDATE, incident.update_due_at)
        if said.alert:
            await _begin_with(tx, said.alert, incident, now=ctx.now)
        if incident.recorded_from:
            await begin_record(tx, place, since=incident.recorded_from, now=ctx.now)
        if alarm:
            incident = await raise_alarm(tx, ctx, incident, alarm, rules=rules, text=said.title)
    opening = Opening(store=store, chat=chat, rules=rules, contacts=contacts, clock=lambda: ctx.now)
    incident, refused = await opening.finish(incident)
    where: Line = ("It is run in ", Channel(incident.channel), ". ") if incident.card else ()
    lines: list[Line] = [(*where, "Commander: ", Person(who), ".")]
    if not said.private:
        lines += [f"Impact: {said.impact}"] if said.impact else []
    return Text((*lines, *refused), title=f"Incident {number} ({said.severity}): {said.title}")


async def _place(ctx: Context, said: Declaration, chat: Chat) -> str:
    """Where it stands until it has a channel; empty where there is none, and Slack is not there for another."""
    if ctx.channel_id and not said.private:
        return ctx.channel_id
    try:
        return await chat.direct(ctx.actor.user_id)
    except (OutcomeUnknown, Unreachable) as error:
        if said.private:
            raise Unreachable(
                "A private incident stands in Slack alone, which is not there just now: nothing was declared.",
                hint="Call whoever has to know, and declare it when Slack is back.",
            ) from error
        return ""


def _set_up_at(number: int, at: datetime, *, attempt: int) -> Due:
    return Due(SET_UP, str(number), at, {"number": number, "attempt": attempt})


async def _begin_with(tx: Unit, alert: str, incident: Incident, *, now: datetime) -> None:
    """Have the incident begin when its alert says that it began, and be detected when the alert was told of.

    `Conflict` where one was declared for it already: two people do not need two incidents.
    """
    view = await tx.alerts.view(alert, now=now)
    if view.group.incident:
        raise Conflict(f"Incident {view.group.incident} was declared for this alert already.")
    number, rows = incident.number, view.worst or ((view.last,) if view.last else ())
    for row in rows:
        text = f"{view.group.title} began, as its alert says: {row.title}"
        at = min(row.started_at, now)  # another system's clock may be ahead
        await tx.entries.add(Entry(f"{NOTE}:{row.id}:{number}", number, at, AUTOMATIC.user_id, NOTE, text))
    detected = min(view.group.opened_at, now)
    moments = {
        MomentKind.STARTED: min((detected, *(row.started_at for row in rows))),
        MomentKind.DETECTED: detected,
    }
    for kind, at in moments.items():
        await tx.acts.tell_moment(ToldMoment(number, incident.cycle, kind, at, AUTOMATIC.user_id, now))
    await tx.alerts.note_incident(alert, number)
    await look(tx, [alert], now=now)


class Opening:
    """Gives an incident all that it has in Slack; whatever is there already is left as it is."""

    def __init__(self, *, store: Store, chat: Chat, rules: IncidentRules, contacts: Contacts, clock: Clock) -> None:
        self._store = store
        self._chat = chat
        self._rules = rules
        self._contacts = contacts
        self._clock = clock

    async def set_up(self, number: int, attempt: int = 0) -> None:
        """The job `SET_UP`: finish it, and say in the channel what could not be done in the end."""
        async with self._store.transaction() as tx:
            incident = await tx.incidents.get(number)
        incident, refused = await self.finish(incident, attempt=attempt)
        if refused and _LATER not in refused:
            key = f"{SET_UP}:{number}"
            await post_once(incident.channel, Text(refused), key=key, since=incident.opened_at, chat=self._chat)

    async def finish(self, incident: Incident, *, attempt: int = 0) -> tuple[Incident, tuple[Line, ...]]:
        """The incident as it stands then, and a sentence on all that Slack refused.

        What Slack was not there for is done later by the job, of whatever replica is connected then.
        """
        attempts, number = Attempts(), incident.number
        words: tuple[Line, ...] = ()
        incident = await self._find_room(incident, attempts)
        if not attempts.missed:
            words = await self._furnish(incident, attempts)
        now = self._clock()
        async with self._store.transaction() as tx:
            if attempts.missed and now - incident.opened_at < _GIVEN_UP_AFTER:
                wait = WAITS[min(attempt, len(WAITS) - 1)]
                await tx.due.put(_set_up_at(number, now + wait, attempt=attempt + 1))
                words = (*words, _LATER, *attempts.refused, *attempts.next_steps)
            else:
                await tx.due.drop(SET_UP, str(number))
                words = (*words, *attempts.said)
            return await tx.incidents.get(number), words

    async def _find_room(self, incident: Incident, attempts: Attempts) -> Incident:
        """Give it a channel of its own; where Slack refuses one, and it has none, the direct messages of its opener."""
        number = incident.number
        if incident.own_channel or incident.recorded_from is not None:
            return incident
        creating = create_channel(incident, rules=self._rules, store=self._store, chat=self._chat)
        if channel := await attempts.to("create a channel", creating):
            async with self._store.transaction() as tx:
                await tx.incidents.set_channel(number, channel, own=True)
                await begin_record(tx, channel, since=incident.opened_at, now=self._clock())
                return await tx.incidents.get(number)
        if attempts.missed or incident.channel:
            return incident
        if direct := await attempts.to("open direct messages", self._chat.direct(incident.opened_by)):
            async with self._store.transaction() as tx:
                await tx.incidents.set_channel(number, direct, own=False)
                return await tx.incidents.get(number)
        return incident

    async def _furnish(self, incident: Incident, attempts: Attempts) -> tuple[Line, ...]:
        """Topic, card, bookmarks, what was before, people; what is to be told by people of a private one."""
        if incident.own_channel:
            await attempts.to("set the topic", self._chat.set_topic(incident.channel, topic(incident)))
        card = incident.card or await attempts.to("post the summary", self._post_card(incident))
        if card:
            await attempts.to("pin the summary", self._chat.pin(card))
            await self._bookmark(incident, card, attempts)
            await attempts.to("tell what changed before", self._tell_before(incident))
        security, words = self._security() if incident.private else ((), ())
        if incident.own_channel:
            await self._invite(incident, security if incident.private else self._rules.responders, attempts)
        return words

    async def _post_card(self, incident: Incident) -> MessageRef:
        async with self._store.transaction() as tx:
            result = await read_card(tx, incident)
        key = f"incident.card:{incident.number}"
        card = await post_once(incident.channel, result, key=key, since=incident.opened_at, chat=self._chat)
        async with self._store.transaction() as tx:
            await tx.incidents.set_card(incident.number, card)
        return card

    async def _bookmark(self, incident: Incident, card: MessageRef, attempts: Attempts) -> None:
        """Links that stay at the top of the channel; the first refusal stands for all."""
        links = [("Runbook", self._rules.runbook)] if self._rules.runbook else []
        summary = await attempts.to("link the summary", self._chat.permalink(card))
        links = [*([("Summary", summary)] if summary else []), *links]
        if links and incident.own_channel:
            await attempts.to("add bookmarks", self._add(incident, links))

    async def _add(self, incident: Incident, links: Sequence[tuple[str, str]]) -> None:
        """Each once: only what is known not to have been done is tried again."""
        for title, link in links:
            key = f"incident.bookmark:{incident.number}:{title}"
            async with self._store.transaction() as tx:
                if await tx.claims.taken(key):
                    continue
            try:
                await self._chat.bookmark(incident.channel, title, link)
            except (Busy, Unreachable):
                raise
            except IntegrationError:
                await self._claim(key)
                raise
            await self._claim(key)

    async def _claim(self, key: str) -> None:
        async with self._store.transaction() as tx:
            await tx.claims.claim(key, at=self._clock())

    async def _tell_before(self, incident: Incident) -> MessageRef:
        """What changed before, and incidents that read alike."""
        async with self._store.transaction() as tx:
            changes = await recent_changes(tx, services=incident.services, now=incident.opened_at)
            alike = similar(incident, await tx.incidents.past())
        lines: list[Line] = ["Changed in the 24 hours before:", *changes] if changes else []
        lines += [] if changes else ["I changed nothing in the 24 hours before; what others did by hand I do not see."]
        lines += ["Incidents that read alike:"] if alike else []
        lines += [
            (f"{each.number} ({each.severity}, {each.state}): {each.title} ", Channel(each.channel)) for each in alike
        ]
        text = Text(tuple(lines), title="Before this incident")
        key = f"incident.before:{incident.number}"
        return await post_once(incident.channel, text, key=key, since=incident.opened_at, chat=self._chat)

    async def _invite(self, incident: Incident, responders: Sequence[str], attempts: Attempts) -> None:
        """Ask in whoever declared it and the responders, one by one: a refusal for one is none for the others."""
        people = [incident.opened_by]
        for responder in responders:
            if responder.startswith("S"):
                people += await attempts.to("ask who is in a user group", self._chat.group_members(responder)) or ()
            else:
                people.append(responder)
        for user in dict.fromkeys(people):
            await attempts.to(("invite ", Person(user)), self._ask_in(incident.channel, user))

    async def _ask_in(self, channel: str, user: str) -> None:
        try:
            await self._chat.invite(channel, [user])
        except IntegrationError as error:
            if error.hint != "already_in_channel":
                raise

    def _security(self) -> tuple[tuple[str, ...], tuple[Line, ...]]:
        """Whom a private incident asks in, and whom people have to tell by themselves."""
        known = [
            each for each in self._contacts.entries if "security" in each.role.casefold() and not each.is_placeholder
        ]
        words = tuple(map(_tell, known)) or ("No security contact is configured that anybody could reach.",)
        return tuple(each.contact for each in known if each.is_slack_user), words


def _tell(contact: Contact) -> Line:
    if contact.is_slack_user:
        return (f"{contact.role}: ", Person(contact.contact), ", asked in.")
    return f"{contact.role}: tell {contact.contact}, whom Slack does not reach."
