"""Moments of an incident that are told in unlike ways: by which clock, of what, and when it is over."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.incidents.chosen import Selection
from bot.incidents.conversation import Person, Said
from bot.incidents.selection import select
from tests.incidents.talk import moment, said, talk

FAILS = said("20:10", "ana", "checkout fails with 503 for 40 customers")
SAME = said("20:11", "bo", "same here, 503")


def chosen(*messages: Said, zone: str = "UTC", **zones: str) -> Selection:
    people = {each.user: Person(each.name, zones.get(each.name, zone)) for each in messages if each.user}
    return select(talk(*messages, people=people))


def at(*clocks: str) -> list[datetime]:
    return [moment(clock) for clock in clocks]


def test_where_people_write_by_halves_of_a_day_a_range_of_the_evening_is_of_the_evening() -> None:
    selection = chosen(
        FAILS,
        SAME,
        said("20:20", "bo", "the job ran at 8:02"),
        said("20:30", "cleo", "quiet since 8:27"),
        said("21:00", "ana", "closing"),
        said("21:05", "bo", "for the report: 8:03 to 8:26 nothing worked"),
    )

    assert [selection.started.at, selection.mitigated.at] == at("20:03", "20:26")


def test_where_people_write_all_hours_of_a_day_a_morning_is_a_morning() -> None:
    selection = chosen(
        FAILS,
        SAME,
        said("20:20", "bo", "the job ran at 20:02"),
        said("20:30", "cleo", "quiet since 20:27"),
        said("21:05", "bo", "it started 9:03"),
    )

    assert selection.started.at == moment("9:03")


def test_a_half_of_the_day_that_comes_soon_is_of_a_plan() -> None:
    selection = chosen(
        FAILS,
        SAME,
        said("20:20", "bo", "the job ran at 8:02"),
        said("20:30", "cleo", "quiet since 8:27"),
        said("20:40", "ana", "the next batch has to start at 9:10"),
    )

    assert selection.started.at == moment("20:02")


def test_an_hour_with_a_zero_before_it_is_of_the_morning_though_others_write_by_halves() -> None:
    selection = chosen(
        said("22:10", "ana", "checkout fails with 503 for 40 customers"),
        said("22:11", "bo", "same here, 503"),
        said("22:20", "bo", "the job ran at 10:02"),
        said("22:30", "cleo", "quiet since 10:27"),
        said("22:40", "ana", "it started at 09:58"),
    )

    assert selection.started.at == moment("09:58")


def test_who_is_far_away_shows_by_the_clock_of_most_people_that_nobody_writes_utc() -> None:
    selection = chosen(
        said("08:10", "ana", "checkout fails with 503 for 40 customers, slope since 07:15"),
        said("08:11", "ana", "sev high, I'm IC"),
        said("08:20", "bo", "limit is on as of 09:19"),
        said("08:30", "bo", "limit is off as of 09:29"),
        zone="Europe/Amsterdam",
        bo="Asia/Taipei",
    )

    assert selection.started.at == moment("06:15")


def test_the_times_of_one_are_of_their_own_clock_though_others_write_utc() -> None:
    selection = chosen(
        said("10:10", "ana", "checkout fails with 503 for 40 customers"),
        said("10:11", "cleo", "same here since 10:08 UTC"),
        said("10:20", "bo", "limit is on as of 11:19"),
        said("12:00", "ana", "closing"),
        said("12:10", "bo", "for the report: 11:05 to 11:50 nothing worked"),
        zone="Europe/Amsterdam",
    )

    assert [selection.started.at, selection.mitigated.at] == at("10:05", "10:50")


def test_a_report_after_which_nobody_tells_of_trouble_for_an_hour_is_no_detection() -> None:
    selection = chosen(
        said("08:00", "bo", "sev low: the printer fails for 3 customers"),
        said("08:05", "cleo", "on my way"),
        said("16:10", "ana", "checkout fails with 503 for 40 customers"),
        said("16:11", "bo", "same here, 503 for 12 customers"),
    )

    assert selection.detected.at == moment("16:10")


def test_a_lone_report_is_the_detection_where_there_is_no_other() -> None:
    selection = chosen(
        said("07:50", "cleo", "good morning"),
        said("08:00", "bo", "checkout fails with 503 for 40 customers"),
        said("08:05", "cleo", "rolled back"),
    )

    assert selection.detected.at == moment("08:00")


@pytest.mark.parametrize(
    ("words", "start"),
    [("the import ran at 16:31", "20:10"), ("it started at 16:31", "16:31")],
    ids=["only told", "told of the beginning"],
)
def test_a_time_long_before_the_detection_is_its_start_only_where_that_is_said(words: str, start: str) -> None:
    assert chosen(FAILS, SAME, said("20:20", "bo", words)).started.at == moment(start)


def test_of_several_ranges_that_look_back_the_last_that_ends_is_the_end() -> None:
    selection = chosen(
        FAILS,
        SAME,
        said("21:30", "ana", "closing. 20:02 to 20:20 all failed, 20:20 to 20:55 some of them"),
    )

    assert [selection.started.at, selection.mitigated.at] == at("20:02", "20:55")


@pytest.mark.parametrize(
    ("words", "ended"),
    [
        ("closing. it started 20:02 and was good at 20:45", "20:45"),
        ("closing. it started 20:02 and we noticed at 20:09", None),
        ("closing. cleo left 20:20, bo 20:45", None),
    ],
)
def test_who_closes_it_tells_when_it_began_and_ended(words: str, ended: str | None) -> None:
    assert chosen(FAILS, SAME, said("21:30", "ana", words)).mitigated.at == (ended and moment(ended))


def test_two_times_of_who_does_not_close_it_are_not_from_its_beginning_to_its_end() -> None:
    told = said("21:40", "bo", "it started 20:02 and cleo came at 20:45")

    assert chosen(FAILS, SAME, said("21:30", "ana", "closing"), told).mitigated.at is None


def test_what_is_told_of_a_time_before_the_start_or_after_the_end_did_not_mitigate() -> None:
    selection = chosen(
        FAILS,
        SAME,
        said("20:15", "ana", "it started at 20:02"),
        said("20:16", "bo", "yes, first 503 began at 20:02"),
        said("20:40", "ana", "closing"),
        said("21:50", "bo", "the other batch: 19:20 to 19:30"),
        said("21:51", "cleo", "and the import: 21:20 to 21:30"),
    )

    assert selection.mitigated.at is None


def test_a_change_after_which_nobody_says_that_it_is_better_did_not_mitigate() -> None:
    tried = said("20:30", "ana", "restarted the three orders workers")
    closed = said("23:30", "ana", "closing")

    assert chosen(FAILS, SAME, tried, closed).mitigated.at is None
    better = said("20:45", "bo", "works again")
    assert chosen(FAILS, SAME, tried, better, closed).mitigated.at == moment("20:30")


@pytest.mark.parametrize(
    ("words", "over"),
    [
        ("stable for 50 min, resolving", True),
        ("no errors. resolving it now", True),
        ("names of the gateway are resolving again", False),
        ("resolving takes 3 s on gw-1", False),
        ("hour of calm, cierro esto", True),
        ("je ferme, merci", True),
        ("estável, fecho isto", True),
    ],
)
def test_who_says_that_they_end_it_ends_it(words: str, *, over: bool) -> None:
    assert (chosen(FAILS, SAME, said("21:30", "ana", words)).resolved.at == moment("21:30")) is over


@pytest.mark.parametrize(
    ("words", "over"),
    [
        (":white_check_mark: #412 *resolved* by @ana after 2h", True),
        ("shop: promo code fixed, #411 resolved", False),
        ("issue #12 closed by @ana", False),
        ("#411 resolved in shop 3.2", False),
    ],
)
def test_a_bot_that_says_who_ended_the_incident_of_its_number_ends_it(words: str, *, over: bool) -> None:
    resolved = chosen(FAILS, SAME, said("21:30", "robot", words)).resolved.at

    assert (resolved == moment("21:30")) is over
