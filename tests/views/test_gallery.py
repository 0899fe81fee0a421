from __future__ import annotations

import json
import typing
from enum import StrEnum

import pytest

from bot.core import results
from bot.core.parts import State
from bot.core.results import ChecklistState, OperationState, PlanState, Result, StepState
from bot.core.schedules import Template
from bot.views.gallery import every_state
from tests.views.test_limits import check, texts

SHOWN = tuple(every_state())
STATES: dict[str, type[StrEnum]] = {
    "Text": State,
    "Fields": State,
    "Checks": State,
    "Status": State,
    "PlanCard": PlanState,
    "Progress": OperationState,
    "Checklist": ChecklistState,
}


def test_every_member_of_the_union_is_shown() -> None:
    assert {shown["view"] for shown in SHOWN} == {kind.__name__ for kind in typing.get_args(Result)}


@pytest.mark.parametrize("view", STATES)
def test_every_state_of_a_view_is_shown_by_its_word(view: str) -> None:
    said = {shown["state"]: shown["text"] for shown in SHOWN if shown["view"] == view}

    for state in STATES[view]:
        assert state.value in said[state.value].splitlines()[0]


def test_every_state_of_a_step_is_said_in_text_and_blocks() -> None:
    done = next(shown for shown in SHOWN if (shown["view"], shown["state"]) == ("Progress", "done"))

    for state in StepState:
        assert f"{state.value} · Step" in done["text"]
        assert f"{state.value} · Step" in json.dumps(done["blocks"], ensure_ascii=False)


def test_every_enum_of_the_results_is_covered() -> None:
    enums = {kind for kind in vars(results).values() if isinstance(kind, type) and issubclass(kind, StrEnum)}

    assert enums - {StrEnum} == {*STATES.values(), StepState, results.FormKind, Template}


def test_every_line_is_one_object_that_slack_takes() -> None:
    for shown in SHOWN:
        assert shown.keys() == {"view", "state", "surface", "text", "blocks"}
        assert shown["surface"] in {"message", "modal", "home"}
        assert shown["text"]
        check(shown["blocks"], most=50 if shown["surface"] == "message" else 100)
        assert json.loads(json.dumps(shown)) == shown

    assert len({(shown["view"], shown["state"]) for shown in SHOWN}) == len(SHOWN)


def test_no_state_hangs_on_a_symbol_alone() -> None:
    for shown in SHOWN:
        for _, words in texts(shown["blocks"]):
            for line in words.splitlines():
                assert line.strip("✓✗▲?◌▶↩∅·*_• ") or not line.strip(), shown
