"""What a reader sees of each kind of result."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.core.incident_results import Timeline, TimelineEntry
from bot.core.parts import Button, State
from bot.core.prose import Bold, Channel, Code, Link, Person, When
from bot.core.results import (
    Check,
    Checklist,
    ChecklistItem,
    ChecklistState,
    Checks,
    Failure,
    Field,
    Fields,
    HelpIndex,
    LogLines,
    PlanCard,
    PlanState,
    Result,
    StepState,
    Table,
    Text,
)
from bot.views import Payload, render

AT = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)


def shown(payload: Payload) -> str:
    return json.dumps(payload.blocks, ensure_ascii=False)


@pytest.mark.parametrize(
    ("result", "first"),
    [
        (Text(("All is well.",), title="Status", state=State.OK), "Status: ✓ ok · All is well."),
        (Fields("Backup", (Field("Age", "3 h"),), State.WARN), "Backup · ▲ warn"),
        (Table("Workers", ("#",), (("1",), ("2",))), "Workers: 2 rows"),
        (Table("Workers", ("#",), (), empty="None runs."), "Workers: None runs."),
        (LogLines("Errors", ("boom",)), "Errors: 1 line"),
        (LogLines("Errors", ("",)), "Errors: 1 line"),
        (Checks("Daily", (), AT), "Daily: ? unknown · nothing was checked"),
        (Failure("It broke."), "✗ fail · It broke."),
        (Checklist("Rotation", ChecklistState.OPEN, ()), "Rotation: ◌ open · 0 of 0 done"),
    ],
)
def test_the_first_line_of_the_text_says_the_whole_point(result: Result, first: str) -> None:
    assert render(result).text.splitlines()[0] == first


def test_the_worst_check_leads_and_says_why() -> None:
    checks = (Check("A", State.OK, "1"), Check("B", State.UNKNOWN, "", "", "no answer"), Check("C", State.FAIL, "0"))

    text = render(Checks("Daily", checks, AT)).text

    assert text.splitlines()[0] == "Daily: ✗ fail · 3 checks: 1 fail, 1 unknown, 1 ok"
    assert text.index("*C*") < text.index("*B*") < text.index("no answer") < text.index("*A*")


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    payload = render(Table("Rows", ("n", "who"), tuple((str(n), (Person("U1A"),)) for n in range(500))))

    rows = payload.blocks[1]["rows"]
    assert rows[0][0] == {"type": "raw_text", "text": "n"}
    assert f"… {500 - (len(rows) - 1)} more" in shown(payload)
    assert payload.text.endswith("… 495 more")


def test_a_table_whose_rows_are_all_too_wide_still_says_what_there_is() -> None:
    wide = tuple(("x" * 5_000,) * 20 for _ in range(3))

    payload = render(Table("Rows", ("n",) * 20, wide))

    assert "… " in shown(payload)
    assert payload.text.startswith("Rows: 3 rows")


def test_a_cell_holds_more_than_text() -> None:
    cell = (Person("U1A"), Channel("C1A"), When(AT), Code("x"), Bold("y"), Link("https://x.io", "z"), " <!here>")
    odd = (Person("nobody"), Channel("<!here>"), Link("javascript:x", "z"))

    payload = render(Table("T", ("a", "b", "c"), ((cell, odd, (Code(""), "")),)))

    first, second, third = payload.blocks[1]["rows"][1]
    assert [part["type"] for part in first["elements"][0]["elements"]] == [
        "user",
        "channel",
        "date",
        "text",
        "text",
        "link",
        "text",
    ]
    assert [part["text"] for part in second["elements"][0]["elements"]] == ["nobody", "<!here>", "z (javascript:x)"]
    assert third == {"type": "raw_text", "text": "-"}


def test_log_lines_stand_letter_by_letter_in_preformatted_text() -> None:
    payload = render(LogLines("Log", ("<!channel> *a*", "b"), left_out="2 debug lines"))

    assert payload.blocks[1]["elements"][0]["type"] == "rich_text_preformatted"
    assert payload.blocks[1]["elements"][0]["elements"][0]["text"] == "<!channel> *a*\nb"
    assert payload.file is None
    assert "2 debug lines" in payload.text


def test_many_log_lines_show_the_newest_and_come_as_a_file() -> None:
    lines = tuple(f"line {number}" for number in range(1_000))

    payload = render(LogLines("Log", lines))

    text = payload.blocks[1]["elements"][0]["elements"][0]["text"]
    assert text.endswith("\nline 999")
    assert payload.file is not None
    assert payload.file.content == "\n".join(lines) + "\n"
    assert f"… {1_000 - text.count('line')} more" in payload.text


def test_one_log_line_that_is_too_long_is_cut_and_comes_as_a_file() -> None:
    payload = render(LogLines("Log", ("x" * 10_000,)))

    assert payload.blocks[1]["elements"][0]["elements"][0]["text"].endswith("…")
    assert payload.file is not None


def test_a_plan_shows_old_and_new_and_what_comes_next() -> None:
    change = Field("MODE", (Code("false"), " → ", Code("true")))
    card = PlanCard("On", "gateway", "prod", PlanState.PROPOSED, (change,), ("pm2 reload",), reason="a <b>")

    payload = render(card)

    assert payload.text.splitlines()[0] == "Plan: On · gateway (prod) · ◌ proposed"
    assert "MODE: `false` → `true`" in payload.text
    assert "Waits to be confirmed" in payload.text
    assert "Reason: a &lt;b&gt;" in shown(payload)


def test_a_button_names_its_effect_again_before_it_counts() -> None:
    button = Button("Close it", "x.close", "r1", confirm="Close incident 12?")

    element = render(Text(("x",), buttons=(button,))).blocks[-1]["elements"][0]

    assert (element["action_id"], element["value"]) == ("x.close", "r1")
    assert element["confirm"]["confirm"]["text"] == "Close it"
    assert element["confirm"]["text"]["text"] == "Close incident 12?"


def test_buttons_of_one_verb_stand_in_blocks_of_their_own() -> None:
    undo = [Button("Undo", "lease.undo", str(number)) for number in range(12)]

    payload = render(Text(("x",), buttons=tuple(undo)))

    assert sum(block["type"] == "actions" for block in payload.blocks) == 10
    assert "… 2 more buttons are left out." in shown(payload)


def test_what_does_not_fit_is_counted_and_the_buttons_stay() -> None:
    fields = tuple(Field("name", "x" * 1_000) for _ in range(100))

    payload = render(Fields("Much", fields, buttons=(Button("Go", "go", "1"),)))

    assert "more parts left out" in shown(payload)
    assert payload.blocks[-1]["type"] == "actions"


def test_a_long_timeline_is_cut_at_a_line_and_comes_as_a_file() -> None:
    entries = (TimelineEntry(AT, "Ada", "it & she <ok>"),) * 900

    payload = render(Timeline("Timeline", entries, left_out="3 jokes"))

    assert payload.file is not None
    assert payload.file.name == "timeline.md"
    assert payload.file.content.count("it &amp; she &lt;ok&gt;\n") == 900
    assert "Left out: 3 jokes" in payload.file.content
    assert "more lines; the whole of it is in the file timeline.md" in payload.text


def test_the_index_names_families_where_there_are_several() -> None:
    one = (("/ops lamp on", "Turn it on."),)

    assert "*lamp*" not in render(HelpIndex("/ops lamp", (("lamp", one),))).text
    assert "*lamp*" in render(HelpIndex("/ops", (("", one), ("lamp", one)))).text


def test_an_item_says_whether_a_person_or_the_bot_saw_it() -> None:
    items = (
        ChecklistItem("Key made", StepState.DONE, by="U1A", at=AT),
        ChecklistItem("Key loaded", StepState.DONE, at=AT, evidence="2 workers"),
        ChecklistItem("Old key revoked", StepState.WAITING, by="U1A"),
    )

    lines = render(Checklist("Rotation", ChecklistState.OPEN, items)).text.splitlines()

    assert lines[0] == "Rotation: ◌ open · 2 of 3 done"
    assert "said by <@U1A>" in lines[1]
    assert "Key loaded · observed" in lines[2]
    assert lines[-1] == "3. ◌ waiting · Old key revoked"
