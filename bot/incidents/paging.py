"""Calling people to an incident: by the paging system where there is one, and in Slack; the next one if nobody answers.

Who is called is decided when the page is made, so that nothing that fails later can leave it without anybody.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.command import Context
from bot.core.contacts import Contacts
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound
from bot.core.fleet import Fleet
from bot.core.incident_acts import Duty, Paged
from bot.core.incidents import Incident
from bot.core.oncall import OnCall
from bot.core.pager import Pager
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat
from bot.core.prose import Line, Person, When
from bot.core.records import Due, Store, Unit
from bot.core.results import Text
from bot.incidents.acts import OPEN, PAGED, change
from bot.incidents.people import mention, names_of
from bot.incidents.rules import IncidentRules

CALL, PASS_ON, ANSWERED, STAND_DOWN = (
    "incident.call",
    "incident.pass_on",
    "incident.answered",
    "incident.stand_down",
)
"""Jobs: call whose turn it is; go on to the next; bring the messages of a page up to date; end it in the pager."""

ON_CALL = "on-call"
"""Whom a page calls when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Whom to call: in words, as Slack users in their order, and as the paging system calls them.

    `others` are contacts whom Slack does not reach, in a sentence each.
    """

    whom: str
    chain: tuple[str, ...]
    target: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of whom one can call."""

    on_call: OnCall
    contacts: Contacts
    fleet: Fleet
    chat: Chat

    def pager(self, about: Sequence[str]) -> Pager | None:
        """The paging system of these services, else the first that there is."""
        services = sorted(self.fleet.services, key=lambda service: service.name not in about)
        found = (service.port(Pager) for service in services if Pager in service.ports)
        return next(found, None)

    async def alarm(self, ctx: Context, incident: Incident, whom: str) -> Alarm:
        """Whom `whom` means: a Slack user id, a duty in the incident, `on-call`, a contact, a target of the pager.

        Of an incident that is private only those who are named are called, and nobody in their place. `NotFound` says
        whom one can name.
        """
        duties = {duty.value: getattr(incident, duty) for duty in Duty}
        pager = self.pager(incident.services)
        targets = pager.targets if pager else ()
        word = whom.strip().casefold().replace(" ", "-")
        named = [
            each for each in self.contacts.entries if word and each.role.casefold().replace(" ", "-").startswith(word)
        ]
        known = [each for each in named if not each.is_placeholder]
        on_duty = await self._on_duty(ctx)
        if word in duties:
            if not duties[word]:
                raise NotFound(f"Nobody is {word}.", hint="role says who is.")
            first: Sequence[str] = (duties[word],)
        elif word == ON_CALL:
            first = on_duty[:1] if incident.private else on_duty
        elif known:
            first = [each.contact for each in known if each.is_slack_user]
        elif word in targets:
            first = ()
        elif whom[:1] in {"U", "W"} and whom.isupper():
            first = (whom,)
            whom = (await names_of(first, self.chat)).get(whom, whom)  # `UX` is spelt like an id and is none
        else:
            there = [
                *duties,
                ON_CALL,
                *targets,
                *(each.role for each in self.contacts.entries if not each.is_placeholder),
            ]
            raise NotFound(f"I do not know whom {whom} is.", hint=f"Name a person by @, or one of: {', '.join(there)}.")
        fallback = () if incident.private else (*on_duty, *self._contacts())
        target = word if word in targets else (targets[0] if targets and word == ON_CALL else "")
        others = tuple(
            f"{each.role}: tell {each.contact}, whom Slack does not reach." for each in known if not each.is_slack_user
        )
        alarm = Alarm(whom, tuple(dict.fromkeys((*first, *fallback))), target, others)
        if not alarm.chain and not target:
            raise NotFound(
                f"Nobody can be called for {whom}.", hint=" ".join(others) or "Configure on_call or contacts."
            )
        return alarm

    async def on_call_now(self, ctx: Context, about: Sequence[str]) -> Alarm | None:
        """Whoever is on call, where nobody asked for them; None where nobody can be called, or it is they who act."""
        duty = await self._on_duty(ctx)
        if ctx.actor.user_id in (duty if self.on_call.group else duty[:1]):
            return None
        pager, chain = self.pager(about), (*duty, *self._contacts())
        target = pager.targets[0] if pager else ""
        return Alarm(ON_CALL, tuple(dict.fromkeys(chain)), target) if chain or target else None

    async def _on_duty(self, ctx: Context) -> tuple[str, ...]:
        """Whose turn it is, and who comes after."""
        if self.on_call.group:
            try:
                return await self.chat.group_members(self.on_call.group)
            except IntegrationError:
                return ()
        shift = self.on_call.shift(ctx.now)
        return (shift.person, shift.then) if shift else ()

    def _contacts(self) -> tuple[str, ...]:
        return tuple(each.contact for each in self.contacts.entries if each.is_slack_user and not each.is_placeholder)


