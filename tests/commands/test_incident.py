from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.incident_results import IncidentCard
from bot.core.prose import Channel, Person
from bot.core.results import Result, Table, Text
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat
from tests.incidents.desk import ANA, OWN, Desk, fake_slack, shown, text


@pytest.fixture
def chat() -> FakeChat:
    return fake_slack()


@pytest.fixture
def desk(store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred) -> Desk:
    return Desk(store, chat, clock, deferred)


def card(result: Result) -> IncidentCard:
    assert isinstance(result, IncidentCard)
    return result


async def test_opening_makes_a_channel_with_topic_pinned_card_and_people(desk: Desk, chat: FakeChat) -> None:
    declared = await desk.type("open critical Card payments fail! --impact 'about 200 payments'")
    card = desk.card()

    assert "Incident 1 (Critical): Card payments fail!" in shown(declared)
    assert (card.number, card.severity, card.channel, card.state) == (1, "Critical", OWN, "open")
    assert card.notes[0] == "Impact: about 200 payments"
    assert chat.channels == {OWN: "inc-1-2026-03-02-card-payments-fail"}
    assert chat.topics == {OWN: "Incident 1 (Critical): Card payments fail!"}
    assert [title for _, title, _ in chat.bookmarks] == ["Summary", "Runbook"]
    assert chat.members == {OWN: ["U0ANA", "U0BEN", "U0CHI"]}
    assert (await desk.incident()).card == chat.pinned[0]


@pytest.mark.parametrize("typed", ["crit", "SEV1", "sev-1", "P1", "1", "Critical"])
async def test_the_severity_is_taken_in_the_ways_people_say_it(desk: Desk, typed: str) -> None:
    await desk.type(f"open {typed} payments fail")

    assert (await desk.incident()).severity == "Critical"


async def test_a_severity_that_means_nothing_is_refused_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(UsageError, match="Did you mean Medium"):
        await desk.type("open meduim payments fail")


async def test_a_request_that_is_delivered_twice_declares_one_incident(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Webhooks late", trigger="same")
    with pytest.raises(Conflict):
        await desk.type("open high Webhooks late", trigger="same")
    await desk.type("open high Webhooks late")

    assert (await desk.incident(2)).title == "Webhooks late"
    assert len(chat.channels) == 2


async def test_a_channel_name_that_is_taken_gets_the_next_suffix(desk: Desk, chat: FakeChat) -> None:
    long = "a very long title " * 10
    first = "inc-1-2026-03-02-a-very-long-title-a-very-long-title-a-very-long-title-a-very-lo"
    chat.taken = {first, f"{first[:-3]}-2"}

    declared = await desk.type(f"open low {long}")

    assert chat.channels == {OWN: f"{first[:-3]}-3"}
    assert "Could not" not in shown(declared)
    assert len(chat.topics[OWN]) <= 250


async def test_a_title_without_latin_letters_still_gives_a_channel_name(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open low 支払い失敗")

    assert chat.channels == {OWN: "inc-1-2026-03-02"}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("set_topic", "set the topic: missing_scope."),
        ("post", "post the summary: missing_scope."),
        ("pin", "pin the summary: missing_scope."),
        ("permalink", "link the summary: missing_scope."),
        ("bookmark", "add bookmarks: missing_scope."),
        ("group_members", "ask who is in a user group: missing_scope."),
    ],
)
async def test_what_slack_refuses_is_said_and_stops_nothing(desk: Desk, chat: FakeChat, method: str, said: str) -> None:
    chat.refuses[method] = "missing_scope"

    declared = await desk.type("open high Webhooks late")

    assert f"Could not {said}" in shown(declared)
    assert (await desk.incident()).channel == OWN
    assert "U0BEN" in chat.members[OWN]


async def test_someone_who_cannot_be_invited_is_named_and_the_others_come(desk: Desk, chat: FakeChat) -> None:
    chat.refuses["invite U0BEN"] = "user_not_found"

    declared = text(await desk.type("open high Webhooks late"))

    assert declared.lines[-1] == ("Could not ", "invite ", Person("U0BEN"), ": user_not_found.")
    assert chat.members == {OWN: ["U0ANA", "U0CHI"]}


