"""Times that people tell in their texts: `10:37 ET`, `since 8pm yesterday`, `about 20 min ago`, `15:37 not 15:47`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from bot.incidents.dates import day_beside
from bot.incidents.forms import has_digits

_DAY = timedelta(days=1)
_AHEAD = timedelta(minutes=2)
"""How far the clock that somebody read may be ahead of Slack's."""

_COMING = timedelta(hours=6)
"""A clock time that comes within this is not of yesterday: `next update at 16:40`."""

_NOON = 12
_PLANNED = timedelta(hours=1)
"""By halves of a day `7:20` may be of this evening; within this it is of a plan rather than of this morning."""

_REGIONS = {
    "America/New_York": "et est edt",
    "America/Chicago": "ct cst cdt",
    "America/Denver": "mst mdt",
    "America/Los_Angeles": "pt pst pdt",
    "America/Sao_Paulo": "brt",
    "Europe/London": "bst",
    "Europe/Lisbon": "wet west",
    "Europe/Berlin": "cet cest mez mesz",
    "Europe/Athens": "eet eest",
    "Europe/Moscow": "msk",
    "Africa/Lagos": "wat",
    "Africa/Nairobi": "eat",
    "Africa/Johannesburg": "sast",
    "Asia/Dubai": "gst",
    "Asia/Kolkata": "ist",
    "Asia/Singapore": "sgt",
    "Asia/Hong_Kong": "hkt",
    "Asia/Tokyo": "jst",
    "Asia/Seoul": "kst",
    "Australia/Sydney": "aest aedt",
    "Pacific/Auckland": "nzst nzdt",
}
"""Who writes CET in July means the clock on the wall: an abbreviation names the region, not the offset."""

_ZONES = {name: region for region, names in _REGIONS.items() for name in names.split()}
_WORDS_TOO = frozenset({"et", "est", "ist", "eat", "wat", "west"})
"""Zones that are words of some language: in capitals only."""
_LATE_ZONE = re.compile(
    r"^(?:[\w ]{1,14}?|\s?[-\N{EN DASH}]\s?\d{1,2}[:h]\d\d) "
    rf"({'|'.join(sorted({*_ZONES, 'utc', 'gmt'} - _WORDS_TOO))})\b",
    re.IGNORECASE,
)
"""`14:01 on the dot CEST`, `4:31-5:04 CEST`"""
_ISRAEL_OR_IRELAND = {"Asia/Jerusalem", "Europe/Dublin"}
_DAY_NAMES = """
    mon montag lunes lundi tue dienstag martes mardi wed mittwoch miércoles mercredi thu donnerstag jueves jeudi
    fri freitag viernes vendredi sat samstag sábado samedi sun sonntag domingo dimanche
"""
_ENDINGS = ("", "day", "days", "sday", "nesday", "rsday", "urday")
_DAYS = {
    name + ending: number // 4
    for number, name in enumerate(_DAY_NAMES.split())
    for ending in _ENDINGS
    if name + ending not in {"sat", "sun"}
}
"""Days of the week by their names; what is also another word is none."""

_CLOCK = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[T ])?(?<![\d:.,/])(?P<hour>[01]?\d|2[0-3])"
    r"(?:(?P<sep>[:h]|\.(?=\d\d\s?uhr))(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:[.,]\d+)?)?)?(?![\d:])"
    r"\s?(?P<half>[ap]\.?m\b\.?)?\s?(?P<zone>z\b|(?:my|our|local) time|here\b|[a-z]{2,4}\b|\([a-z]{2,4}\))?"
    r"\s?(?P<offset>[+-]\d{4}\b|[+-]\d{1,2}\b(?!:)|(?(date)[+-]\d\d:\d\d\b|(?!)))?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?<![\w.])(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)\s?(?:z|utc|hrs)\b", re.IGNORECASE)
_AGO = re.compile(
    r"(?:\b(?:vor|hace|il y a|há)\s+(?:etwa\s+|ca\.?\s+|unos\s+|environ\s+)?(?P<before>[\d.]+|an?|une?|einer?)\s?"
    r"(?P<unit1>[a-zé]+))"
    r"|(?:(?P<count>[\d.]+|an?|half an|couple of|few)\s?"
    r"(?P<unit2>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\s+(?:ago|earlier|back|before now)\b)"
    r"|(?:\b(?:for|in|over)\s+(?:about |around |almost |~|the )*(?:last|past)\s+(?:~|about )?(?P<since>[\d.]+)\s?"
    r"(?P<unit3>s|secs?|m|mins?|minutes?|h|hrs?|hours?)\b)",
    re.IGNORECASE,
)
_AGO_SIGNS = ("ago", "earlier", "back", "before", "last", "past", "vor", "hace", "il y a", "há")
"""One of these is in every text that counts back from now."""

