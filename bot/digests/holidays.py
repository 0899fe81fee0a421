"""Days on which a digest may rest: the public holidays of a country or a part of it, and dates that are listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from bot.core.errors import UsageError

if TYPE_CHECKING:
    from holidays import HolidayBase


@dataclass(frozen=True, slots=True)
class Holidays:
    """`country` and `region` are codes of ISO 3166, such as DE and BE; `dates` are further days with their names.

    `UsageError` when no calendar of the country or the region is known.
    """

    country: str = ""
    region: str = ""
    dates: Mapping[date, str] = field(default_factory=dict)
    _calendar: HolidayBase | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_calendar", _calendar(self.country, self.region) if self.country else None)

    def name(self, day: date) -> str:
        """What is celebrated on a day; empty on any other."""
        return self.dates.get(day) or (self._calendar.get(day, "") if self._calendar is not None else "")


def _calendar(country: str, region: str) -> HolidayBase:
    from holidays import country_holidays  # noqa: PLC0415 - 0.1 s, which most installations do not need

    try:
        return country_holidays(country, subdiv=region or None, language="en_US")
    except NotImplementedError as error:
        where = f"{region} of {country}" if region else country
        raise UsageError(
            f"No calendar of holidays is known for {where}.", hint="Give codes such as DE and BE, or list the dates."
        ) from error