async def raise_alarm(
    tx: Unit, ctx: Context, incident: Incident, alarm: Alarm, *, rules: IncidentRules, text: str = ""
) -> Incident:
    """Have them called, with the next one's turn as a row that waits."""
    page = Paged(
        id=uuid.uuid4().hex,
        incident=incident.number,
        at=ctx.now,
        by=ctx.actor.user_id,
        whom=alarm.whom,
        text=text,
        chain=alarm.chain,
        target=alarm.target,
    )
    await tx.acts.page(page)
    await tx.jobs.defer(CALL, args={"page_id": page.id, "place": 0})
    await tx.due.put(Due(PASS_ON, page.id, ctx.now + rules.page_wait, {"page_id": page.id, "place": 0}))
    called = mention(page.turn) if page.turn else alarm.whom
    words = f"Called {called}" + (f": {text}" if text else "")
    return await change(tx, ctx, incident, PAGED, words, tell=False)  # the page itself stands in the channel


async def stand_down(tx: Unit, incident: Incident) -> None:
    """Have what stands in Slack, and the paging system, say that it is over and nobody is called any more."""
    for page in await tx.acts.pages(incident.number):
        if not page.answered_at:
            await tx.jobs.defer(ANSWERED, args={"page_id": page.id})
        if page.target:
            await tx.jobs.defer(STAND_DOWN, args={"page_id": page.id})


async def answer(ctx: Context, page_id: str, *, store: Store) -> Text:
    """Somebody is on it; `Conflict` says who was first."""
    who = ctx.actor.user_id
    async with store.transaction() as tx:
        page = await tx.acts.get_page(page_id)
        incident = await tx.incidents.get(page.incident)
        if incident.private and who not in page.chain and ctx.channel_id != incident.channel:
            raise NotAllowed("This call was for somebody else.")
        if not await tx.acts.answer_page(page_id, by=who, at=ctx.now):
            page = await tx.acts.get_page(page_id)
            raise Conflict("This call is answered already.", hint="Its message says who is on it.")
        await tx.due.drop(PASS_ON, page_id)
        await tx.jobs.defer(ANSWERED, args={"page_id": page_id})
        taken = replace(incident, acknowledged_at=incident.acknowledged_at or ctx.now)
        await change(tx, ctx, taken, "answered", f"On it: answered the call for {page.whom}", tell=False)
        page = await tx.acts.get_page(page_id)
    return page_text(page, incident)


def page_text(page: Paged, incident: Incident, *, notes: Sequence[Line] = ()) -> Text:
    """A page as it stands, for the incident's channel; what it is about is left out where it is a secret."""
    lines: list[Line] = [page.text] if page.text else []
    if page.answered_by:
        lines.append((Person(page.answered_by), " is on it", *_since(page), "."))
    elif incident.state != OPEN:
        lines.append("It is over: nobody has to answer any more.")
    elif page.turn:
        lines.append((Person(page.turn), ", you are called ", *called_by(page), "."))
    else:
        lines.append("Nobody is left to call: whoever reads this, take it or call somebody by telephone.")
    return Text((*lines, *notes), title=page_title(page, incident))


def page_title(page: Paged, incident: Incident) -> str:
    """The heading of a page, which is also its notification."""
    about = "" if incident.private else f" ({incident.severity}): {incident.title}"
    return f"Call for {page.whom}: incident {incident.number}{about}"


def called_by(page: Paged) -> tuple[str | Person, ...]:
    """Who called, as the end of a sentence."""
    return ("by the rules",) if page.by == AUTOMATIC.user_id else ("by ", Person(page.by))


def _since(page: Paged) -> tuple[str | When, ...]:
    return (" since ", When(page.answered_at)) if page.answered_at else ()