_COUNTS = {"half an": 0.5, "couple of": 2.0, "few": 3.0}
_YESTERDAY = re.compile(r"\b(?:yesterday|yday|gestern|ayer|hier|ontem|last night)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_GOES_ON = 60
"""Characters between two clock times of one day that only the first tells."""

_NEAR = 24
"""Characters before or after a clock time in which a day that belongs to it stands."""

_NOT = re.compile(
    r"^[\s,;(]*(?:and )?(?:not|nicht|no|pas|non|não|instead of|rather than)\s+(?:at |um |a las )?$", re.IGNORECASE
)
_RATHER = re.compile(
    r"\b(?:sorry|sry|i mean|i meant|make that|correction|scratch that|no wait|wait no|äh|perdón|pardon)\b",
    re.IGNORECASE,
)
CORRECTS = re.compile(
    r"^\W*(?:sorry|sry|i mean|i meant|make that|correction|scratch that|no wait|wait|typo|oops|ups|\*)|\bcan'?t type\b"
    r"|\b(?:sorry|i meant)\b",
    re.IGNORECASE,
)
"""How somebody puts right what they wrote before."""


@dataclass(frozen=True, slots=True)
class Told:
    """A time in a text: the moment, and the characters that tell it."""

    at: datetime
    begin: int
    end: int


def told(
    text: str,
    *,
    at: datetime,
    zone: str,
    home: str = "",
    utc: bool = True,
    plans: bool = True,
    halves: bool = False,
) -> tuple[Told, ...]:
    """The past times that `text`, written `at` by somebody in `zone` (may be empty), tells; those taken back are not.

    A clock time that comes within hours is of a plan, if somebody may have `plans`; else it is of today or yesterday.
    Without zone it is in the author's zone or, where people write `utc`, in UTC, whichever is the later that has come:
    teams write UTC in their channels, and people what their wall shows. Where both were many hours ago, `home` counts
    too, the zone of most of the others: who is far away may write what their team's wall shows. Where people write by
    `halves` of a day, `7:20` may be of the evening, whichever is nearer.
    """
    coming = _COMING if plans else _AHEAD
    clocks = _clocks(text, at, zone, home, utc=utc, coming=coming, halves=halves)
    found = sorted([*clocks, *_ago(text, at)], key=lambda each: each.begin)
    kept: list[Told] = []
    for each in found:
        between = text[kept[-1].end : each.begin] if kept else ""
        if kept and _NOT.search(between):
            continue
        if kept and len(between) < _NEAR and _RATHER.search(between):
            kept.pop()
        kept.append(each)
    return tuple(kept)


def _clocks(
    text: str, at: datetime, zone: str, home: str, *, utc: bool, coming: timedelta, halves: bool
) -> Iterator[Told]:
    if not has_digits(text):
        return
    last: Told | None = None
    day: date | None = None
    for match in sorted((*_CLOCK.finditer(text), *_COMPACT.finditer(text)), key=re.Match.start):
        parts = match.groupdict()
        clock, iso = _shown(parts), parts.get("date")
        begin, end = match.start("hour"), match.end("minute" if parts["minute"] else "half")
        beside = _iso(iso) if iso else day_beside(text, begin, match.end(), today=at.date())
        if clock is None or (iso and not beside):
            continue
        around = text[max(0, match.start() - _NEAR) : match.end() + _NEAR]
        day = beside or (day if last and _goes_on(text[last.end : begin], around) else None)
        named = _named((parts.get("zone") or "").strip("()"), text[match.end("hour") + 3 : match.end() + _NEAR])
        zones = _zones(named or ("utc" if iso or match.re is _COMPACT else ""), parts.get("offset"), zone)
        bare = not zones
        zones = zones or _walls(zone, utc=utc and day is None)
        half = halves and not day and not parts.get("half") and 0 < clock[0] <= _NOON and text[begin] != "0"
        moment = _moment(clock, zones, at, day=day, around=around, coming=coming, half=half)
        if bare and moment and home and at - moment > _COMING:
            zones = (*zones, ZoneInfo(home))
            moment = _moment(clock, zones, at, day=day, around=around, coming=coming, half=half)
        if moment and last and day and not beside and moment < last.at <= at - _DAY:
            moment += _DAY  # `29 June 23:50 to 00:40`
        if moment:
            last = Told(moment, begin, end)
            yield last


def _shown(parts: Mapping[str, str | None]) -> tuple[int, int, int] | None:
    """Hour, minute and second; None for a bare number, and for what no clock shows."""
    hour, half = int(parts["hour"] or 0), parts.get("half")
    if not (parts["minute"] or half) or (parts.get("sep") == "h" and not parts["minute"]):
        return None
    if half:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half[0] in "pP" else 0)
    return (hour, int(parts["minute"] or 0), int(parts.get("second") or 0))


