"""Times that people tell: in which zone, of which day, and which of them they took back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.incidents.told import told

NOW = datetime(2026, 3, 19, 16, 30, tzinfo=UTC)
"""A Thursday on which New York has changed its clocks already and Europe has not."""


@pytest.mark.parametrize(
    ("text", "zone", "found"),
    [
        pytest.param("down since 16:05", "UTC", ["16:05"], id="utc"),
        pytest.param("down since 17:05", "Europe/Berlin", ["16:05"], id="the clock on the author's wall"),
        pytest.param("down since 16:05", "Europe/Berlin", ["16:05"], id="utc where the wall's clock would be earlier"),
        pytest.param("first one at 12:05 ET", "Asia/Tokyo", ["16:05"], id="a zone that is named"),
        pytest.param("17:05 on the dot cet", "UTC", ["16:05"], id="a zone some words later"),
        pytest.param("17:05, il est tombé", "Europe/Paris", ["16:05"], id="a word that is also a zone"),
        pytest.param("it was 12:05 my time", "America/New_York", ["16:05"], id="my time"),
        pytest.param("broke at 9am PST", "UTC", ["16:00"], id="twelve hours, in summer"),
        pytest.param("seit 17.05 Uhr", "Europe/Berlin", ["16:05"], id="German"),
        pytest.param("depuis 17h05", "Europe/Paris", ["16:05"], id="French"),
        pytest.param("1605Z first alarm", "UTC", ["16:05"], id="military"),
        pytest.param("at 18:05 UTC+2", "UTC", ["16:05"], id="an offset"),
        pytest.param("about 25 min ago", "UTC", ["16:05"], id="ago"),
        pytest.param("half an hour ago", "UTC", ["16:00"], id="half an hour"),
        pytest.param("vor 25 Minuten", "UTC", ["16:05"], id="ago in German"),
        pytest.param("failing for the last 10 minutes", "UTC", ["16:20"], id="for the last"),
        pytest.param("16:50, sorry 16:05", "UTC", ["16:05"], id="put right"),
        pytest.param("16:05 not 16:15", "UTC", ["16:05"], id="not the other"),
        pytest.param("16:05\N{EN DASH}16:20", "UTC", ["16:05", "16:20"], id="a range"),
        pytest.param("17:05\N{EN DASH}17:20 cet", "UTC", ["16:05", "16:20"], id="a range with its zone"),
        pytest.param("16:05-16:20 for customers", "UTC", ["16:05", "16:20"], id="a range with a hyphen"),
        pytest.param("next update 17:40", "UTC", [], id="what is still to come"),
        pytest.param("v1.16.05, 192.0.2.16:8080, ratio 3:20000, 99.05%", "UTC", [], id="other numbers"),
        pytest.param("call me at 5", "UTC", [], id="a bare hour"),
    ],
)
def test_a_time_is_read_as_its_author_meant_it(text: str, zone: str, found: list[str]) -> None:
    assert [f"{each.at:%H:%M}" for each in told(text, at=NOW, zone=zone)] == found


@pytest.mark.parametrize(
    ("text", "day"),
    [("started yesterday 10:05", 18), ("since tuesday 10:05 utc", 17), ("at 23:10", 18), ("2026-03-02 10:05", 2)],
)
def test_a_time_is_of_the_day_that_is_told_else_of_the_last_that_had_it(text: str, day: int) -> None:
    (time,) = told(text, at=NOW, zone="UTC")

    assert time.at.day == day


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("it began on 12 March at 17:05", ["12 16:05"], id="day and month"),
        pytest.param("since March 12th, 17:05 already", ["12 16:05"], id="month and day"),
        pytest.param("first seen Mar 12 2026 17:05", ["12 16:05"], id="with the year"),
        pytest.param("seit dem 12.03. um 17:05", ["12 16:05"], id="German in figures"),
        pytest.param("seit 12. März, 17.05 Uhr", ["12 16:05"], id="German in words"),
        pytest.param("depuis le 12 mars à 17h05", ["12 16:05"], id="French"),
        pytest.param("desde el 12 de marzo a las 17:05", ["12 16:05"], id="Spanish"),
        pytest.param("at 16:05 UTC on 12 March", ["12 16:05"], id="the day behind the zone"),
        pytest.param("12 March 17:05 to 17:20", ["12 16:05", "12 16:20"], id="a range of that day"),
        pytest.param("12 March 23:50 - 00:40", ["12 22:50", "12 23:40"], id="a range past midnight"),
        pytest.param("25 March at 17:05 we move", [], id="one that has not come"),
        pytest.param("v1.12.03. 17:05 it broke", ["19 16:05"], id="a version"),
        pytest.param("restarted 12 march-queue workers at 17:05", ["19 16:05"], id="a count of something"),
    ],
)
def test_a_day_beside_a_clock_time_is_read_in_the_authors_zone(text: str, found: list[str]) -> None:
    assert [f"{each.at:%d %H:%M}" for each in told(text, at=NOW, zone="Europe/Berlin")] == found


@given(
    text=st.text(alphabet="0123456789:.hapmz UTCETnot-+ago inut", max_size=60),
    zone=st.sampled_from(sorted(available_timezones())),
)
def test_no_time_is_of_the_future_or_of_another_place_than_the_text(text: str, zone: str) -> None:
    for each in told(text, at=NOW, zone=zone):
        assert each.at <= NOW + timedelta(minutes=2)
        assert 0 <= each.begin < each.end <= len(text)


@given(
    at=st.integers(0, 700 * 86400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    minutes=st.integers(0, 17 * 60),
    zone=st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_what_a_clock_showed_is_understood_when_its_zone_is_told(at: datetime, minutes: int, zone: str) -> None:
    there = (at - timedelta(minutes=minutes)).astimezone(ZoneInfo(zone))

    (time,) = told(f"it broke {there:%H:%M} my time", at=at, zone=zone)

    assert f"{time.at.astimezone(ZoneInfo(zone)):%H:%M}" == f"{there:%H:%M}"
