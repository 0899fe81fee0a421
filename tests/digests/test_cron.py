from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import UsageError
from bot.digests.cron import DAYS, parse_when, split_zone

SUNDAY = datetime(2026, 11, 22, tzinfo=UTC)


def days_of(when: str) -> list[str]:
    """The weekdays on which `when` fires in the week that begins on a Sunday."""
    trigger = parse_when(when)
    fired: list[datetime] = []
    while (at := trigger.get_next_fire_time(None, fired[-1] + timedelta(minutes=1) if fired else SUNDAY)) and (
        at < SUNDAY + timedelta(weeks=1)
    ):
        fired.append(at)
    return [DAYS[at.weekday()] for at in fired]


@pytest.mark.parametrize(
    ("number", "day"),
    [(0, "sun"), (1, "mon"), (2, "tue"), (3, "wed"), (4, "thu"), (5, "fri"), (6, "sat"), (7, "sun")],
)
def test_each_weekday_number_means_what_cron_means_by_it(number: int, day: str) -> None:
    assert days_of(f"0 9 * * {number}") == [day]


@pytest.mark.parametrize("day", DAYS)
def test_each_weekday_can_be_named_in_both_forms(day: str) -> None:
    assert days_of(f"0 9 * * {day}") == days_of(f"{day} 09:00") == [day]


@pytest.mark.parametrize(
    ("when", "days"),
    [
        ("0 9 * * 1-5", "mon tue wed thu fri"),
        ("0 9 * * mon-fri", "mon tue wed thu fri"),
        ("0 9 * * 5-7", "sun fri sat"),
        ("0 9 * * sat-sun", "sun sat"),
        ("0 9 * * */2", "sun tue thu sat"),
        ("0 9 * * 1/2", "mon wed fri"),
        ("0 9 * * 0-6", "sun mon tue wed thu fri sat"),
        ("0 9 * * 1,3,0", "sun mon wed"),
        ("weekdays 09:00", "mon tue wed thu fri"),
        ("weekends at 9:00", "sun sat"),
        ("Daily 23:59", "sun mon tue wed thu fri sat"),
        ("mondays,thursdays 07:30", "mon thu"),
        ("wednesday 07:30", "wed"),
        ("every day at 9am", "sun mon tue wed thu fri sat"),
        ("every weekday 9:00", "mon tue wed thu fri"),
        ("tue-thu 9:00", "tue wed thu"),
    ],
)
def test_sets_of_weekdays_are_read_as_people_mean_them(when: str, days: str) -> None:
    assert days_of(when) == days.split()


def test_the_time_of_day_is_that_of_the_words() -> None:
    first = parse_when("weekdays 17:05").get_next_fire_time(None, SUNDAY)

    assert first == datetime(2026, 11, 23, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "first"),
    [
        ("1st of the month 08:00", "2026-12-01T08:00"),
        ("on the first day of the month at 8:00", "2026-12-01T08:00"),
        ("22nd of the month 08:00", "2026-11-22T08:00"),
        ("last day of the month 5:30pm", "2026-11-30T17:30"),
        ("first monday of the month 9:00", "2026-12-07T09:00"),
        ("last friday of the month 12am", "2026-11-27T00:00"),
        ("every day 12pm", "2026-11-22T12:00"),
        ("hourly", "2026-11-22T00:00"),
    ],
)
def test_days_of_a_month_and_times_of_a_day_are_read_as_people_say_them(when: str, first: str) -> None:
    assert parse_when(when).get_next_fire_time(None, SUNDAY) == datetime.fromisoformat(first).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "when", "zone"),
    [
        ("weekdays 09:00 Europe/Berlin", "weekdays 09:00", "Europe/Berlin"),
        ("weekdays 09:00 europe/berlin", "weekdays 09:00", "Europe/Berlin"),
        ("daily 9:00 UTC", "daily 9:00", "UTC"),
        ("daily 9:00 America/Argentina/Buenos_Aires", "daily 9:00", "America/Argentina/Buenos_Aires"),
        ("0 9 * * */2", "0 9 * * */2", ""),
        ("weekdays 09:00", "weekdays 09:00", ""),
    ],
)
def test_a_time_zone_at_the_end_is_told_from_the_time(typed: str, when: str, zone: str) -> None:
    assert split_zone(typed) == (when, zone)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("", "is no schedule"),
        ("weekdays", "is no schedule"),
        ("weekdays 24:00", "is no schedule"),
        ("every now and then", "is no schedule"),
        ("0 9 * *", "is no schedule"),
        ("11st of the month 9:00", '"11st" is no day of the month'),
        ("tenth monday of the month 9:00", "names no week of the month"),
        ("fri-mon 9:00", "runs backwards"),
        ("daily 13pm", "is no schedule"),
        ("someday 09:00", '"someday" is no day'),
        ("monkey 09:00", '"monkey" is no day'),
        ("0 9 * * 8", '"8" is no weekday'),
        ("0 9 * * xyz", '"xyz" is no weekday'),
        ("0 9 * * 5-1", "runs backwards"),
        ("0 9 last * *", '"last" is no day'),
        ("0 25 * * *", "cannot be read"),
        ("*/0 9 * * *", "cannot be read"),
        ("0 9 1 * 1", "both a day of the month and a weekday"),
        ("0 9 31 2 *", "never comes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(when: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        parse_when(when)

    assert refused.value.hint
