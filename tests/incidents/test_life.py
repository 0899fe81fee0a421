"""An incident from open to closed, as its channel and its record show it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.command import Filling
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.incident_results import IncidentCard
from bot.core.people import AUTOMATIC
from bot.core.reports import Version
from bot.incidents.missing import missing
from bot.jobs.due import sweep
from tests.fakes import FakeChat
from tests.incidents.desk import ANA, BEN, OWN, Desk, shown, text

OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def final_report(desk: Desk) -> None:
    """The report of the first incident, as it is once people are content with it."""
    async with desk.store.transaction() as tx:
        await tx.reports.add(Version(1, 2, desk.clock(), "U0ANA", "final", final=True, sections=()))


async def test_another_severity_is_told_kept_and_shown_on_card_and_topic(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Card payments fail")
    answer = await desk.type("severity critical all cards now", channel=OWN)
    await desk.work()

    assert shown(answer) == "<@U0ANA>: Severity High → Critical: all cards now"
    assert [entry.text for entry in await desk.entries("severity")] == ["Severity High → Critical: all cards now"]
    assert desk.card().severity == "Critical"
    assert chat.topics[OWN] == "Incident 1 (Critical): Card payments fail"
    assert not any("Severity" in told for told in desk.told())  # the answer stands in the channel already
    with pytest.raises(Conflict, match="is Critical already"):
        await desk.type("severity critical", channel=OWN)


async def test_what_is_done_elsewhere_is_told_in_the_channel_once(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("severity low it was a test")
    waiting = list(desk.deferred.jobs)
    await desk.work()
    desk.deferred.jobs += waiting  # the queue gives a job again after a stall
    await desk.work()

    (told,) = [told for told in desk.told() if "Severity" in told]
    assert told == "<@U0ANA>: Severity High → Low: it was a test"
    (entry,) = await desk.entries("severity")
    assert entry.message
    assert entry.message.channel == OWN


async def test_of_two_changes_at_once_one_counts_and_the_other_is_told_so(desk: Desk) -> None:
    await desk.type("open high Card payments fail")

    both = await asyncio.gather(
        desk.type("severity critical", channel=OWN),
        desk.type("severity low", channel=OWN, actor=BEN),
        return_exceptions=True,
    )

    refused = [each for each in both if isinstance(each, Conflict)]
    assert len(await desk.entries("severity")) == 2 - len(refused)
    assert (await desk.incident()).version == 2 - len(refused)


async def test_a_card_that_was_deleted_is_posted_anew_and_one_that_is_refused_stops_nothing(
    desk: Desk, chat: FakeChat
) -> None:
    await desk.type("open high Card payments fail")
    (first,) = chat.pinned
    chat.refuses["update"] = "message_not_found"
    await desk.type("severity low", channel=OWN)
    await desk.work()
    (_, second) = chat.pinned
    chat.refuses["update"] = "ratelimited"
    await desk.type("severity high", channel=OWN)
    await desk.work()

    assert first != second == (await desk.incident()).card
    shown_card = chat.messages[second].result
    assert isinstance(shown_card, IncidentCard)
    assert shown_card.severity == "Low"


async def test_a_duty_is_taken_given_and_handed_over_with_words(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("role scribe", channel=OWN)
    await desk.type("role commander <@U0BEN|ben> the provider calls back at 15:00", channel=OWN)
    await desk.type("role scribe --leave", channel=OWN)
    await desk.work()

    incident = await desk.incident()
    assert (incident.commander, incident.scribe, incident.communications) == ("U0BEN", "", "")
    assert [entry.text for entry in await desk.entries("role")] == [
        "Scribe: <@U0ANA>",
        "Commander: <@U0ANA> → <@U0BEN>. Handover: the provider calls back at 15:00",
        "Scribe: <@U0ANA> → nobody",
    ]
    assert desk.card().commander == "U0BEN"
    assert chat.members[OWN].count("U0BEN") == 2  # asked in when it was opened, and again when given the duty


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("role scribe <@U0GUEST|guest>", UsageError),
        ("role scribe ben", UsageError),
        ("role commander", Conflict),
        ("role boss", UsageError),
    ],
)
async def test_a_duty_goes_to_a_member_who_does_not_have_it(desk: Desk, typed: str, error: type[Exception]) -> None:
    await desk.type("open high Card payments fail")

    with pytest.raises(error):
        await desk.type(typed, channel=OWN)


async def test_command_is_taken_by_a_button_when_nobody_has_it(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("role commander --leave", channel=OWN)

    card = await desk.click("incident.take", actor=BEN)
    with pytest.raises(Conflict, match="leads it already"):
        await desk.click("incident.take", actor=ANA)
    await desk.work()

    assert isinstance(card, IncidentCard)
    assert (card.commander, (await desk.incident()).commander) == ("U0BEN", "U0BEN")
    assert "<@U0BEN>: Commander: <@U0BEN>" in desk.told()


@pytest.mark.parametrize(
    ("verb", "path", "given"),
    [
        ("severity", "severity", {"severity": "High"}),
        ("edit", "edit", {"title": "Card payments fail", "impact": "200 payments", "services": ""}),
        ("mitigated", "mitigated", {}),
        ("resolve", "resolve", {}),
        ("reopen", "reopen", {}),
        ("role", "role", {}),
        ("page", "page", {"whom": "on-call"}),
        ("update", "update", {}),
    ],
)
async def test_each_button_of_the_card_opens_the_form_of_its_command(
    desk: Desk, verb: str, path: str, given: dict[str, str]
) -> None:
    await desk.type("open high Card payments fail --impact '200 payments'")

    filling = await desk.click(f"incident.{verb}")

    assert filling == Filling(("incident", path), given=given, kept={"incident": "1"})


async def test_an_incident_that_is_opened_again_keeps_its_cycles_and_is_mitigated_no_more(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("mitigated", channel=OWN)
    await desk.later(timedelta(minutes=42))
    resolved = await desk.type("resolve Provider recovered", channel=OWN)
    with pytest.raises(Conflict, match="resolved already"):
        await desk.type("resolve", channel=OWN)
    await desk.later(timedelta(hours=1))
    await desk.type("reopen cards fail again", channel=OWN, actor=BEN)
    await desk.work()

    incident = await desk.incident()
    async with desk.store.transaction() as tx:
        first, second = await tx.acts.cycles(1)
    assert "Resolved after 42m." in shown(resolved)
    assert "Resolution: Provider recovered" in shown(resolved)
    assert (incident.state, incident.cycle, incident.resolved_at) == ("open", 2, None)
    assert (first.resolved_at, first.resolved_by) == (OPENED + timedelta(minutes=42), "U0ANA")
    assert (second.began_by, second.why, second.resolved_at) == ("U0BEN", "cards fail again", None)
    assert "Mitigated" not in shown(desk.card())
    assert "this is cycle 2" in shown(desk.card())


async def test_closing_is_refused_with_all_that_is_missing(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    with pytest.raises(Conflict) as refused:
        await desk.type("close", channel=OWN)
    assert refused.value.hint == (
        "It is not resolved: resolve says what ended it.\n"
        'Nobody said whom it affected: edit --impact "..." says so.\n'
        "Its report is not drafted: report drafts it."
    )

    await desk.type("edit --impact '200 payments'", channel=OWN)
    await desk.type("resolve", channel=OWN)
    async with desk.store.transaction() as tx:
        await tx.reports.add(Version(1, 1, desk.clock(), "U0ANA", "drafted", final=False, sections=()))
        assert await missing(tx, await tx.incidents.get(1)) == ("Its report is a draft: make it final.",)
    await final_report(desk)
    closed = await desk.type("close", channel=OWN)
    await desk.work()

    assert "Incident 1 is closed" in shown(closed)
    assert (desk.card().state, [button.label for button in desk.card().buttons]) == ("closed", ["Reopen"])
    with pytest.raises(Conflict, match="closed already"):
        await desk.type("close", channel=OWN)


async def test_a_report_from_before_it_was_opened_again_is_asked_for_anew(desk: Desk) -> None:
    await desk.type("open high Card payments fail --impact '200 payments'")
    await desk.type("resolve", channel=OWN)
    await final_report(desk)
    desk.clock.advance(timedelta(hours=1))
    await desk.type("reopen cards fail again", channel=OWN)
    await desk.type("resolve", channel=OWN)
    with pytest.raises(Conflict) as refused:
        await desk.type("close", channel=OWN)
    await desk.later(desk.rules.report_within + timedelta(minutes=1))

    outdated = "report is from before it was opened again"
    assert outdated in refused.value.hint
    assert outdated in desk.told()[-1]
    async with desk.store.transaction() as tx:
        await tx.reports.add(Version(1, 3, desk.clock(), "U0ANA", "final", final=True, sections=()))
    assert "Incident 1 is closed" in shown(await desk.type("close", channel=OWN))


async def test_what_it_is_about_can_be_said_anew(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Card payments fail --services gateway")
    await desk.type("edit --title 'All payments fail' --impact everybody --services gateway,ledger", channel=OWN)
    await desk.work()

    incident = await desk.incident()
    assert (incident.title, incident.impact, incident.services) == (
        "All payments fail",
        "everybody",
        ("gateway", "ledger"),
    )
    assert chat.topics[OWN] == "Incident 1 (High): All payments fail"
    with pytest.raises(UsageError, match="changes nothing"):
        await desk.type("edit --title 'All payments fail'", channel=OWN)


async def test_every_change_is_an_entry_and_an_audit_row(desk: Desk) -> None:
    typed = [
        "open high Card payments fail --impact everybody",
        "severity critical",
        "role scribe",
        "moment started 10m",
        "edit --title Cards",
        "update we look",
        "page <@U0BEN|ben>",
        "handover watch the queue",
        "mitigated",
        "resolve done",
        "reopen again",
        "resolve done",
        "close",
    ]
    for each in typed:
        if each == "close":
            await final_report(desk)
        await desk.type(each, channel=OWN if not each.startswith("open") else "C0OPS")
        await desk.work()

    kinds = {entry.kind for entry in await desk.entries()}
    async with desk.store.transaction() as tx:
        rows = [row.data["change"] for row in await tx.audit.recent() if row.kind == "incident"]
    changes = {
        *("declared", "severity", "role", "started", "edited", "update", "paged", "handover", "mitigated"),
        *("resolved", "reopened", "closed"),
    }
    assert kinds == changes
    assert set(rows) == changes
    assert len(rows) == len(typed)


async def test_the_handover_tells_how_it_stands_and_gives_command(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Card payments fail --impact '200 payments'")
    await desk.type("update we wait for the provider", channel=OWN)
    await desk.later(timedelta(minutes=50))

    answer = await desk.type("handover Watch the queue until 18:00 --to <@U0BEN|ben>", channel=OWN)

    (told,) = [told for told in desk.told() if "Handover of incident 1" in told]
    for line in (
        "<@U0BEN>, you lead from now on.",
        "<@U0ANA>: Watch the queue until 18:00",
        "High, open for 50m. Impact: 200 payments",
        "Commander: <@U0BEN>. Scribe: nobody.",
        "we wait for the provider",
    ):
        assert line in told
    assert (await desk.incident()).commander == "U0BEN"
    assert shown(answer) == f"The handover is in <#{OWN}>."


async def test_commands_about_an_incident_that_is_not_there_say_so(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.type("severity high --incident 7")


async def test_a_declaration_that_was_interrupted_is_finished_later(desk: Desk, chat: FakeChat) -> None:
    chat.breaks["create_channel"] = 1
    with pytest.raises(RuntimeError):
        await desk.type("open high Card payments fail")
    assert (await desk.incident()).channel == "C0OPS"

    await desk.later(timedelta(minutes=3))
    await desk.later(timedelta(minutes=3))

    assert (await desk.incident()).channel == OWN
    assert desk.card().title == "Card payments fail"
    assert chat.members[OWN] == ["U0ANA", "U0BEN", "U0CHI"]
    assert len(chat.channels) == 1


async def test_a_channel_is_adopted_with_what_was_said_in_it(desk: Desk, chat: FakeChat) -> None:
    await desk.type("open high Card payments fail --here --since 30m", channel="C0PAY")

    incident = await desk.incident()
    assert (incident.channel, incident.record_begins) == ("C0PAY", OPENED - timedelta(minutes=30))
    assert (chat.channels, chat.topics, chat.members) == ({}, {}, {})
    assert desk.card("C0PAY").title == "Card payments fail"
    with pytest.raises(Conflict, match="the channel of incident 1"):
        await desk.type("open low Another --here", channel="C0PAY")
    with pytest.raises(UsageError, match="no channel"):
        await desk.type("open low Another --here", channel="D0ANA")
    with pytest.raises(UsageError, match="goes with --here"):
        await desk.type("open low Another --since 30m")


async def test_the_channels_name_follows_the_configured_template(desk: Desk, chat: FakeChat) -> None:
    desk.rules = replace(desk.rules, channel="{severity}_{number}_{title}")
    await desk.type("open high Card payments fail")
    await desk.type("open private high Keys were stolen")

    assert list(chat.channels.values()) == ["high-1-card-payments-fail", "high-2"]


async def test_at_open_people_read_what_is_like_it(desk: Desk) -> None:
    await desk.type("open high Card payments fail with timeouts")
    await desk.type("open private critical Card payments fail with stolen keys")
    await desk.type("open low Disk of the wiki is full")
    await desk.type("open high Card payments fail again")

    (before,) = [told for told in desk.told("C0NEW3") if "Before this incident" in told]
    assert "I changed nothing in the 24 hours before" in before
    assert "1 (High, open): Card payments fail with timeouts" in before
    assert "stolen" not in before
    assert "wiki" not in before
    assert AUTOMATIC.user_id not in before


async def test_the_services_are_measured_at_once_where_an_incident_begins_and_where_it_ends(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    at_the_start = await sweep_for(desk, "incident.samples")
    await desk.type("resolve The provider is back", channel=OWN)
    at_the_end = await sweep_for(desk, "incident.samples")

    assert (at_the_start, at_the_end) == (1, 1)


async def sweep_for(desk: Desk, task: str) -> int:
    """How many jobs of a task are due now; they are taken."""
    desk.deferred.jobs.clear()
    await sweep(desk.store, now=desk.clock())
    return sum(job.task == task for job in desk.deferred.jobs)


async def test_a_note_keeps_the_quotes_that_were_typed_in_it(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type('note ana said "it is down" --at 14:05', channel=OWN)
    await desk.type('note "a 5\\" disk"', channel=OWN)

    assert {entry.text for entry in await desk.entries("note")} == {'ana said "it is down"', 'a 5" disk'}


async def test_what_is_redacted_is_on_the_card_no_more_and_what_still_says_it_is_named(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("update the vault is open", channel=OWN)
    await desk.type("edit --impact 'every vault'", channel=OWN)
    await desk.work()
    before = shown(desk.card())
    answers = []
    for kind in ("update", "edited"):
        (entry,) = await desk.entries(kind)
        asked = text(await desk.type(f"redact {entry.id}", channel=OWN))
        answers.append(shown(await desk.click("redact.confirm", asked.buttons[0].row_id)))
    await desk.work()

    assert "the vault is open" in before
    assert "the vault is open" not in shown(desk.card())
    assert "What I have posted of it stands in Slack" in answers[0]
    assert "The impact of the incident still says it: say that anew, /incident edit --impact." in answers[1]
