from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.merge import is_merged, merge
from bot.core.passage import BEGIN, BETWEEN, END

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "- e", "> f"]), max_size=8)
TEXTS = LINES.map("\n".join)
OWN = st.lists(st.sampled_from(["hand 1", "hand 2", "a", "b", "c", "d"]), max_size=8).map("\n".join)
ANEW = st.lists(st.sampled_from(["anew 1", "anew 2", "a", "b", "c", "d"]), max_size=8).map("\n".join)


@given(TEXTS, OWN)
def test_what_only_one_side_changed_is_taken(base: str, changed: str) -> None:
    assert merge(base, base, changed) == changed
    assert merge(base, changed, base) == changed
    assert merge(base, changed, changed) == changed


@given(TEXTS, OWN, ANEW)
def test_nothing_that_either_side_wrote_is_lost(base: str, hand: str, anew: str) -> None:
    merged = merge(base, hand, anew).split("\n")

    for side in (hand, anew):
        for line in set(side.split("\n")) - set(base.split("\n")) - {""}:
            assert merged.count(line) >= 1


@given(TEXTS, OWN, ANEW)
def test_every_line_comes_from_somewhere_and_conflicts_are_closed(base: str, hand: str, anew: str) -> None:
    text = merge(base, hand, anew)
    merged = text.split("\n")
    known = {line for each in (base, hand, anew) for line in each.split("\n")}

    assert set(merged) <= known | {BEGIN, BETWEEN, END}
    assert [line for line in merged if line in {BEGIN, BETWEEN, END}] == [BEGIN, BETWEEN, END] * merged.count(BEGIN)
    assert is_merged(text) == (BEGIN not in merged)


@given(TEXTS, OWN, ANEW)
def test_a_conflict_is_there_whichever_side_is_which(base: str, hand: str, anew: str) -> None:
    assert is_merged(merge(base, hand, anew)) == is_merged(merge(base, anew, hand))


@pytest.mark.parametrize(
    ("base", "hand", "anew", "merged"),
    [
        pytest.param("a\nb\nc", "a\nB\nc", "a\nb\nc\nd", "a\nB\nc\nd", id="two places"),
        pytest.param("a", "a\nmine", "a\nnew", "a\nmine\nnew", id="both add"),
        pytest.param("a\nb", "a\nb\nx", "a\nb\nx", "a\nb\nx", id="both add the same"),
        pytest.param("a\nb", "a", "a\nb\nc", "a\nc", id="a line taken out stays out"),
        pytest.param("a", "mine", "new", f"{BEGIN}\nmine\n{BETWEEN}\nnew\n{END}", id="both change one line"),
        pytest.param(
            "a\nb", "a", "a\nB", f"a\n{BEGIN}\n{BETWEEN}\nB\n{END}", id="one takes out what the other changed"
        ),
        pytest.param("", "mine", "", "mine", id="nothing was there"),
    ],
)
def test_merges_as_a_person_would(base: str, hand: str, anew: str, merged: str) -> None:
    assert merge(base, hand, anew) == merged
