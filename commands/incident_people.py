"""Who sees to an incident: duties, handing over, calling people."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from bot.core.command import Click, Command, Context, Filling, Root
from bot.core.errors import Conflict
from bot.core.incident_acts import Duty
from bot.core.incident_results import IncidentCard
from bot.core.parse import option, person, words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.prose import Line, Person
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents.acts import said
from bot.incidents.asking import Which
from bot.incidents.cards import read_card
from bot.incidents.duties import give
from bot.incidents.handover import hand_over
from bot.incidents.lookup import find_incident, incident_of_row
from bot.incidents.paging import ON_CALL, Reach, answer, raise_alarm
from bot.incidents.rules import IncidentRules


class Assigned(Which):
    """A duty and who has it from now on."""

    role: Duty = Field(description="What they see to.")
    person: str = person("", "Who does it; you, if nobody is named.")
    handover: str = words("", "What the next one has to know; it is told in the channel and kept.", prose=True)
    leave: bool = option(default=False, description="Give it up, so that nobody has it.")


class Shift(Which):
    """What the next shift has to know."""

    text: str = words(..., "What is known, what was tried, what to watch.", prose=True, lines=True)
    to: str = person("", "Who leads from now on; if nobody is named the commander stays.", named=True)


class Called(Which):
    """Whom to call."""

    whom: str = Field(ON_CALL, description="@name, a duty such as commander, on-call, or a contact such as security.")
    text: str = words("", "What they are needed for.", prose=True)
    person: str = person("", "Whom, in place of the word.", named=True)


async def role(ctx: Context, args: Assigned, *, store: Store, chat: Chat) -> Text:
    """Take a duty, give it to somebody, or hand it over with what they have to know."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    to = "" if args.leave else args.person or ctx.actor.user_id
    text, attempts = await give(ctx, incident, args.role, to=to, handover=args.handover, store=store, chat=chat)
    return Text((said(ctx.actor.user_id, text), *attempts.said))


async def handover(ctx: Context, args: Shift, *, store: Store, chat: Chat) -> Text:
    """Hand an incident over to the next shift: a summary from the record with your words, told in its channel.

    With --to, that person is its commander from then on.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    return await hand_over(ctx, incident, text=args.text, to=args.to, store=store, chat=chat)


async def page(ctx: Context, args: Called, *, store: Store, rules: IncidentRules, reach: Reach) -> Text:
    """Call somebody: through the paging system where one is configured, and in Slack with a button to answer.

    If nobody answers in time the next one is called: who is on call, then the contacts, in their order. Of a private
    incident nobody but who is named is called.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    whom = args.person or args.whom
    mentioned = whom.removeprefix("<@").removesuffix(">").partition("|")[0]
    alarm = await reach.alarm(ctx, incident, mentioned)
    async with store.transaction() as tx:
        await raise_alarm(tx, ctx, incident, alarm, rules=rules, text=args.text)
    first = alarm.chain[:1]
    lines: list[Line] = [("Called: ", *(Person(each) for each in first), "." if first else f"{alarm.target}.")]
    after = [part for each in alarm.chain[1:] for part in (", ", Person(each))][1:]
    lines += [("If nobody answers: ", *after, ".")] if after else []
    return Text((*lines, *alarm.others), title=f"Call to incident {incident.number}")


async def take(ctx: Context, row_id: str, *, store: Store, chat: Chat) -> IncidentCard:
    """Lead an incident that nobody leads."""
    incident = await incident_of_row(ctx, row_id, store)
    if incident.commander:
        raise Conflict("Somebody leads it already.", hint="role commander takes it over.")
    who = ctx.actor.user_id
    await give(ctx, incident, Duty.COMMANDER, to=who, handover="", store=store, chat=chat, tell=True)
    async with store.transaction() as tx:
        return await read_card(tx, await tx.incidents.get(incident.number))


async def answer_page(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Say that one is on it."""
    return await answer(ctx, row_id, store=store)


async def ask_role(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask which duty, and who."""
    await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "role"), kept={"incident": row_id})


async def ask_page(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask whom to call."""
    await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "page"), given={"whom": ON_CALL}, kept={"incident": row_id})


_command = partial(Command, role=Role.RESPONDER, root=Root.INCIDENT)

COMMANDS = (
    _command(
        ("role",),
        Assigned,
        run=role,
        examples=("commander", "scribe @ben", "commander @ben the provider calls back at 15:00", "scribe --leave"),
        public=True,
    ),
    _command(("handover",), Shift, run=handover, examples=("Queue drains, watch the backlog until 18:00 --to @ben",)),
    _command(("page",), Called, run=page, examples=("", "@ben the database is full", "security keys were used")),
)
CLICKS = (
    Click("incident.take", take, role=Role.RESPONDER),
    Click("incident.role", ask_role, role=Role.RESPONDER),
    Click("incident.page", ask_page, role=Role.RESPONDER),
    Click("incident.answer", answer_page),
)