@pytest.mark.parametrize("code", ["restricted_action", "name_taken"])
async def test_without_a_channel_of_its_own_an_incident_lives_where_it_was_declared(
    desk: Desk, chat: FakeChat, code: str
) -> None:
    chat.refuses["create_channel"] = code

    declared = text(await desk.type("open high Webhooks late"))
    noted = await desk.type("note Provider confirms")

    assert (await desk.incident()).channel == "C0OPS"
    assert declared.lines[-1] == ("Could not ", "create a channel", f": {code}.")
    assert chat.posted("C0OPS")
    assert (chat.topics, chat.members) == ({}, {})
    assert isinstance(noted, Text)


async def test_every_change_leaves_an_audit_row_without_words_of_the_incident(desk: Desk) -> None:
    await desk.type("open high Webhooks late")
    await desk.type("resolve They caught up", channel=OWN)

    async with desk.store.transaction() as tx:
        rows = await tx.audit.recent()
    assert [(row.actor, row.kind, row.data) for row in reversed(rows)] == [
        ("U0ANA", "incident", {"incident": 1, "change": "declared", "severity": "High", "state": "open"}),
        ("U0ANA", "incident", {"incident": 1, "change": "resolved", "severity": "High", "state": "resolved"}),
    ]


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        pytest.param("note It began", datetime(2026, 3, 2, 9, 0, tzinfo=UTC), id="now"),
        pytest.param("note It began --at 03:50", datetime(2026, 3, 2, 8, 50, tzinfo=UTC), id="in the author's zone"),
        pytest.param("note at 03:50 It began", datetime(2026, 3, 2, 8, 50, tzinfo=UTC), id="in front"),
        pytest.param("note It began --at 23:10", datetime(2026, 3, 2, 4, 10, tzinfo=UTC), id="yesterday's clock"),
        pytest.param(
            'note It began --at "2026-02-28 9:05"', datetime(2026, 2, 28, 14, 5, tzinfo=UTC), id="with its day"
        ),
    ],
)
async def test_a_note_stands_at_the_time_that_its_author_means(desk: Desk, typed: str, at: datetime) -> None:
    await desk.type("open high Webhooks late")

    await desk.type(typed, channel=OWN)

    async with desk.store.transaction() as tx:
        (note,) = [entry for entry in await tx.entries.of_incident(1) if entry.kind == "note"]
    assert (note.at, note.author, note.text) == (at, "U0ANA", "It began")


async def test_the_configured_zone_counts_where_slack_does_not_tell_the_authors(desk: Desk) -> None:
    await desk.type("open high Webhooks late")

    await desk.type("note It began --at 09:50", actor=replace(ANA, user_id="U0GONE"))

    async with desk.store.transaction() as tx:
        entries = await tx.entries.of_incident(1)
    assert next(each.at for each in entries if each.kind == "note") == datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


@pytest.mark.parametrize("at", ["soon", "25:00", "2026-02-30 10:00", "2026-03-03 10:00"])
async def test_a_time_that_is_none_or_has_not_come_is_refused(desk: Desk, at: str) -> None:
    await desk.type("open high Webhooks late")

    with pytest.raises(UsageError):
        await desk.type(f'note It began --at "{at}"')


async def test_a_note_may_begin_with_how_long_ago_it_was(desk: Desk) -> None:
    await desk.type("open high Webhooks late")
    await desk.type("note 10m ago the pager rang", channel=OWN)

    (note,) = await desk.entries("note")
    assert (note.text, desk.clock() - note.at) == ("the pager rang", timedelta(minutes=10))


