from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.passage import BEGIN, BETWEEN, END, Mark, Row, cite, cited, parse, said
from bot.core.prose import Link

URL = "https://x.slack.com/archives/C1/p1"


@given(st.text())
def test_foreign_text_is_one_line_of_text_whatever_it_holds(text: str) -> None:
    shown = said(text)
    rows = parse(shown, {})

    words = re.sub(r"\s+", " ", text).strip()
    assert rows == ((Row(Mark.PLAIN, (words,)),) if words else ())
    assert parse(f"- {shown}", {}) == (Row(Mark.BULLET, (words,)) if words else Row(Mark.PLAIN, ("-",)),)


@given(st.text(min_size=1))
def test_foreign_text_cites_nothing(text: str) -> None:
    assert not cited(said(text))


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("a", Mark.PLAIN),
        ("- a", Mark.BULLET),
        ("- [ ] a", Mark.TASK),
        ("- [x] a", Mark.DONE),
        ("> a", Mark.QUOTE),
    ],
)
def test_a_line_is_of_the_kind_that_its_beginning_says(line: str, mark: Mark) -> None:
    assert parse(f"\n{line}\n\n", {}) == (Row(mark, ("a",)),)


def test_a_key_is_a_link_where_its_address_is_known() -> None:
    line = f"- {cite('14:05', '1.2')}: it fails, see [the page](https://status.example)"

    assert parse(line, {"1.2": URL})[0].line == (
        Link(URL, "14:05"),
        ": it fails, see ",
        Link("https://status.example", "the page"),
    )
    assert parse(line, {})[0].line[0] == "14:05: it fails, see "
    assert cited(line) == {"1.2"}


def test_an_address_that_nobody_should_click_on_stays_text() -> None:
    assert parse("[x](javascript:alert) [y](#k)", {"k": "javascript:alert"})[0].line == ("[x](javascript:alert) y",)


def test_two_versions_are_told_apart_in_words() -> None:
    rows = parse(f"{BEGIN}\na\n{BETWEEN}\nb\n{END}", {})

    assert [row.mark for row in rows] == [Mark.CONFLICT, Mark.PLAIN, Mark.CONFLICT, Mark.PLAIN, Mark.CONFLICT]
    assert parse(said(BEGIN), {}) == (Row(Mark.PLAIN, (BEGIN,)),)


def test_what_is_cut_says_so() -> None:
    assert said("a" * 20, longest=5) == "aaaaa… (cut)"


def test_what_people_have_to_fill_in_is_known() -> None:
    assert [row.is_todo for row in parse("TODO: say why\n- [ ] TODO: who\n> ana: TODO: look", {})] == [
        True,
        True,
        False,
    ]