def _goes_on(between: str, around: str) -> bool:
    """Whether a clock time is of the same day as the one before, from which `between` parts it."""
    near = len(between) < _GOES_ON and "\n" not in between
    return near and not _YESTERDAY.search(around) and _weekday(around) is None


def _named(zone: str, after: str) -> str:
    """The zone that stands by a clock time, or a few words later; empty where what stands there is another word."""
    if zone.lower() in {"z", "utc", "gmt", *_ZONES} and (zone.lower() not in _WORDS_TOO or zone.isupper()):
        return zone.lower()
    if zone.lower().endswith(" time") or zone.lower() == "here":
        return zone.lower()
    late = _LATE_ZONE.match(after)
    return late[1].lower() if late else ""


def _walls(zone: str, *, utc: bool) -> tuple[tzinfo, ...]:
    """The zones that a clock time may be meant in that says none; how near it is has to tell."""
    return (*((UTC,) if utc or not zone else ()), *((ZoneInfo(zone),) if zone else ()))


def _zones(named: str, offset: str | None, zone: str) -> tuple[tzinfo, ...]:
    """The zone that stands by a clock time; none where none does."""
    own: tuple[tzinfo, ...] = (ZoneInfo(zone),) if zone else ()
    if offset and (named in {"", "utc", "gmt", "z"}):
        hours, minutes = int(offset[1:3].rstrip(":")), int(offset[-2:]) if len(offset) > 3 else 0  # noqa: PLR2004
        sign = -1 if offset[0] == "-" else 1
        return (timezone(sign * timedelta(hours=min(hours, 14), minutes=min(minutes, 59))),)
    if named in {"utc", "z", "gmt"}:
        return (UTC,)
    if named.endswith(" time") or named == "here":
        return own or (UTC,)
    if named == "ist" and zone in _ISRAEL_OR_IRELAND:
        return own
    if named in _ZONES:
        return (ZoneInfo(_ZONES[named]),)
    return ()


def _moment(
    clock: tuple[int, int, int],
    zones: tuple[tzinfo, ...],
    at: datetime,
    *,
    day: date | None,
    around: str,
    coming: timedelta,
    half: bool = False,
) -> datetime | None:
    """The latest moment not after `at` at which a clock of `zones` showed `clock` on the day that is told.

    Also twelve hours later where it is of a `half` of the day: None where that is soon to come, since it is of a plan.
    """
    if half:
        later = ((clock[0] + _NOON) % 24, *clock[1:])
        soon = _moment(later, zones, at + _PLANNED, day=day, around=around, coming=coming)
        first = _moment(clock, zones, at, day=day, around=around, coming=coming)
        last = max((each for each in (first, soon) if each), default=None)
        return last if last and last <= at + _AHEAD else None
    hour, minute, second = clock
    candidates = []
    for zone in zones:
        here = at.astimezone(zone)
        moment = here.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if day:
            moment = moment.replace(year=day.year, month=day.month, day=day.day)
        elif _YESTERDAY.search(around):
            moment -= timedelta(days=1)
        elif (weekday := _weekday(around)) is not None:
            moment -= timedelta(days=(here.weekday() - weekday) % 7)
        elif moment > here + coming:
            moment -= timedelta(days=1)
        if moment <= here + _AHEAD:
            candidates.append(min(moment, here).astimezone(UTC))
    return max(candidates, default=None)


def _iso(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _weekday(text: str) -> int | None:
    return next((_DAYS[word] for word in _WORD.findall(text.lower()) if word in _DAYS), None)


def _ago(text: str, at: datetime) -> Iterator[Told]:
    low = text.lower()
    if not any(sign in low for sign in _AGO_SIGNS):
        return
    for match in _AGO.finditer(text):
        count = (match["before"] or match["count"] or match["since"] or "").lower()
        unit = (match["unit1"] or match["unit2"] or match["unit3"]).lower()
        try:
            number = _COUNTS.get(count) or (1.0 if count[0] in "aeu" else float(count))
        except ValueError:
            continue
        seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "st": 3600, "t": 86400, "j": 86400}
        size = seconds.get(unit[:2]) or seconds.get(unit[:1])
        if size and number * size <= 14 * 86400:
            yield Told(at - timedelta(seconds=number * size), match.start(), match.end())
