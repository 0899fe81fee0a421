"""Who is on call, as far as Slack knows them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.core.command import Context
from bot.core.contacts import Contact, Contacts
from bot.core.oncall import OnCall
from bot.core.parts import State
from bot.core.people import Actor, Role
from bot.core.ports import Chat, Profile
from bot.core.registry import bind
from bot.core.results import Fields, Result, Text
from bot.views import render
from commands import oncall
from tests.fakes import FakeChat

ANA, BEN = "U0000ANA", "U0000BEN"
CTX = Context(Actor("U0EVE", "Eve", Role.VIEWER), "C0OPS", datetime(2026, 3, 4, 12, 0, tzinfo=UTC))
ROTA = OnCall((ANA, BEN), datetime(2026, 3, 2, 9, 0), "Europe/Berlin")  # noqa: DTZ001 - a clock time of the place


def slack(*, away: tuple[str, ...] = (), **more: object) -> FakeChat:
    people = {each: Profile(each, each, "T0", trusted=each not in away) for each in (ANA, BEN)}
    return FakeChat(people=people, **more)  # type: ignore[arg-type]  # its own fields


async def ask(on_call: OnCall, chat: FakeChat, *contacts: Contact) -> tuple[Result, str]:
    ports = {OnCall: on_call, Contacts: Contacts(contacts), Chat: chat}
    answer = await bind(oncall.oncall, ports)(CTX, oncall.Nothing())
    return answer, render(answer).text


@pytest.mark.row("A1")
async def test_who_is_on_call_until_when_and_who_is_next_are_told() -> None:
    answer, said = await ask(ROTA, slack())

    assert isinstance(answer, Fields)
    assert answer.state is State.OK
    assert said.index(ANA) < said.index(BEN)
    assert "2026-03-09 08:00 UTC" in said


@pytest.mark.row("A1")
@pytest.mark.parametrize(
    ("chat", "state", "words"),
    [
        (slack(away=(ANA,)), State.FAIL, "is no member any more, or a guest"),
        (FakeChat(), State.UNKNOWN, "is still there is not known"),
        (slack(away=(BEN,)), State.OK, "is no member any more, or a guest"),
    ],
    ids=["left", "Slack does not say", "the next one left"],
)
async def test_whoever_cannot_be_reached_is_not_shown_as_if_they_could(
    chat: FakeChat, state: State, words: str
) -> None:
    answer, said = await ask(ROTA, chat)

    assert isinstance(answer, Fields)
    assert answer.state is state
    assert words in said


@pytest.mark.row("A1")
async def test_one_person_alone_is_followed_by_themselves() -> None:
    _, said = await ask(OnCall((ANA,), ROTA.since), slack())

    assert "the same person" in said


@pytest.mark.row("A1")
@pytest.mark.parametrize(
    ("chat", "state", "words"),
    [
        (slack(groups={"S0ONCALL": (ANA, BEN)}), State.OK, "Slack does not tell until when"),
        (slack(groups={"S0ONCALL": ()}), State.FAIL, "nobody: the group is empty"),
        (slack(refuses={"group_members": "missing_scope"}), State.UNKNOWN, "could not be read"),
    ],
    ids=["two", "empty", "refused"],
)
async def test_a_group_is_on_call_as_slack_has_it(chat: FakeChat, state: State, words: str) -> None:
    answer, said = await ask(OnCall(group="S0ONCALL"), chat)

    assert isinstance(answer, Fields)
    assert answer.state is state
    assert words in said


@pytest.mark.row("A1")
async def test_without_a_rota_nobody_is_made_up_and_a_placeholder_is_no_contact() -> None:
    template = Contact("Primary On-Call", "your-email@domain.com")
    reached = Contact("Secondary On-Call", BEN)

    answer, said = await ask(OnCall(), slack(), template, reached, Contact("Security", "U00000SEC"))

    assert isinstance(answer, Text)
    assert answer.state is State.UNKNOWN
    assert "No rota is configured" in said
    assert "your-email@domain.com is a placeholder, and reaches nobody" in said
    assert BEN in said
    assert "U00000SEC" not in said


async def test_a_rota_that_has_not_begun_says_when_it_will() -> None:
    future = OnCall((ANA, BEN), datetime(2026, 3, 9, 9, 0), "Europe/Berlin")  # noqa: DTZ001 - see ROTA

    answer, said = await ask(future, slack())

    assert isinstance(answer, Text)
    assert "Nobody yet: the rota begins" in said
