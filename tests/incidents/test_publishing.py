"""What keeps a report from being final, and what becomes of one that is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.clock import now
from bot.core.command import Context
from bot.core.parts import State
from bot.core.readings import Reading
from bot.demo.workspace import Seen
from bot.incidents.report import finish
from tests.fixtures_incident import Room
from tests.fixtures_slack import SECRET
from tests.incidents.desk import ANA
from tests.waiting import until


async def finished(room: Room) -> None:
    """An incident that is over, and a report of it that lacks nothing."""
    await room.hear(room.ben, f"the provider is down, its key is {SECRET}")
    await room.command("resolve The provider renewed its certificate")
    await room.command("report")
    await room.command("report edit root-cause The certificate of the provider had expired")
    await room.command("report edit lessons-learned Watch certificates of others too")
    await room.command("action add Probe the provider --owner me")


def markdown(room: Room) -> list[str]:
    return [file.content.decode() for file in room.workspace.core.store.files.values() if file.name.endswith(".md")]


async def test_what_is_missing_keeps_a_report_from_being_final(room: Room) -> None:
    await room.command("report")
    await room.command("action add Do something")

    refused = (await room.command("report final")).plain()

    for line in (
        "The report cannot be final yet.",
        "Lessons Learned has a TODO: what we learned",
        "Time does not say START - END",
        'The action item "Do something" has no owner.',
    ):
        assert line in refused
    assert not (await room.version()).final


@pytest.mark.parametrize(
    ("section", "text", "said"),
    [
        ("time", "15:10 CET - 14:05 CET", "Time ends before it starts."),
        ("severity", "bad", "Severity is none of Critical, High, Medium, Low."),
        ("impact", "TODO: count them", "Impact has a TODO: count them"),
    ],
)
async def test_each_fault_is_said(room: Room, section: str, text: str, said: str) -> None:
    await finished(room)
    await room.command(f"report edit {section} {text}")

    refused = (await room.command("report final")).plain()

    assert said in refused
    assert not (await room.version()).final


@pytest.mark.row("T")
async def test_a_final_report_is_pinned_shared_kept_as_a_canvas_and_posted_where_reports_are_read(room: Room) -> None:
    await finished(room)

    answer = await room.command("report final")
    await room.command("report final")

    head = room.pages()["Summary"]
    reports = next(c for c in room.workspace.core.store.channels.values() if c.name == "reports")
    assert "is final" in answer.plain()
    assert "final, version" in head.plain()
    assert "Make final" not in head.buttons()
    assert head.pinned
    (canvas,) = room.workspace.core.store.canvases.values()
    assert canvas.tab_of == room.channel.id
    assert "### Root Cause\nThe certificate of the provider had expired" in canvas.markdown
    posted = [message for message in reports.messages.values() if "Incident Report 1" in message.text]
    assert len(posted) == 1
    assert len(markdown(room)) == 2  # one in each channel
    for text in (canvas.markdown, *markdown(room), *(str(message.blocks) for message in posted)):
        assert SECRET not in text


async def test_a_final_report_that_is_edited_is_a_draft_again_and_the_final_version_is_kept(room: Room) -> None:
    await finished(room)
    await room.command("report final")
    await room.command("report edit impact 312 payments failed")
    again = await room.command("report final")

    listed = (await room.command("report history")).plain()
    canvases = room.workspace.core.store.canvases.values()
    assert listed.count("final") == 2
    assert "is final" in again.plain()
    assert [canvas.readers for canvas in canvases] == [{room.channel.id}] * 2


async def test_where_canvases_are_not_allowed_the_rest_happens_and_it_is_said(room: Room) -> None:
    await finished(room)
    room.workspace.scopes.discard("canvases:write")

    answer = await room.command("report final")

    assert "Could not keep it as a canvas: missing_scope." in answer.plain()
    assert room.pages()["Summary"].pinned


async def test_where_files_are_not_allowed_the_message_is_posted_where_reports_are_read_and_that_is_said(
    room: Room,
) -> None:
    await finished(room)
    room.workspace.scopes.discard("files:write")

    answer = (await room.command("report final")).plain()

    assert "Could not share it as a file: missing_scope." in answer
    assert "Could not post it to #reports: its message stands there without its file (missing_scope)." in answer
    assert "`opsbot check` names it" in answer or "opsbot check names it" in answer
    reports = room.workspace.core.store.channels[room.rules.reports]
    assert sum("Incident Report 1" in message.text for message in reports.messages.values()) == 1


async def redact(room: Room, slip: Seen) -> None:
    """Take a message out of the record, with all that comes of it."""
    question = await room.command(f"redact {slip.ts}")
    await (await room.ana.click(question, "Take it out")).reply()
    await room.work()


async def published(room: Room) -> Seen:
    """A final report, shared in each way, that has something in it which should not have been said."""
    slip = await room.hear(room.ben, "the spare key is in the blue vase")
    await room.ana.react(slip, "pushpin")
    await room.workspace.settled()
    async with room.bot.store.transaction() as tx:
        near = datetime.now(UTC)
        await tx.readings.add([Reading("gateway", "Error rate", near, State.FAIL, 7.5, "%", "7.5 %")])
    await finished(room)
    for line in ("report final", "report export html", "report export json"):
        await room.command(line)
    return slip


async def test_what_is_redacted_is_in_no_file_no_canvas_and_no_message_of_the_report_any_more(room: Room) -> None:
    slip = await published(room)
    slack = room.workspace.core.store
    before = [file for file in slack.files.values() if b"blue vase" in file.content]
    named = sorted((file.name, *file.channels) for file in slack.files.values())
    assert len(before) == 4  # Markdown in two channels, a page, and JSON
    assert all("blue vase" in canvas.markdown for canvas in slack.canvases.values())

    await redact(room, slip)

    shown = [each.plain() for each in room.ben.sees(room.channel) if each.ts != slip.ts]  # which is ben's to delete
    reports = next(c for c in slack.channels.values() if c.name == "reports")
    told = [str((message.text, message.blocks)) for message in reports.messages.values()]
    assert not any("blue vase" in text for text in [*shown, *told])
    assert not any(b"blue vase" in file.content for file in slack.files.values())
    assert not {file.id for file in before} & slack.files.keys()
    (canvas,) = slack.canvases.values()
    assert canvas.tab_of == room.channel.id
    assert "blue vase" not in canvas.markdown
    assert "### Root Cause\nThe certificate of the provider had expired" in canvas.markdown
    assert sorted((file.name, *file.channels) for file in slack.files.values()) == named  # each was made anew


async def test_the_message_in_the_channel_of_reports_loses_what_is_redacted_too(room: Room) -> None:
    slip = await room.hear(room.ben, "the spare key is in the blue vase")
    await finished(room)
    await room.command(f"report edit impact Nobody [could pay](#{slip.ts})")
    await room.command("report final")
    reports = next(c for c in room.workspace.core.store.channels.values() if c.name == "reports")
    assert any("could pay" in str(message.blocks) for message in reports.messages.values())

    await redact(room, slip)

    assert not any("could pay" in str(message.blocks) for message in reports.messages.values())
    assert any("Critical" in str(message.blocks) for message in reports.messages.values())


async def test_what_slack_does_not_let_the_bot_take_back_is_said_in_the_channel_and_tried_again(room: Room) -> None:
    slip = await published(room)
    scopes = room.workspace.scopes
    scopes -= {"files:write", "canvases:write"}

    await redact(room, slip)

    (said,) = [each.plain() for each in room.ben.sees(room.channel) if "still stands in Slack" in each.plain()]
    for name in ("incident-1-report-v5.md in #", "incident-1-report.html", "Incident Report 1: Card payments fail"):
        assert f"Could not take it out of {name}" in said
    assert said.count("missing_scope") == 6
    assert "blue vase" not in said

    scopes |= {"files:write", "canvases:write"}
    other = await room.hear(room.ben, "and the other one is under the mat")
    await redact(room, other)

    assert not any(b"blue vase" in file.content for file in room.workspace.core.store.files.values())
    assert not any("blue vase" in canvas.markdown for canvas in room.workspace.core.store.canvases.values())


async def test_a_ticked_action_item_leaves_a_final_report_as_it_was(room: Room) -> None:
    await finished(room)
    await room.command("report final")
    before = await room.version()

    assert "0 to do, 1 done" in (await room.command("action done 1")).plain()

    assert await room.version() == before


async def test_the_report_of_a_private_incident_stays_in_its_channel(room: Room) -> None:
    await finished(room)
    async with room.bot.store._pool.connection() as connection:
        await connection.execute("update incidents set private = true")

    await room.command("report final")

    reports = next(c for c in room.workspace.core.store.channels.values() if c.name == "reports")
    files = room.workspace.core.store.files.values()
    assert not reports.messages
    assert {channel for file in files for channel in file.channels} == {room.channel.id}


async def test_a_report_is_exported_with_a_chart_of_the_error_rate_whose_gaps_are_gaps(room: Room) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    readings = [
        Reading("gateway", "Error rate", start + timedelta(minutes=minute), State.FAIL, value, "%", f"{value} %")
        for minute, value in enumerate([0.4, 7.5, None, 6.0])
    ]
    async with room.bot.store.transaction() as tx:
        await tx.readings.add(readings)
    await finished(room)
    await room.command("report")

    await room.command("report export")
    await room.command("report export html")
    await room.command("report export json")

    files = {file.name: file for file in room.workspace.core.store.files.values()}
    picture = files["incident-1-errors.png"]
    assert picture.content.startswith(b"\x89PNG")
    assert "Error rate of gateway: 0.4 to 7.5 %, 6 % at last, not known 1 of 4 times." in picture.alt
    page = files["incident-1-report.html"].content.decode()
    assert '<img src="data:image/png;base64,' in page
    assert SECRET not in page
    read = json.loads(files["incident-1-report.json"].content)
    assert read["sections"]["root-cause"] == ["The certificate of the provider had expired"]
    assert read["action_items"] == [
        {"number": 1, "text": "Probe the provider", "owner": room.ana.id, "state": "open"},
    ]
    near = room.pages()["Summary"].plain()
    assert re.search(r"Error rate of gateway: 6\.0 % \(measured \d\d:\d\d:\d\d CES?T\) when declared", near)


async def test_buttons_export_and_make_final(room: Room) -> None:
    await finished(room)
    await room.ana.click(room.pages()["Summary"], "Export")
    form = await room.ana.wait_for_modal()
    await room.ana.submit(form, {"Format": "md"})
    await until(lambda: len(markdown(room)) == 1)

    await room.ana.click(room.pages()["Summary"], "Make final")
    await room.shows("Summary", "final, version")

    assert (await room.version()).final


def bookmarks(room: Room) -> list[tuple[str, str]]:
    return [(bookmark.title, bookmark.link) for bookmark in room.channel.bookmarks.values()]


async def test_the_report_is_linked_above_the_channel_from_its_first_draft_on_once(room: Room) -> None:
    await room.command("report")
    await room.command("report")
    await room.ana.click(room.pages()["Summary"], "Draft anew")
    await finished(room)
    await room.command("report final")

    links = [link for title, link in bookmarks(room) if title == "Report"]
    assert len(links) == 1
    assert links[0].endswith(f"/archives/{room.channel.id}/p{room.pages()['Summary'].ts.replace('.', '')}")


async def test_a_link_that_the_scopes_do_not_allow_is_said_with_what_to_do_and_comes_once_they_do(room: Room) -> None:
    room.workspace.scopes.discard("bookmarks:write")
    refused = (await room.command("report")).plain()
    room.workspace.scopes.add("bookmarks:write")
    await room.command("report")

    assert "Could not link the report above the channel: missing_scope." in refused
    assert "opsbot check names it" in refused
    assert [title for title, _ in bookmarks(room)].count("Report") == 1


_PARTS = [
    pytest.param("pins.add", id="pin"),
    pytest.param("files.getUploadURLExternal", id="file"),
    pytest.param("canvases.create", id="canvas"),
    pytest.param("chat.postMessage", id="reports channel"),
]


@pytest.mark.parametrize("method", _PARTS)
async def test_what_slack_has_no_time_for_at_the_end_is_done_later_and_once(room: Room, method: str) -> None:
    await finished(room)
    await room.command("report final")
    await room.command("report edit impact 312 payments failed")
    room.workspace.faults.fail(method, "service_unavailable", times=2)

    answer = (await room.command("report final")).plain()
    await room.later(timedelta(minutes=5))
    await room.later(timedelta(minutes=30))
    await room.later(timedelta(hours=9))

    store = room.workspace.core.store
    reports = next(c for c in store.channels.values() if c.name == "reports")
    assert "is final" in answer
    assert "I go on with the rest by myself" in answer
    assert len(markdown(room)) == 4
    assert len(store.canvases) == 2
    assert len([message for message in reports.messages.values() if "Incident Report 1" in message.text]) == 2
    assert room.pages()["Summary"].pinned


async def test_a_bot_that_ends_while_a_report_is_made_final_leaves_the_rest_to_another_one(room: Room) -> None:
    await finished(room)
    async with room.bot.store.transaction() as tx:
        incident = await tx.incidents.get(1)
    await finish(Context(ANA, room.channel.id, now()), incident, store=room.bot.store)

    await room.later(timedelta(minutes=3))
    await room.later(timedelta(minutes=6))

    assert len(markdown(room)) == 2
    assert room.pages()["Summary"].pinned


async def test_what_never_works_out_is_said_in_the_channel_in_the_end(room: Room) -> None:
    await finished(room)
    room.workspace.faults.fail("pins.add", "service_unavailable", times=100)
    await room.command("report final")

    for each in range(1, 7):
        await room.later(timedelta(hours=each * 4))

    told = [each.plain() for each in room.ben.sees(room.channel) if "The report in Slack" in each.plain()]
    assert len(told) == 1
    assert "Could not pin the report: service_unavailable." in told[0]
    assert "/incident report final tries again." in told[0]
