"""Who is on call: a rota that goes on by itself each week, or a user group that somebody else keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.clock import moment_of

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """Whose week it is, and who comes after."""

    person: str
    since: datetime
    until: datetime
    then: str


@dataclass(frozen=True, slots=True)
class OnCall:
    """The rota as Slack user ids, the first of whom took over at `since`, a clock time of `zone`; or the `group`.

    The clock time of the hand-over stays the same all year, so the weeks in which the clocks change are an hour shorter
    or longer.
    """

    rota: tuple[str, ...] = ()
    since: datetime | None = None
    zone: str = "UTC"
    group: str = ""

    @property
    def begins_at(self) -> datetime | None:
        """When the rota began, or will."""
        return moment_of(self.since, self.zone) if self.since else None

    def shift(self, at: datetime) -> Shift | None:
        """Who has the moment `at`; None before the rota begins, and without one."""
        if not self.rota or self.since is None or at < moment_of(self.since, self.zone):
            return None
        week = (at - moment_of(self.since, self.zone)) // _WEEK
        # A clock that was put forward or back moves the hand-over by less than a week.
        week += (self._hand_over(week + 1) <= at) - (self._hand_over(week) > at)
        count = len(self.rota)
        return Shift(
            person=self.rota[week % count],
            since=self._hand_over(week),
            until=self._hand_over(week + 1),
            then=self.rota[(week + 1) % count],
        )

    def _hand_over(self, week: int) -> datetime:
        assert self.since is not None
        return moment_of(self.since + week * _WEEK, self.zone)