@pytest.mark.parametrize("text", ["at 10 workers it began", "long ago it began", "10m ago"])
async def test_words_that_only_look_like_a_time_stay_words(desk: Desk, text: str) -> None:
    await desk.type("open high Webhooks late")
    await desk.type(f"note {text}", channel=OWN)

    (note,) = await desk.entries("note")
    assert (note.text, note.at) == (text, desk.clock())


async def test_a_note_that_is_delivered_twice_is_kept_once(desk: Desk) -> None:
    await desk.type("open high Webhooks late")
    await desk.type("note Provider confirms", trigger="same")
    await desk.type("note Provider confirms", trigger="same")

    async with desk.store.transaction() as tx:
        notes = [entry for entry in await tx.entries.of_incident(1) if entry.kind == "note"]
    assert len(notes) == 1


async def test_outside_its_channel_an_incident_is_meant_when_it_is_the_only_open_one(desk: Desk) -> None:
    with pytest.raises(NotFound, match="No incident is open"):
        await desk.type("status")
    await desk.type("open high Webhooks late")
    only = card(await desk.type("status"))
    await desk.type("open low Dashboard slow")

    with pytest.raises(UsageError, match="Which incident") as asked:
        await desk.type("status")

    assert only.number == 1
    assert "2 (Dashboard slow)" in asked.value.hint
    assert card(await desk.type("status", channel="C0NEW1")).number == 2
    assert card(await desk.type("status --incident 1", channel="C0NEW1")).number == 1


async def test_where_none_is_open_the_one_that_waits_for_its_report_is_meant(desk: Desk) -> None:
    await desk.type("open high Webhooks late")
    await desk.type("resolve provider is back")
    only = card(await desk.type("status"))
    await desk.type("open low Dashboard slow")
    await desk.type("resolve", channel="C0NEW1")

    with pytest.raises(UsageError, match="Which incident") as asked:
        await desk.type("status")

    assert (only.number, only.state) == (1, "resolved")
    assert "1 (Webhooks late)" in asked.value.hint


async def test_the_open_incidents_are_listed(desk: Desk) -> None:
    await desk.type("open high Webhooks late")
    await desk.type("open low Dashboard slow")
    await desk.type("resolve --incident 1")

    listed = await desk.type("list")

    assert isinstance(listed, Table)
    assert [row[:5] for row in listed.rows] == [("2", "Low", "open", "Dashboard slow", (Channel("C0NEW1"),))]

    every = await desk.type("list --all")

    assert isinstance(every, Table)
    assert [row[:3] for row in every.rows] == [("2", "Low", "open"), ("1", "High", "resolved")]


@pytest.mark.row("I5")
async def test_a_private_incident_has_a_private_channel_without_its_title_and_only_security_is_asked_in(
    desk: Desk, chat: FakeChat
) -> None:
    declared = await desk.type("open private critical Keys were stolen")

    assert chat.private == {OWN}
    assert chat.channels[OWN] == "inc-1-2026-03-02"
    assert chat.members[OWN] == ["U0ANA", "U0SECURE"]
    assert chat.posted("C0OPS") == []
    assert "+49 30 5550100" in shown(declared)


@pytest.mark.row("I5")
async def test_a_private_incident_is_known_in_its_own_channel_and_nowhere_else(desk: Desk) -> None:
    await desk.type("open private critical Keys were stolen")

    listed = await desk.type("list")

    assert isinstance(listed, Table)
    assert listed.rows == ()
    with pytest.raises(NotFound):
        await desk.type("status --incident 1")
    with pytest.raises(NotFound):
        await desk.type("note somebody looked")
    assert card(await desk.type("status", channel=OWN)).title == "Keys were stolen"


@pytest.mark.row("I5")
async def test_without_a_channel_of_its_own_a_private_incident_is_in_the_direct_messages(
    desk: Desk, chat: FakeChat
) -> None:
    chat.refuses["create_channel"] = "restricted_action"

    await desk.type("open private critical Keys were stolen")

    assert (await desk.incident()).channel == "D0ANA"
    assert chat.posted("C0OPS") == []
    assert desk.card("D0ANA").title == "Keys were stolen"
