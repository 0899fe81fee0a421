"""When a problem begins and ends, whatever is seen in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.parts import State
from bot.core.watches import Pulse
from bot.digests.pulse import FLAPPING, Patience, is_well, look_at

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EVERY = timedelta(seconds=30)
OK, WARN, FAIL, UNKNOWN = State.OK, State.WARN, State.FAIL, State.UNKNOWN
STATES = st.lists(st.sampled_from(State), max_size=80)


@st.composite
def patiences(draw: st.DrawFn) -> Patience:
    of = draw(st.integers(2, 6))
    return Patience(bad=draw(st.integers(2, of)), of=of, good=draw(st.integers(1, 4)))


def course(states: Iterable[State], patience: Patience, *, held: bool = False) -> list[Pulse]:
    """The pulse after each look."""
    pulses = [Pulse()]
    for number, state in enumerate(states):
        pulses.append(look_at(pulses[-1], state, now=NOW + number * EVERY, patience=patience, held=held))
    return pulses


def problems(pulses: Sequence[Pulse]) -> int:
    """How many times one began."""
    return sum(after.is_open and not before.is_open for before, after in itertools.pairwise(pulses))


@given(st.lists(st.sampled_from([OK, WARN]), max_size=80), patiences())
def test_what_is_well_is_never_a_problem(states: list[State], patience: Patience) -> None:
    assert problems(course(states, patience)) == 0


@given(patiences(), st.lists(st.integers(0, 30), max_size=10))
def test_a_failure_now_and_then_is_no_problem(patience: Patience, gaps: list[int]) -> None:
    states: list[State] = []
    for gap in gaps:
        states += [FAIL, *[OK] * (patience.of + gap)]

    assert problems(course(states, patience)) == 0


@given(STATES, patiences())
def test_what_fails_long_enough_is_a_problem_whatever_was_before(states: list[State], patience: Patience) -> None:
    assert course([*states, *[FAIL] * patience.of], patience)[-1].is_open


@given(STATES, patiences())
def test_what_nobody_can_look_at_becomes_a_problem_too(states: list[State], patience: Patience) -> None:
    assert course([*states, *[UNKNOWN] * 2 * patience.of], patience)[-1].is_open


@given(STATES, patiences())
def test_every_problem_is_over_in_the_end_once_all_is_well(states: list[State], patience: Patience) -> None:
    assert not course([*states, *[OK] * patience.longest], patience)[-1].is_open


@given(STATES, patiences())
def test_nothing_is_over_while_it_is_not_well(states: list[State], patience: Patience) -> None:
    pulses = course(states, patience)

    for before, after, state in zip(pulses, pulses[1:], states, strict=False):
        if before.is_open and not after.is_open:
            assert is_well(state)


@given(STATES, patiences())
def test_what_follows_from_another_problem_begins_none(states: list[State], patience: Patience) -> None:
    assert problems(course(states, patience, held=True)) == 0


@given(STATES, patiences())
def test_a_problem_is_dated_by_its_first_bad_look(states: list[State], patience: Patience) -> None:
    pulses = course(states, patience)

    for number, (before, after) in enumerate(itertools.pairwise(pulses)):
        if after.is_open and not before.is_open:
            assert after.bad_since is not None
            first = int((after.bad_since - NOW) / EVERY)
            assert not any(is_well(state) for state in states[first : number + 1])


@given(STATES, patiences())
def test_only_so_much_is_remembered(states: list[State], patience: Patience) -> None:
    assert all(len(pulse.recent) <= patience.longest for pulse in course(states, patience))


def test_what_flaps_has_to_be_well_for_longer_each_time() -> None:
    patience = Patience(bad=2, of=3, good=2)
    flapping = [FAIL, FAIL, OK, OK, OK, OK] * 6

    pulses = course(flapping, patience)

    assert problems(pulses) == 3
    assert pulses[-1].is_open


def test_long_after_a_problem_the_next_one_ends_as_soon_as_the_first() -> None:
    patience = Patience(bad=2, of=3, good=2)
    calm = int(FLAPPING / EVERY) + 1

    pulses = course([FAIL, FAIL, OK, OK, *[OK] * calm, FAIL, FAIL, OK, OK], patience)

    assert problems(pulses) == 2
    assert not pulses[-1].is_open


@pytest.mark.parametrize(
    ("states", "is_open"),
    [
        ([FAIL, OK, FAIL], True),
        ([FAIL, OK, OK, FAIL], False),
        ([FAIL, UNKNOWN, FAIL], True),
        ([FAIL, UNKNOWN, UNKNOWN], False),
        ([UNKNOWN] * 5, False),
        ([UNKNOWN] * 6, True),
        ([FAIL, FAIL, OK, UNKNOWN], True),
        ([FAIL, FAIL, OK, WARN], False),
    ],
)
def test_two_of_three_failures_begin_it_and_two_good_looks_end_it(states: list[State], *, is_open: bool) -> None:
    assert course(states, Patience(bad=2, of=3, good=2))[-1].is_open is is_open
