from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bot.core.duration import LONGEST, Duration, format_duration, is_duration, parse_duration
from bot.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1_800),
        ("1h30m", 5_400),
        ("2d", 172_800),
        ("90s", 90),
        ("24H", 86_400),
        ("1.5h", 5_400),
        ("1w2d", 777_600),
    ],
)
def test_a_duration_is_read_as_it_is_typed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "1h1h", "30m1h", "-5m", "1,5h", "5 m", "٣m", "1.h", "forever"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(UsageError, match="is not a duration") as caught:
        parse_duration(text)
    assert "30m" in caught.value.hint


@pytest.mark.parametrize("text", ["0s", "0.4s", "367d", "999999999w"])
def test_a_duration_out_of_bounds_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(UsageError, match="out of bounds") as caught:
        parse_duration(text)
    assert "366d" in caught.value.hint


@pytest.mark.parametrize(
    ("duration", "text"),
    [(timedelta(seconds=5_400), "1h30m"), (timedelta(seconds=0.4), "0s"), (timedelta(days=-1), "0s")],
)
def test_a_duration_is_shown_in_the_shortest_form(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_what_is_shown_is_read_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)

    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        duration = parse_duration(text)
    except UsageError:
        return
    assert timedelta(0) < duration <= LONGEST


class Limits(BaseModel):
    grace: Duration


def test_a_configured_duration_is_read_as_typed_and_as_stored() -> None:
    limits = Limits.model_validate({"grace": "30m"})

    assert limits.grace == timedelta(minutes=30)
    assert Limits.model_validate(limits.model_dump(mode="json")) == limits


def test_a_configured_duration_that_is_none_is_a_fault_in_plain_words() -> None:
    with pytest.raises(ValidationError, match="Write it like 30m"):
        Limits.model_validate({"grace": "soon"})
