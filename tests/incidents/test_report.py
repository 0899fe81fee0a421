"""The report of an incident, as people draft, edit and read it in its channel."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.core.incident_results import Section
from bot.core.ports import MessageRef
from tests.fixtures_incident import Room
from tests.waiting import until


@pytest.mark.row("T")
async def test_the_report_is_drafted_as_messages_whose_statements_name_what_they_rest_on(room: Room) -> None:
    important = await room.hear(room.ben, "the provider is down <!channel>")
    await room.ana.react(important, "pushpin")
    await room.hear(room.ana, "lunch?")
    await room.command("note Status page is red")
    answer = await room.command("report")

    pages = room.pages()
    head, timeline = pages["Summary"], pages["Timeline"]
    assert head.thread_ts is None
    assert {page.thread_ts for name, page in pages.items() if name != "Summary"} == {head.ts}
    for line in (
        "Severity: Critical",
        "200 payments",
        "declared by ana",
        "It is not resolved yet.",
        "Took part: ana, ben",
    ):
        assert line in head.plain()
    assert head.plain().count("200 payments") == 1
    assert "ben: the provider is down @channel" in timeline.plain()
    assert "ana: Status page is red" in timeline.plain()
    assert "lunch" not in timeline.plain()
    stored = room.channel.messages[timeline.ts]
    assert f"/archives/{room.channel.id}/p{important.ts.replace('.', '')}" in str(stored.blocks)
    assert "TODO: what we learned from this incident" in pages["Root Cause"].plain()
    assert "Time does not say START - END" in answer.plain()


async def test_moments_that_people_told_with_the_bot_win_in_the_report_and_each_cycle_is_told(room: Room) -> None:
    await room.command("moment started 30m")
    await room.command("resolve The certificate was renewed")
    await room.command("reopen It expired again", who=room.ben)
    await room.command("mitigated", who=room.ben)
    await room.command("resolve Renewed it for a year")
    await room.command("report")

    facts, timeline = room.pages()["Summary"].plain(), room.pages()["Timeline"].plain()
    assert "start: told by ana" in facts
    assert "It lasted 30m" in facts
    assert re.search(r"Started: [0-9: -]+, told by ana \(recorded\)", facts)
    assert re.search(r"Mitigated: [0-9: -]+, told by ben \(recorded\)", facts)
    assert re.search(r"Taken for resolved at [0-9: -]+, opened again at [0-9: -]+ by ben: It expired again", facts)
    assert "ben: Opened again: It expired again" in timeline
    assert "ana: Resolved: Renewed it for a year" in timeline


async def test_a_section_is_edited_in_a_form_and_the_edit_survives_drafting_anew(room: Room) -> None:
    await room.command("report")
    await room.ben.click(room.pages()["Root Cause"], "Edit root cause")
    form = await room.ben.wait_for_modal()
    await room.ben.submit(form, {"Text": "The certificate of the provider had expired."})
    await room.shows("Root Cause", "The certificate of the provider had expired.")
    before = {name: page.ts for name, page in room.pages().items()}

    await room.hear(room.ana, "one more thing")
    await room.command("note Provider renewed it")
    await room.ana.click(room.pages()["Summary"], "Draft anew")
    await room.shows("Timeline", "Provider renewed it")

    cause = room.pages()["Root Cause"].plain()
    assert "The certificate of the provider had expired." in cause
    assert "edited by @ben" in cause
    assert "TODO" not in cause.partition("Resolution:")[0].partition("Root Cause:")[2]
    assert {name: page.ts for name, page in room.pages().items()} == before
    assert len([each for each in room.ben.sees(room.channel) if "Incident Report 1" in each.plain()]) == 4


async def test_a_section_that_is_longer_than_an_input_takes_is_edited_in_several(room: Room) -> None:
    await room.command("report")
    lines = [f"- line {number} {'of what we found ' * 8}".strip() for number in range(60)]
    await room.command("report edit root-cause " + "\n".join(lines))
    await room.ben.click(room.pages()["Root Cause"], "Edit root cause")
    form = await room.ben.wait_for_modal()
    await room.ben.submit(form, {"Text, more": "- and one line more"})
    await room.shows("Root Cause", "edited by @ben")

    assert (await room.version()).section(Section.ROOT_CAUSE).text.split("\n") == [*lines, "- and one line more"]


async def test_what_two_people_edit_at_the_same_time_is_shown_side_by_side(room: Room) -> None:
    await room.command("report")
    await room.ana.click(room.pages()["Root Cause"], "Edit root cause")
    hers = await room.ana.wait_for_modal()
    await room.ben.click(room.pages()["Root Cause"], "Edit root cause")
    his = await room.ben.wait_for_modal()

    await room.ben.submit(his, {"Text": "A certificate had expired."})
    await room.shows("Root Cause", "A certificate had expired.")
    await room.ana.submit(hers, {"Text": "The provider was down."})
    page = await room.shows("Root Cause", "The provider was down.")

    assert "Conflict, edited by hand: The provider was down. Conflict, drafted anew: A certificate" in " ".join(
        page.plain().split()
    )
    assert "Root Cause has a conflict" in room.pages()["Summary"].plain()


async def test_an_edit_and_the_record_that_changed_the_same_line_are_shown_side_by_side(room: Room) -> None:
    await room.command("report")
    await room.command("report edit impact About 180 payments failed")
    async with room.bot.store._pool.connection() as connection:
        await connection.execute("update incidents set impact = '312 payments'")

    await room.command("report")
    conflict = (await room.shows("Summary", "312 payments")).plain()
    await room.command("report edit impact 312 payments failed")
    settled = (await room.shows("Summary", "312 payments failed")).plain()

    assert "About 180 payments failed" in conflict
    assert "Impact has a conflict" in conflict
    assert "conflict" not in settled.lower()
    assert "About 180" not in settled


async def test_every_version_is_kept_with_who_changed_what(room: Room) -> None:
    await room.command("report")
    await room.command("report")
    await room.command("report edit impact 312 payments failed", who=room.ben)

    listed = (await room.command("report history")).plain()

    for line in ("drafted", "Impact edited", "@ana", "@ben"):
        assert line in listed
    assert (await room.version()).number == 2  # the same draft again is no version
    async with room.bot.store.transaction() as tx:
        first = await tx.reports.get(1, 1)
    assert first
    assert all(each.hand is None for each in first.sections)


async def test_what_rests_on_a_deleted_message_is_gone_from_the_report(room: Room) -> None:
    slip = await room.hear(room.ben, "the key is kept at home")
    await room.ana.react(slip, "pushpin")
    await room.command("note Status page is red")
    await room.command("report")
    assert "kept at home" in room.pages()["Timeline"].plain()

    await room.ben.delete(slip)
    await until(lambda: _is_deleted(room, slip.ts))
    await room.command("report edit impact 3 payments")

    await until(lambda: "kept at home" not in room.pages()["Timeline"].plain())
    assert "Status page is red" in room.pages()["Timeline"].plain()


async def _is_deleted(room: Room, ts: str) -> bool:
    async with room.bot.store.transaction() as tx:
        return ts in await tx.reports.gone(1)


async def test_what_is_redacted_is_in_no_version_of_the_report_and_in_no_action_item(room: Room) -> None:
    slip = await room.hear(room.ben, f"{room.ana.mention} please rotate the key hunter2")
    await room.ben.react(slip, "pushpin")
    await room.workspace.settled()
    await room.command("report")
    before = await room.version()

    question = await room.command(f"redact {slip.ts}")
    await (await room.ana.click(question, "Take it out")).reply()
    async with room.bot.store.transaction() as tx:
        tasks = await tx.tasks.of_incident(1)
        versions = [await tx.reports.get(1, each.number) for each in await tx.reports.revisions(1)]

    assert "hunter2" in str(before)
    assert "hunter2" not in f"{versions} {tasks}"


@pytest.mark.parametrize(
    ("typed", "said", "kind"),
    [
        ("note the vault is open", "Noted", "note"),
        ("update the vault is open", "Said by", "update"),
        ("page @ben the vault is open", "Call for ben", "paged"),
        ("severity high the vault is open", "Severity Critical", "severity"),
    ],
)
async def test_a_post_of_the_bot_is_redacted_with_the_entry_that_it_tells(
    room: Room, typed: str, said: str, kind: str
) -> None:
    await room.hear(room.ana, "the vault is open")
    await room.command(typed)
    await room.work()
    await until(lambda: any(said in each.plain() for each in room.ben.sees(room.channel)))
    post = next(each for each in room.ben.sees(room.channel) if said in each.plain())
    await room.workspace.settled()
    asked = await room.command(f"redact {post.ts}")
    await (await room.ana.click(asked, "Take it out")).reply()

    async with room.bot.store.transaction() as tx:
        left = {entry.kind for entry in await tx.entries.of_incident(1) if "vault" in entry.text}
        gone = {entry.kind for entry in await tx.entries.of_incident(1) if entry.text == "(redacted)"}
    assert (left, gone) == (set(), {kind})


async def test_an_edited_entry_stands_in_the_report_with_who_edited_it(room: Room) -> None:
    said = await room.hear(room.ben, "hm")
    await room.command(f"entry edit {said.ts} The cache was full")

    await room.command("report")

    await room.shows("Timeline", "The cache was full (edited by ana)")


async def test_a_page_that_somebody_deleted_is_posted_again(room: Room) -> None:
    await room.command("report")
    await room.bot.link.chat.delete(await _shown(room, "timeline"))

    await room.command("report edit impact 3 payments")

    assert "Timeline" in room.pages()


async def _shown(room: Room, page: str) -> MessageRef:
    async with room.bot.store.transaction() as tx:
        return (await tx.reports.shown(1))[page]


async def test_two_who_draft_at_once_post_one_report(room: Room) -> None:
    await asyncio.gather(room.command("report"), room.command("report", who=room.ben))

    await until(lambda: len(room.pages()) == 4)
    assert len([each for each in room.ben.sees(room.channel) if "Incident Report 1" in each.plain()]) == 4


async def test_what_cannot_be_posted_is_answered(room: Room) -> None:
    room.workspace.scopes.discard("chat:write")

    assert "Incident Report 1" in (await room.command("report")).plain()


async def test_what_is_redacted_is_in_no_version_and_no_message_of_the_report(room: Room) -> None:
    slip = await room.hear(room.ben, "action item: rotate the key that I keep at home")
    await room.ana.react(slip, "pushpin")
    await room.command("note Status page is red")
    await room.command("report")
    await room.command("report edit impact 3 payments")
    assert "at home" in room.pages()["Timeline"].plain()

    asked = await room.command(f"redact {slip.ts}")
    answer = await (await room.ana.click(asked, "Take it out")).reply()
    await room.work()
    assert "I take it out of what I shared of the report" in answer.plain()
    assert "at home" not in room.pages()["Timeline"].plain()

    async with room.bot.store._pool.connection() as connection:
        kept = await connection.execute(
            """select 1 from reports where sections::text like '%at home%'
               union select 1 from tasks where text like '%at home%'"""
        )
        assert await kept.fetchall() == []
    assert "Status page is red" in room.pages()["Timeline"].plain()


async def test_entries_that_people_dropped_or_changed_are_so_in_the_report(room: Room) -> None:
    dropped = await room.hear(room.ben, "the provider is down")
    changed = await room.hear(room.ben, "the provider is up")
    for message in (dropped, changed):
        await room.ana.react(message, "pushpin")
    await room.command(f"entry drop {dropped.ts}")
    await room.command(f"entry edit {changed.ts} The provider renewed its certificate")

    await room.command("report")

    timeline = room.pages()["Timeline"].plain()
    assert "is down" not in timeline
    assert "ben: The provider renewed its certificate (edited by ana)" in timeline


async def test_entries_are_chosen_in_a_form_and_the_others_stay_in_the_record(room: Room) -> None:
    first = await room.hear(room.ben, "the provider is down")
    await room.ana.react(first, "pushpin")
    await room.command("note Status page is red")
    await room.command("report")

    await leave_out(room, "the provider is down", there="Status page is red")
    await leave_out(room, "Status page is red", there="the provider is down")


async def leave_out(room: Room, gone: str, *, there: str) -> None:
    """Choose all entries but one, and see the timeline of the report."""
    await room.ben.click(room.pages()["Timeline"], "Choose entries")
    form = await room.ben.wait_for_modal("Status page is red")
    offered = next(block for block in form.blocks if block["block_id"] == "entries")["element"]["options"]
    kept = [option["value"] for option in offered if gone not in option["text"]["text"]]
    await room.ben.submit(form, {"Entries": kept})
    await room.shows("Timeline", there)
    await until(lambda: gone not in room.pages()["Timeline"].plain())
