from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from bot.core.command import Args, Command, Context
from bot.core.errors import UsageError
from bot.core.forms import form
from bot.core.parse import gather, option, validate, words
from bot.core.plan import Plan
from bot.core.results import Form, FormField, FormKind, Result, Text


class Open(Args):
    severity: Literal["High", "Low"]
    private: bool = option(default=False, description="Only for those invited.")
    lasts: timedelta | None = option(None, "How long.", alias="for")
    title: str = words(..., "What is wrong.")


async def run(_ctx: Context, _args: Open) -> Result:
    """Open an incident."""
    return Text(())


async def plan(_ctx: Context, _args: Open) -> Plan:
    """Open it later."""
    raise NotImplementedError


OPEN = Command(("incident", "open"), Open, run=run)


def test_the_form_asks_what_the_text_would_have_said() -> None:
    assert form(OPEN, row_id="r1") == Form(
        title="Incident open",
        submit="Incident open",
        row_id="r1",
        intro="Open an incident.",
        fields=(
            FormField("severity", "Severity", FormKind.CHOICE, choices=("High", "Low")),
            FormField("title", "Title", FormKind.PARAGRAPH, hint="What is wrong."),
            FormField("private", "Private", FormKind.TICK, required=False, hint="Only for those invited."),
            FormField("lasts", "For", FormKind.LINE, required=False, hint="How long. For example 30m."),
        ),
    )


def test_a_form_whose_command_shows_a_plan_first_only_goes_on_to_it() -> None:
    assert form(replace(OPEN, run=None, plan=plan), row_id="r1").submit == "Continue"


def test_what_was_typed_already_is_filled_in() -> None:
    shown = form(OPEN, row_id="r1", given=gather("HIGH --private --for 2h", Open))

    assert {field.name: field.value for field in shown.fields} == {
        "severity": "High",
        "title": "",
        "private": "true",
        "lasts": "2h",
    }


def test_answers_and_text_make_the_same_arguments() -> None:
    answers = {"severity": "High", "title": "it's down", "private": "true", "lasts": "30m"}

    assert validate(answers, Open) == validate(gather("high --private 30m it's down", Open), Open)


def test_faults_stand_at_their_fields() -> None:
    answers = {"severity": "High", "title": "down", "lasts": "soon"}
    with pytest.raises(UsageError) as caught:
        validate(answers, Open)

    shown = form(OPEN, row_id="r1", given=answers, faults=caught.value.faults)

    wrong = {field.name: field.error for field in shown.fields if field.error}
    assert wrong == {"lasts": '--for: "soon" is not a duration. Write it like 30m, 1h30m or 2d.'}
    assert next(field.value for field in shown.fields if field.name == "lasts") == "soon"
