"""Days that people tell beside a clock time: `29 June at 18:22`, `18:22 on June 29th`, `29.06. 18:22`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date

_NAMES = """
    jan january januar janvier janv enero ene janeiro gennaio gen
    feb february februar février févr febrero fevereiro fev febbraio
    mar march märz mär mrz mars marzo março
    apr april avril avr abril abr aprile
    may mai mayo maio maggio
    jun june juni juin junio junho giugno
    jul july juli juillet juil julio julho luglio
    aug august août agosto ago
    sep sept september septembre septiembre setembro settembre set
    oct october oktober okt octobre octubre outubro ottobre
    nov november novembre noviembre novembro
    dec december dezember dez décembre déc diciembre dic dezembro dicembre
"""
_MONTHS = {name: number for number, names in enumerate(_NAMES.strip().splitlines(), start=1) for name in names.split()}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = (
    r"(?:(?<![\w.:])(?P<day1>[0-3]?\d)(?:st|nd|rd|th|\.|º)?\s?(?:de |of )?"
    rf"(?P<month1>{_MONTH})\b\.?,?(?:\s(?:de )?(?P<year1>\d{{4}}))?"
    rf"|\b(?P<month2>{_MONTH})\b\.?\s(?P<day2>[0-3]?\d)(?:st|nd|rd|th)?\b,?(?:\s(?P<year2>\d{{4}}))?"
    r"|(?<![\w.:])(?P<day3>[0-3]?\d)\.(?P<month3>[01]?\d)\.(?P<year3>\d{4})?)"
)
_BEFORE = re.compile(
    rf"{_DATE}[\s,]*(?:(?:at|around|about|um|gegen|ca\.?|à|vers|a las|às|alle|@|~|-)[\s,]*)*$", re.IGNORECASE
)
_AFTER = re.compile(rf"[\s,]*(?:(?:on|the|am|vom|le|du|el|del|em|il)\s+)*{_DATE}", re.IGNORECASE)
_NEAR = 40
"""Characters before or after a clock time in which its day stands."""


def day_beside(text: str, begin: int, end: int, *, today: date) -> date | None:
    """The day that stands right before or after the clock time at `begin` to `end`; None where none does.

    Without a year it is the one nearest to `today`, which may be still to come.
    """
    found = _BEFORE.search(text[max(0, begin - _NEAR) : begin]) or _AFTER.match(text[end : end + _NEAR])
    if found is None:
        return None
    day = int(found["day1"] or found["day2"] or found["day3"])
    name = found["month1"] or found["month2"]
    month = _MONTHS[name.lower()] if name else int(found["month3"])
    told = found["year1"] or found["year2"] or found["year3"]
    years = (int(told),) if told else (today.year - 1, today.year, today.year + 1)
    days: list[date] = []
    for year in years:
        with suppress(ValueError):
            days.append(date(year, month, day))
    return min(days, key=lambda each: abs(each - today), default=None)
