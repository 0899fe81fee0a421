from hypothesis import given
from hypothesis import strategies as st

from bot.core.results import Form, FormField, FormKind
from bot.views import CALLBACK, answers, modal, render
from bot.views.payload import Json

FORM = Form(
    "A title that is much too long for Slack",
    "Continue",
    "row-1",
    (
        FormField("severity", "Severity", FormKind.CHOICE, choices=("High", "Low"), value="High"),
        FormField("title", "Title", error="title is missing."),
        FormField("details", "Details", FormKind.PARAGRAPH, required=False, value="x", hint="Some."),
        FormField("private", "Private", FormKind.TICK, required=False, value="true"),
    ),
    intro="Opens <a> channel.",
)


def test_a_modal_carries_the_row_and_nothing_else() -> None:
    view = modal(FORM)

    assert (view["callback_id"], view["private_metadata"]) == (CALLBACK, "row-1")
    assert len(view["title"]["text"]) == 24
    assert view["blocks"][0]["text"]["text"] == "Opens &lt;a&gt; channel."


def test_each_kind_of_question_has_its_element() -> None:
    inputs = {block["block_id"]: block for block in modal(FORM)["blocks"][1:]}

    assert {name: block["element"]["type"] for name, block in inputs.items()} == {
        "severity": "static_select",
        "title": "plain_text_input",
        "details": "plain_text_input",
        "private": "checkboxes",
    }
    assert inputs["severity"]["element"]["initial_option"]["value"] == "High"
    assert inputs["title"]["hint"]["text"] == "✗ title is missing."
    assert inputs["title"]["optional"] is False
    assert inputs["details"]["element"]["multiline"] is True
    assert inputs["details"]["element"]["initial_value"] == "x"
    assert inputs["private"]["element"]["initial_options"][0]["value"] == "true"


def test_answers_come_back_by_field_and_what_was_left_empty_is_not_there() -> None:
    state: dict[str, dict[str, Json]] = {
        "severity": {"answer": {"type": "static_select", "selected_option": {"value": "Low"}}},
        "lasts": {"answer": {"type": "static_select", "selected_option": None}},
        "title": {"answer": {"type": "plain_text_input", "value": "it's down"}},
        "details": {"answer": {"type": "plain_text_input", "value": None}},
        "private": {"answer": {"type": "checkboxes", "selected_options": [{"value": "true"}]}},
        "loud": {"answer": {"type": "checkboxes", "selected_options": []}},
    }

    assert answers(state) == {"severity": "Low", "title": "it's down", "private": "true"}


@given(st.text(alphabet="ab \n", max_size=40), st.lists(st.integers(1, 2_000), max_size=8))
def test_a_text_of_any_length_comes_back_as_it_was_shown(seed: str, lengths: list[int]) -> None:
    words = [(seed or "x") * 40, *("word " * (length // 5) + "x" * (length % 700) for length in lengths)]
    text = "\n".join(each.strip() or "x" for each in words)
    blocks = modal(Form("Edit", "Continue", "row-1", (FormField("text", "Text", FormKind.PARAGRAPH, value=text),)))[
        "blocks"
    ]
    shown = {block["block_id"]: block["element"].get("initial_value") for block in blocks}

    assert answers({name: {"answer": {"value": value}} for name, value in sorted(shown.items())}) == {"text": text}
    assert all(len(value or "") <= 3_000 for value in shown.values())


def test_a_long_text_has_an_empty_input_for_more() -> None:
    field = FormField("text", "Text", FormKind.PARAGRAPH, value=f"{'a' * 2_000}\n{'b' * 2_000}")
    blocks = modal(Form("Edit", "Continue", "row-1", (field,)))["blocks"]

    assert [(block["label"]["text"], block["optional"]) for block in blocks] == [
        ("Text", False),
        ("Text, part 2 of 2", True),
        ("Text, more", True),
    ]
    assert "initial_value" not in blocks[2]["element"]


def test_without_a_modal_the_questions_are_told() -> None:
    text = render(FORM).text

    assert "needs to know more" in text
    assert "• Title" in text
    assert "• Details (optional)" in text
