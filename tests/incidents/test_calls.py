"""Calling people: whose turn it is, who answers, and that nobody is left out or called for nothing."""

# ruff: noqa: ARG002 - a port names parameters that its fake can do without

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bot.core.contacts import Contact, Contacts
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound
from bot.core.fleet import Service
from bot.core.oncall import OnCall
from bot.core.pager import Page, Pager, PageState
from tests.fakes import FakeChat
from tests.incidents.desk import ANA, BEN, OWN, Desk, shown, text

CHI = replace(BEN, user_id="U0CHI", name="Chi")
ROTA = OnCall(rota=("U0BEN", "U0CHI"), since=datetime(2026, 3, 2, 0, 0))  # noqa: DTZ001 - a clock time of the rota's zone
CONTACTS = Contacts((Contact("Security", "U0SECURE"), Contact("Infrastructure", "+49 30 5550100")))


@dataclass(slots=True)
class FakePager:
    """A paging system that takes what it is given."""

    targets: tuple[str, ...] = ("primary", "database")
    paged: list[tuple[str, Page]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    states: dict[str, PageState] = field(default_factory=dict)
    refuses: bool = False

    async def page(self, page: Page, *, to: str = "") -> str:
        if self.refuses:
            raise IntegrationError("The pager is on fire.")
        self.paged.append((to, page))
        return f"The pager took it for {to}."

    async def acknowledge(self, key: str, *, to: str = "") -> str:
        self.acknowledged.append(key)
        return "acknowledged"

    async def resolve(self, key: str, *, to: str = "") -> str:
        if all(page.key != key for _, page in self.paged):
            raise NotFound("not open")
        self.resolved.append(key)
        return "resolved"

    async def state(self, key: str, *, to: str = "") -> PageState | None:
        return next(iter(self.states.values()), None)


@pytest.fixture
async def called(desk: Desk) -> Desk:
    """A desk with an open incident, a rota and contacts."""
    desk.on_call, desk.contacts = ROTA, CONTACTS
    await desk.type("open high Card payments fail")
    return desk


async def page_id(desk: Desk, place: int = 0) -> str:
    async with desk.store.transaction() as tx:
        return (await tx.acts.pages(1))[place].id


async def test_who_is_on_call_is_called_in_person_and_in_the_channel(called: Desk, chat: FakeChat) -> None:
    answer = await called.type("page on-call the database is full", channel=OWN)
    waiting = list(called.deferred.jobs)
    await called.work()
    called.deferred.jobs += waiting
    await called.work()

    (direct,) = called.told("D0BEN")
    (told,) = [told for told in called.told() if "Call for on-call" in told]
    assert "the database is full" in direct
    assert f"You are called by <@U0ANA> to <#{OWN}>." in direct
    assert "<@U0BEN>, you are called by <@U0ANA>." in told
    assert "If nobody answers: <@U0CHI>, <@U0SECURE>." in shown(answer)
    assert chat.members[OWN][-1] == "U0BEN"
    assert [entry.text for entry in await called.entries("paged")] == ["Called <@U0BEN>: the database is full"]


async def test_an_answer_stops_the_calls_and_is_seen_wherever_the_call_stands(called: Desk, chat: FakeChat) -> None:
    await called.type("page", channel=OWN)
    await called.work()
    row = await page_id(called)
    answered = await called.click("incident.answer", row, channel="D0BEN", actor=BEN)
    with pytest.raises(Conflict, match="answered already"):
        await called.click("incident.answer", row, actor=ANA)
    await called.work()
    await called.later(timedelta(minutes=20))

    assert "<@U0BEN> is on it" in shown(answered)
    assert [entry.text for entry in await called.entries("answered")] == ["On it: answered the call for on-call"]
    (told,) = [told for told in called.told() if "Call for" in told]
    assert all("is on it" in each for each in [*called.told("D0BEN"), told])
    assert called.told("D0CHI") == []
    assert not [button for result in chat.posted("D0BEN") for button in text(result).buttons]


async def test_the_next_one_is_called_when_nobody_answers_and_in_the_end_that_is_said(called: Desk) -> None:
    await called.type("page", channel=OWN)
    await called.work()
    for _ in range(5):
        await called.later(timedelta(minutes=6))

    assert [len(called.told(f"D0{name}")) for name in ("BEN", "CHI", "SECURE")] == [1, 1, 1]
    assert "Nobody is left to call" in called.told()[-1]
    assert len([told for told in called.told() if "Call for on-call" in told]) == 4
    assert [entry.text for entry in await called.entries("paged")] == [
        "Called <@U0BEN>",
        "Nobody answered: called <@U0CHI>",
        "Nobody answered: called <@U0SECURE>",
        "Nobody answered, nobody is left",
    ]


async def test_nobody_is_called_any_more_once_it_is_resolved(called: Desk, chat: FakeChat) -> None:
    await called.type("page", channel=OWN)
    await called.work()
    await called.type("resolve", channel=OWN)
    await called.later(timedelta(minutes=6))

    assert called.told("D0CHI") == []
    (call,) = [text(result) for result in chat.posted(OWN) if "Call for" in shown(result)]
    assert call.buttons == ()
    assert all("It is over: nobody has to answer any more." in each for each in (shown(call), *called.told("D0BEN")))


@pytest.mark.parametrize(
    ("whom", "first"),
    [("<@U0BEN|ben>", "U0BEN"), ("commander", "U0ANA"), ("security", "U0SECURE"), ("sec", "U0SECURE")],
)
async def test_people_duties_and_contacts_can_be_called(called: Desk, whom: str, first: str) -> None:
    await called.type(f"page {whom}", channel=OWN)
    await called.work()

    (told,) = called.told(f"D{first[1:]}")
    assert "U0" not in told.partition("incident 1")[0]  # a notification shows no mention


async def test_a_word_that_is_spelt_like_an_id_and_is_none_is_called_by_that_word(called: Desk) -> None:
    answer = await called.type("page UX", channel=OWN)

    assert "UX" in shown(answer)


async def test_whom_nobody_knows_and_whom_slack_does_not_reach_is_said(called: Desk) -> None:
    with pytest.raises(NotFound, match="do not know whom") as unknown:
        await called.type("page plumber", channel=OWN)
    with pytest.raises(NotFound, match="Nobody is scribe"):
        await called.type("page scribe", channel=OWN)
    infrastructure = await called.type("page infrastructure", channel=OWN)

    assert "commander, scribe, communications, on-call, Security, Infrastructure" in unknown.value.hint
    assert "Infrastructure: tell +49 30 5550100, whom Slack does not reach." in shown(infrastructure)


async def test_the_paging_system_is_asked_first_and_told_who_answered(called: Desk) -> None:
    pager = FakePager()
    called.services = (Service("gateway", "test", "local", {Pager: pager}),)
    await called.type("page on-call look at this", channel=OWN)
    await called.later(timedelta(seconds=1))
    await called.type("page database", channel=OWN)
    await called.work()
    told = called.told()
    await called.click("incident.answer", await page_id(called), channel="D0BEN", actor=BEN)
    await called.work()

    assert [(to, page.summary, page.severity) for to, page in pager.paged] == [
        ("primary", "Incident 1: Card payments fail", "High"),
        ("database", "Incident 1: Card payments fail", "High"),
    ]
    assert pager.acknowledged == [pager.paged[0][1].key]
    assert any("The pager took it for primary." in each for each in told)


@pytest.mark.parametrize("reopened", [False, True])
async def test_the_paging_system_hears_that_it_is_over_unless_it_goes_on(called: Desk, *, reopened: bool) -> None:
    pager = FakePager()
    called.services = (Service("gateway", "test", "local", {Pager: pager}),)
    await called.type("page", channel=OWN)
    await called.work()

    await called.type("resolve provider is back", channel=OWN)
    if reopened:
        await called.type("reopen it fails again", channel=OWN)
    await called.work()

    assert pager.resolved == ([] if reopened else [pager.paged[0][1].key])


async def test_a_paging_system_that_takes_nothing_is_named_and_people_are_called_all_the_same(called: Desk) -> None:
    called.services = (Service("gateway", "test", "local", {Pager: FakePager(refuses=True)}),)
    await called.type("page", channel=OWN)
    await called.work()

    assert any("The paging system did not take it: The pager is on fire." in told for told in called.told())
    assert len(called.told("D0BEN")) == 1


async def test_a_call_that_was_answered_in_the_paging_system_is_not_passed_on(called: Desk) -> None:
    called.services = (Service("gateway", "test", "local", {Pager: FakePager(states={"": PageState.ACKNOWLEDGED})}),)
    await called.type("page", channel=OWN)
    await called.work()
    await called.later(timedelta(minutes=6))

    assert called.told("D0CHI") == []
    assert [entry.text for entry in await called.entries("answered")] == [
        "The call for on-call was answered in the pager"
    ]


async def test_a_critical_incident_calls_by_itself_where_that_is_configured(called: Desk) -> None:
    await called.type("severity critical", channel=OWN)
    await called.work()
    quiet = called.told("D0BEN")
    called.rules = replace(called.rules, page_critical=True)
    await called.type("open critical All payments fail")
    await called.type("severity high", channel=OWN)
    await called.type("severity critical", channel=OWN)
    await called.work()

    assert quiet == []
    assert len(called.told("D0BEN")) == 2


async def test_who_is_on_call_and_declares_it_is_not_called_and_wakes_nobody(called: Desk) -> None:
    called.rules = replace(called.rules, page_critical=True)
    await called.type("open critical All payments fail", actor=BEN)
    await called.work()
    await called.later(timedelta(minutes=20))

    assert [called.told(f"D0{name}") for name in ("BEN", "CHI", "SECURE")] == [[], [], []]


async def test_of_a_private_incident_only_who_is_named_is_called_and_reads_no_word_of_it(desk: Desk) -> None:
    desk.on_call, desk.contacts, desk.rules = ROTA, CONTACTS, replace(desk.rules, page_critical=True)
    pager = FakePager()
    desk.services = (Service("gateway", "test", "local", {Pager: pager}),)
    await desk.type("open private critical Keys were stolen")
    await desk.work()
    await desk.type("page <@U0CHI|chi> keys are for sale", channel=OWN)
    desk.clock.advance(timedelta(seconds=1))
    await desk.type("page on-call keys are for sale", channel=OWN)
    await desk.work()
    await desk.later(timedelta(minutes=30))
    row = await page_id(desk)

    assert [len(desk.told(f"D0{name}")) for name in ("CHI", "BEN", "SECURE")] == [1, 1, 0]
    outside = [*desk.told("D0CHI"), *desk.told("D0BEN"), *(page.summary + page.details for _, page in pager.paged)]
    assert not [told for told in outside if "eys" in told]
    with pytest.raises(NotAllowed):
        await desk.click("incident.answer", row, channel="D0BEN", actor=BEN)
