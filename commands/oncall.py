"""Who is on call."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.command import Args, Command, Context
from bot.core.contacts import Contacts
from bot.core.errors import IntegrationError
from bot.core.oncall import OnCall, Shift
from bot.core.parts import State
from bot.core.ports import Chat
from bot.core.prose import Inline, Line, Person, When
from bot.core.results import Field, Fields, Result, Text


class Nothing(Args):
    """Nothing."""


async def oncall(ctx: Context, _args: Nothing, *, on_call: OnCall, contacts: Contacts, chat: Chat) -> Result:
    """Show who is on call now, until when, and who is next; who cannot be reached is never shown as if they could."""
    if on_call.group:
        return await _of_group(on_call.group, chat)
    if shift := on_call.shift(ctx.now):
        return await _of_rota(shift, chat)
    begins = on_call.begins_at
    lines: list[Line] = [("Nobody yet: the rota begins ", When(begins, date=True), ".")] if begins else []
    lines += [] if begins else ["No rota is configured: set on_call in opsbot.yaml."]
    return Text((*lines, *_contacts(contacts)), title="On call", state=State.UNKNOWN)


async def _of_rota(shift: Shift, chat: Chat) -> Fields:
    state, note = await _reachable(shift.person, chat)
    following = (
        "the same person"
        if shift.then == shift.person
        else (Person(shift.then), " from ", When(shift.until, date=True))
    )
    next_state, next_note = await _reachable(shift.then, chat)
    return Fields(
        title="On call",
        fields=(
            Field("Now", (Person(shift.person),), state),
            Field("Until", (When(shift.until, date=True),)),
            Field("Next", following, None if next_state is State.OK else next_state),
        ),
        state=state,
        notes=tuple(dict.fromkeys(line for line in (note, next_note) if line)),
    )


async def _of_group(group: str, chat: Chat) -> Fields:
    try:
        members = await chat.group_members(group)
    except IntegrationError as error:
        unknown = Field("Now", f"not known: {error}", State.UNKNOWN)
        return Fields("On call", (unknown,), State.UNKNOWN, notes=(f"The group {group} could not be read.",))
    if not members:
        nobody = Field("Now", "nobody: the group is empty", State.FAIL)
        return Fields("On call", (nobody,), State.FAIL, notes=(f"Put somebody into the group {group} in Slack.",))
    people: Sequence[Inline] = [part for member in members for part in (", ", Person(member))][1:]
    now = Field("Now", tuple(people), State.OK)
    return Fields("On call", (now,), State.OK, notes=("Slack does not tell until when.",))


async def _reachable(person: str, chat: Chat) -> tuple[State, Line]:
    """Whether Slack knows them as a member, with what to say when it does not."""
    try:
        profile = await chat.profile(person)
    except IntegrationError as error:
        return State.UNKNOWN, ("Whether ", Person(person), f" is still there is not known: {error}")
    if not profile.trusted:
        return State.FAIL, (Person(person), " is no member any more, or a guest: change on_call in opsbot.yaml.")
    return State.OK, ""


def _contacts(contacts: Contacts) -> tuple[Line, ...]:
    """Who is named for that among the contacts."""
    named = [each for each in contacts.entries if "on-call" in each.role.casefold().replace(" ", "-")]
    return tuple(
        f"{each.role}: {each.contact or 'nothing'} is a placeholder, and reaches nobody."
        if each.is_placeholder
        else (f"{each.role}: ", Person(each.contact) if each.is_slack_user else each.contact)
        for each in named
    )


COMMANDS = (Command(("oncall",), Nothing, run=oncall, rows=("A1",), examples=("",)),)
