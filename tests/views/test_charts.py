"""Charts as they are drawn, looked at by their pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from bot.core.charts import Chart, Mark, Panel, Point
from bot.views import draw

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
LINE, LIMIT, MARK = (0x7C, 0xC4, 0xFF), (0xFF, 0xB4, 0x54), (0xD7, 0xB8, 0xFF)
INK = (0xF2, 0xF4, 0xF8)
BAR = (0x55, 0x82, 0xAB)
"""The line's colour, 60 % of it on the ground."""

NUMBER = 3
"""Percent of the width that a number takes."""


def chart(values: Sequence[float | None], *, limit: float | None = None, marks: Sequence[Mark] = ()) -> Chart:
    """Figures of seven days, evenly apart."""
    step = timedelta(days=7) / (len(values) - 1)
    points = tuple(Point(SINCE + number * step, value) for number, value in enumerate(values))
    return Chart("The week", SINCE, SINCE + timedelta(days=7), (Panel("Rate", "%", points, limit),), tuple(marks))


def columns(drawn: bytes, colour: tuple[int, int, int]) -> set[int]:
    """The columns of pixels in which a colour is to be seen, in percent of the width."""
    with Image.open(io.BytesIO(drawn)) as image:
        pixels = np.asarray(image.convert("RGB"))
    found = np.nonzero((pixels == colour).all(axis=2).any(axis=0))[0]
    return {int(100 * x // pixels.shape[1]) for x in found}


def test_what_was_not_known_is_a_gap_and_no_line_across_it() -> None:
    whole = columns(draw(chart([1, 2, 3, 4, 5, 6, 7])), LINE)
    gap = columns(draw(chart([1, 2, None, None, None, 6, 7])), LINE)

    assert whole >= set(range(20, 90))
    assert not gap & set(range(35, 75))
    assert gap & set(range(15, 25))
    assert gap & set(range(85, 95))


def test_a_figure_between_two_gaps_is_seen() -> None:
    assert columns(draw(chart([None, None, None, 4, None, None, None])), LINE) & set(range(50, 58))


def test_what_was_short_is_a_bar_where_many_figures_are_one_point_and_told() -> None:
    points = [Point(SINCE + timedelta(days=day + 0.4), 99, 99, 99) for day in range(7)]
    points[4] = Point(points[4].at, 99, 71, 99)
    shown = Chart("The week", SINCE, SINCE + timedelta(days=7), (Panel("Rate", "%", tuple(points)),))

    assert columns(draw(shown), BAR) <= set(range(63, 68))
    assert columns(draw(shown), BAR)
    assert "Rate: 71 to 99 %, 99 % at last." in shown.words


def test_numbers_of_marks_that_are_close_stand_in_one_place() -> None:
    apart = [Mark(SINCE + timedelta(days=day), "deploy") for day in (2, 3)]
    close = [Mark(SINCE + timedelta(days=2, hours=hour), "deploy") for hour in (0, 3)]

    assert len(columns(draw(chart([1, 1, 1], marks=apart)), MARK)) > 2 * NUMBER
    assert len(columns(draw(chart([1, 1, 1], marks=close)), MARK)) <= 2 * NUMBER


def test_figures_and_hours_beside_the_picture_are_not_cut_off() -> None:
    points = tuple(Point(SINCE + timedelta(hours=hour), 9_100_000 + 1_000_000 * hour) for hour in range(4))
    day = Chart("A day", SINCE, SINCE + timedelta(hours=3), (Panel("Requests", "", points),))

    assert columns(draw(day), INK) <= set(range(2, 98))


def test_a_limit_is_drawn_across_and_a_mark_where_it_was() -> None:
    drawn = draw(chart([1, 2, 3], limit=2, marks=[Mark(SINCE + timedelta(days=3.5), "deploy v1.4.2")]))

    assert len(columns(drawn, LIMIT)) > 60
    assert columns(drawn, MARK) <= set(range(50, 60))
    assert not columns(draw(chart([1, 2, 3])), LIMIT)


@pytest.mark.parametrize("hostile", ["$\\frac{", "<!channel>", "x" * 500], ids=["formula", "mention", "long"])
def test_foreign_text_is_drawn_as_it_stands(hostile: str) -> None:
    drawn = draw(
        Chart(
            hostile,
            SINCE,
            SINCE + timedelta(days=1),
            (Panel(hostile, hostile, (Point(SINCE, None),)),),
            tuple(Mark(SINCE, hostile, SINCE + timedelta(hours=1)) for _ in range(20)),
        )
    )

    with Image.open(io.BytesIO(drawn)) as image:
        assert image.width == 1280


def test_words_say_what_the_picture_shows() -> None:
    until = SINCE + timedelta(days=7)
    incident = Mark(SINCE, "incident 1", SINCE + timedelta(hours=1))
    marks = (incident, *(Mark(SINCE + timedelta(hours=1), f"deploy {number}") for number in range(9)))
    shown = Chart("The week", SINCE, until, (Panel("Rate", "%", (Point(SINCE, None),)),), marks, "Europe/Berlin")

    assert shown.words == (
        "The week, 2026-03-01 01:00 to 2026-03-08 01:00 (Europe/Berlin). Rate: not known at any time. Marked: "
        + ", ".join(("incident 1 (03-01 01:00)", *(f"deploy {number} (03-01 02:00)" for number in range(7))))
        + ", and 2 more."
    )
