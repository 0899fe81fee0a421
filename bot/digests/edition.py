"""The parts that every digest is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.charts import Chart
from bot.core.fleet import Service
from bot.core.incident_results import ActionItems
from bot.core.parts import State
from bot.core.records import Store
from bot.core.results import Check, Digest, Document, Part
from bot.digests.checks import CHECKS
from bot.digests.schedules import Schedule
from bot.digests.trends import chart

MOMENT = timedelta(microseconds=1)
"""So that what was measured right now belongs to the time until now."""

_ORDER = (State.FAIL, State.UNKNOWN, State.WARN, State.OK)


@dataclass(frozen=True, slots=True)
class Edition:
    """One digest, whole: `document` goes into its thread, with `pictures` by the names of their files, and `tasks`.

    `checks` are what it looked at. `attached` shares the document as a file too.
    """

    message: Digest
    document: Document
    checks: tuple[Check, ...]
    pictures: Mapping[str, Chart] = field(default_factory=dict)
    tasks: ActionItems | None = None
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What an edition is made for."""

    schedule: Schedule
    service: Service
    now: datetime
    store: Store

    async def pictures(self, *days: int) -> dict[str, Chart]:
        """Charts of the last days by the names of their files, as far as anything was measured."""
        found = {}
        async with self.store.transaction() as tx:
            for each in days:
                drawn = await chart(self.service, tx, days=each, until=self.now + MOMENT, zone=self.schedule.zone)
                if drawn:
                    found[f"{self.service.name}-{each}-days.png"] = drawn
        return found

    def document(self, title: str, sections: Iterable[Part], *, days: int = 0) -> Document:
        """Sections as a document of the last `days`, or of now."""
        local = self.now.astimezone(ZoneInfo(self.schedule.zone))
        until = f"{local:%Y-%m-%d %H:%M} ({self.schedule.zone})"
        since = f"{local - timedelta(days=days):%Y-%m-%d} to " if days else ""
        name = f"{self.service.name}-{self.schedule.template.value}-{local:%Y%m%d}.md"
        whole = f"{title} of {self.service.name} ({self.service.environment})"
        return Document(whole, name, self.schedule.template, f"{since}{until}", tuple(sections))


def tally(checks: tuple[Check, ...]) -> str:
    """`5 checks: 1 fail, 1 unknown, 3 ok`."""
    if not checks:
        return "nothing was checked"
    states = Counter(check.state for check in checks)
    many = f"{len(checks)} check{'' if len(checks) == 1 else 's'}"
    return f"{many}: {', '.join(f'{states[state]} {state.value}' for state in _ORDER if states[state])}"


def eyes(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """What somebody has to look at, the worst first, and causes before what follows from them; unknown is among it."""
    bad = {check.name for check in checks if check.needs_eyes}
    followers = {each.name for each in CHECKS if bad & {*each.follows}}
    found = (check for check in worst_first(checks) if check.needs_eyes)
    return tuple(sorted(found, key=lambda check: (_ORDER.index(check.state), check.name in followers)))


def worst_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Failures, then what is unknown, then warnings."""
    return tuple(sorted(checks, key=lambda check: _ORDER.index(check.state)))


def lines_of(checks: Iterable[Check]) -> tuple[str, ...]:
    """Each check in words, with everything that is known of it."""
    return tuple(
        " · ".join(
            part
            for part in (
                check.state.value,
                f"{check.name}: {check.value}" + (f" (limit {check.limit})" if check.limit else ""),
                f"before: {check.trend}" if check.trend else "",
                check.evidence,
            )
            if part
        )
        for check in checks
    )
