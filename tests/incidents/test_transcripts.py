"""Transcripts and exports read from files, through the command line as people call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.incidents.transcripts import read_transcript

CHANNEL = "C1"
PEOPLE: dict[str, dict[str, Any]] = {
    "U1": {"name": "rosa", "tz": "Europe/Lisbon"},
    "U2": {"name": "ivo", "tz": "Mars/Olympus"},
    "U9": {"name": "robot", "tz": "UTC", "is_bot": True},
}


def ts(second: int) -> str:
    return f"{1772445600 + second}.000100"


def message(second: int, text: str, **more: object) -> dict[str, Any]:
    return {"type": "message", "ts": ts(second), "user": "U1", "text": text, "channel": CHANNEL, **more}


def changed(second: int, of: int, text: str, **more: object) -> dict[str, Any]:
    inner = message(of, text, edited={"user": "U1", "ts": ts(second)}, **more)
    return {"type": "message", "subtype": "message_changed", "ts": ts(second), "channel": CHANNEL, "message": inner}


def deleted(second: int, of: int) -> dict[str, Any]:
    before = message(of, "sk_live_4eC39HqLyjWDarjtT1zdp7dc oh no")
    return {
        "type": "message",
        "subtype": "message_deleted",
        "ts": ts(second),
        "deleted_ts": ts(of),
        "previous_message": before,
    }


def reaction(second: int, of: int, *, name: str = "pushpin", user: str = "U2", added: bool = True) -> dict[str, Any]:
    kind = "reaction_added" if added else "reaction_removed"
    item = {"type": "message", "channel": CHANNEL, "ts": ts(of)}
    return {"type": kind, "user": user, "reaction": name, "item": item, "event_ts": ts(second)}


def written(folder: Path, *events: object) -> Path:
    path = folder / "transcript.json"
    path.write_text(json.dumps({"channel": {"name": "inc-7"}, "users": PEOPLE, "events": events}))
    return path


def exported(folder: Path, **channels: list[dict[str, Any]]) -> Path:
    users: list[Any] = [
        {"id": key, "profile": {"display_name": who["name"]}, "tz": who["tz"]} for key, who in PEOPLE.items()
    ]
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "channels.json").write_text(json.dumps([{"id": "C1", "name": name} for name in channels]))
    for name, messages in channels.items():
        (folder / name).mkdir()
        (folder / name / "2026-03-02.json").write_text(json.dumps(messages))
    return folder


def draft(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["incident", "draft", *map(str, arguments)])


def drafted(path: Path) -> Any:  # noqa: ANN401 - what JSON has
    done = draft(path, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("whole_folder", [True, False], ids=["folder", "file"])
def test_a_draft_has_the_timeline_the_moments_and_the_report(tmp_path: Path, *, whole_folder: bool) -> None:
    path = written(
        tmp_path,
        message(0, "checkout fails with 503 for all customers since 09:55"),
        message(60, "sev high, I'm IC. <@U2> please restart it", thread_ts=ts(60)),
        message(180, "restarted gw-1 and gw-2, 40/40 requests are ok", user="U2"),
        message(600, "all green, closing. <@U2> an alert on 503 please"),
    )

    found = drafted(tmp_path if whole_folder else path)

    assert set(found) == {
        *("started", "detected", "mitigated", "resolved", "severity", "impact"),
        *("timeline", "action_items", "report"),
    }
    assert found["started"]["time"] == "2026-03-02T09:55:00Z"
    assert found["resolved"] == {"time": "2026-03-02T10:10:00Z", "how": "said by rosa", "source": [ts(600)]}
    assert found["severity"] == "High"
    assert found["action_items"] == [{"text": "an alert on 503 please", "owner": "ivo", "source": [ts(600)]}]
    assert found["timeline"][1] == {
        "ts": ts(60),
        "time": "2026-03-02T10:01:00Z",
        "user": "rosa",
        "text": "sev high, I'm IC. @ivo please restart it",
        "phase": "decide",
        "source": [ts(60)],
    }
    assert found["report"].startswith("## Incident Report\n")


def test_without_json_the_report_is_printed(tmp_path: Path) -> None:
    path = written(tmp_path, message(0, "checkout fails with 503 for all customers"))

    assert draft(path).stdout == drafted(path)["report"] + "\n"


def test_of_a_talk_in_which_nobody_says_that_it_is_over_nothing_says_that_it_goes_on(tmp_path: Path) -> None:
    found = drafted(written(tmp_path, message(0, "checkout fails with 503 for all customers")))

    assert found["resolved"]["time"] is None
    assert "10:00 UTC - TODO: end time (" in found["report"]
    assert "When it ended is not known." in found["report"]
    assert "not resolved yet" not in found["report"]


def test_a_message_counts_as_it_was_last_edited_whatever_comes_first(tmp_path: Path) -> None:
    events = [message(0, "72 rows are wrong"), changed(90, 0, "27 rows are wrong"), changed(60, 0, "72 rows are bad")]

    for order in (events, events[::-1]):
        (said,) = read_transcript(written(tmp_path, *order)).conversation.said

        assert (said.ts, said.text) == (ts(0), "27 rows are wrong")


def test_a_change_that_only_expands_a_link_is_no_edit(tmp_path: Path) -> None:
    preview = {"from_url": "https://status.example", "text": "All systems are down"}

    path = written(tmp_path, message(0, "see x"), changed(5, 0, "see x", attachments=[preview]))
    (said,) = read_transcript(path).conversation.said

    assert (said.text, said.edited) == ("see x", ())


@pytest.mark.parametrize("late", [True, False], ids=["deletion first", "message first"])
def test_a_deleted_message_is_in_no_part_of_the_draft(tmp_path: Path, *, late: bool) -> None:
    gone = [message(30, "the database password is in here, 503 for all customers"), deleted(40, 30)]
    path = written(tmp_path, message(0, "checkout fails with 503"), *(gone[::-1] if late else gone), reaction(50, 30))

    done = draft(path, "--json")

    assert "password is in here" not in done.stdout
    assert ts(30) not in done.stdout
    assert "sk_live" not in done.stdout


def test_a_channel_in_which_nothing_is_worth_an_entry_is_drafted_all_the_same(tmp_path: Path) -> None:
    found = drafted(written(tmp_path, message(0, "checkout down")))

    assert found["timeline"] == []
    assert found["detected"]["source"] == [ts(0)]


def test_a_pushpin_that_was_taken_back_marks_nothing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        message(0, "a"),
        message(1, "b"),
        reaction(2, 0),
        reaction(3, 1),
        reaction(4, 1, added=False),
        reaction(5, 1, name="eyes"),
    )

    first, second = read_transcript(path).conversation.said

    assert (first.marked, second.marked) == (("U2",), ())
    assert second.reactions == {"eyes": ("U2",)}


def test_an_alert_that_only_has_blocks_or_attachments_is_read_from_them(tmp_path: Path) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Latency high*"}, "fields": [{"text": "p95 9s"}]}]
    parts = [{"type": "text", "text": "db is "}, {"type": "text", "text": "down"}]
    rich = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}]
    attachment = {"title": "Disk full", "fields": [{"title": "Host", "value": "db-1"}], "fallback": "no"}
    bot: dict[str, Any] = {"subtype": "bot_message", "username": "alerts", "bot_id": "B1", "user": None}

    path = written(
        tmp_path,
        message(0, "", blocks=blocks, **bot),
        message(1, "", attachments=[attachment], **bot),
        message(2, "", blocks=rich, **bot),
    )

    said = read_transcript(path).conversation.said
    assert [each.text for each in said] == ["*Latency high*\np95 9s", "Disk full\nHost: db-1", "db is down"]
    assert {(each.name, each.bot) for each in said} == {("alerts", True)}


def test_joins_and_topics_are_nothing_that_somebody_said(tmp_path: Path) -> None:
    path = written(
        tmp_path, message(0, "x", subtype="channel_join"), message(1, "y", subtype="channel_topic"), message(2, "z")
    )

    assert [each.text for each in read_transcript(path).conversation.said] == ["z"]


def test_references_are_read_as_words(tmp_path: Path) -> None:
    path = written(tmp_path, message(0, "<@U2> look at <https://x.example/a|this> &amp; p95 &gt; 2s <#C7|ops>"))

    (said,) = read_transcript(path).conversation.said

    assert said.text == "@ivo look at this (https://x.example/a) & p95 > 2s #ops"


def test_a_secret_that_somebody_pasted_is_not_printed(tmp_path: Path) -> None:
    path = written(tmp_path, message(0, "fails with 503, key is sk_live_4eC39HqLyjWDarjtT1zdp7dc"), reaction(1, 0))

    for done in (draft(path, "--json"), draft(path)):
        assert "4eC39HqLyjWDarjtT1zdp7dc" not in done.output
        assert "redacted:api-key" in done.output


def test_an_export_is_read_with_its_names_reactions_and_pins(tmp_path: Path) -> None:
    folder = exported(
        tmp_path,
        general=[
            message(
                0, "checkout fails with 503 for <@U2>", reactions=[{"name": "pushpin", "users": ["U2"], "count": 1}]
            ),
            message(1, "x", subtype="channel_join"),
            message(2, "so it was the cache", user="U2", pinned_to=["C1"], thread_ts=ts(0)),
            message(3, "hello", user="U77", user_profile={"real_name": "Guest"}),
        ],
    )

    said = read_transcript(folder).conversation.said

    assert [(each.name, each.text, bool(each.marked)) for each in said] == [
        ("rosa", "checkout fails with 503 for @ivo", True),
        ("ivo", "so it was the cache", True),
        ("Guest", "hello", False),
    ]
    assert said[1].thread_ts == ts(0)
    assert read_transcript(folder / "general").conversation == read_transcript(folder).conversation


def _without(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_text("{}")
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda f: f / "none.json", "There is no"),
        (lambda f: f / "..", "is neither a transcript nor a Slack export"),
        (lambda f: _without("x.json", f), "x.json is no transcript: events: Field required"),
        (lambda f: written(f / "."), "Nobody said anything in inc-7"),
        (lambda f: written(f, message(0, "a"), 7), "event 1 is not as Slack sends it"),
        (lambda f: written(f, message(0, "a", ts="soon")), "event 0 is not as Slack sends it: ts: "),
        (lambda f: written(f, message(0, "a") | {"text": 5}), "event 0 is not as Slack sends it: text"),
        (lambda f: exported(f, a=[message(0, "a")], b=[message(0, "b")]), "has 2 channels with messages"),
        (lambda f: exported(f, a=[{"ts": ""}]), "2026-03-02.json: message 0 is not as Slack exports it"),
    ],
    ids=["missing", "an empty folder", "no events", "nothing said", "no event", "ts", "text", "two channels", "export"],
)
def test_what_cannot_be_read_is_named_with_its_fault_and_exits_with_two(tmp_path: Path, make: Any, told: str) -> None:  # noqa: ANN401 - a lambda
    done = draft(make(tmp_path), "--json")

    assert done.exit_code == 2
    assert told in done.output
    assert "Traceback" not in done.output
    assert done.stdout == ""


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000], ids=["cut", "no text", "deep"])
def test_what_is_no_json_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)

    done = draft(path)

    assert done.exit_code == 2
    assert "broken.json is no JSON" in done.output
