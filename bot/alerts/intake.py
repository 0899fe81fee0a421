"""From what a source says to rows: doubles dropped, groups found or made, and a look at each group soon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from uuid import uuid4

from bot.alerts.rules import AlertRules
from bot.core.alert_looks import look
from bot.core.alerts import Alert, AlertGroup, AlertRow
from bot.core.clock import Clock
from bot.core.records import Unit

FLAPPING = timedelta(minutes=5)
"""A group that fires again within this time after its end goes on in its message; later it is a new one."""

OWN_MESSAGES, STORM_WITHIN = 10, timedelta(minutes=1)
"""So many groups of a channel get a message of their own within that time; the others are one group, a storm."""

ONCE = timedelta(seconds=1)
"""What is told within this time of one alert is told once: it may have waited together."""

_STORM = "alert storm"


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes alerts in, any number of requests in one transaction."""

    rules: AlertRules
    clock: Clock

    async def take(self, tx: Unit, requests: Sequence[Sequence[Alert]]) -> frozenset[tuple[str, str]]:
        """Store what is new; identities of the alerts that their source has to tell once more before they count.

        An end of what nobody said had begun is dropped: there is nothing to show or to end.
        """
        now = self.clock()
        await tx.alerts.lock()
        changed, doubted = set[str](), set[tuple[str, str]]()
        for alerts in _rounds(chain.from_iterable(requests)):
            changed |= await self._round(alerts, tx, now, doubted)
        if changed:
            await tx.alerts.settle(sorted(changed), at=now)
            await look(tx, sorted(changed), now=now)
        return frozenset(doubted)

    async def _round(self, alerts: Sequence[Alert], tx: Unit, now: datetime, doubted: set[tuple[str, str]]) -> set[str]:
        """Alerts that are all different ones; ids of the groups that they changed, and into `doubted` what is so."""
        known = await tx.alerts.latest(alerts)
        added, renewed, homeless, retold = [], [], [], []
        for alert in alerts:
            row = known.get(alert.identity)
            if row and _is_older(alert, row):
                continue
            if row and row.ended_at is None:
                renewed.append(_renewed(row, alert, now))
            elif row and _is_over(alert, row) and (row.told_at == row.ended_at or now - row.told_at < ONCE):
                doubted.add(alert.identity)
                retold += [replace(row, told_at=now)] if row.told_at == row.ended_at else []
            elif alert.firing:
                homeless.append(alert)
        if homeless:
            groups = await self._groups(homeless, tx, now)
            added = [_row(alert, group, now) for alert, group in zip(homeless, groups, strict=True)]
        await tx.alerts.renew([*renewed, *retold])
        await tx.alerts.add(added)
        return {row.group_id for row in (*added, *renewed)}

    async def _groups(self, alerts: Sequence[Alert], tx: Unit, now: datetime) -> list[str]:
        """The id of the group of each alert; missing groups are made."""
        keyed = [
            replace(alert, group=key, group_title=title)
            for alert in alerts
            for key, title in [self.rules.group_of(alert)]
        ]
        storms = [replace(alert, source="", group=f"{_STORM} {self.rules.channel_of(alert)}") for alert in alerts]
        found: Mapping[tuple[str, str], AlertGroup] = await tx.alerts.groups(
            (*keyed, *storms), ended_after=now - FLAPPING
        )
        ids = {place: group.id for place, group in found.items()}
        opened = Counter(await tx.alerts.opened(after=now - STORM_WITHIN))
        made: list[AlertGroup] = []
        homes = []
        for alert, storm in zip(keyed, storms, strict=True):
            channel = self.rules.channel_of(alert)
            place, title = (alert.source, alert.group), alert.group_title
            if place not in ids and opened[channel] >= OWN_MESSAGES:
                place, title = (storm.source, storm.group), "Alert storm"
            if place not in ids:
                group = AlertGroup(uuid4().hex, *place, title, channel, now)
                made.append(group)
                ids[place] = group.id
                opened[channel] += 1
            homes.append(ids[place])
        await tx.alerts.add_groups(made)
        return homes


def _rounds(alerts: Iterator[Alert]) -> Iterator[list[Alert]]:
    """The alerts in order, cut so that no round has one alert twice."""
    held: dict[tuple[str, str], Alert] = {}
    for alert in alerts:
        if alert.identity in held:
            yield list(held.values())
            held = {}
        held[alert.identity] = alert
    if held:
        yield list(held.values())


def _is_older(alert: Alert, row: AlertRow) -> bool:
    """Whether it is a double, or an older word that came late: for one the end of a time before this one."""
    if alert.told_at:
        return row.told_at >= alert.told_at
    return bool(alert.ended_at and alert.started_at < row.started_at and alert.ended_at <= row.started_at)


def _is_over(alert: Alert, row: AlertRow) -> bool:
    """Whether it says that what has ended fires.

    Either it came late, from a replica that slept, or its source was wrong about the end: Alertmanager says *resolved*
    of what it was not told of for a while, and then goes on with the same start. Only the source knows. Whoever came
    late does not come again.
    """
    return alert.firing and alert.dated and alert.started_at <= row.started_at


def _row(alert: Alert, group_id: str, now: datetime) -> AlertRow:
    return AlertRow(
        id=uuid4().hex,
        group_id=group_id,
        source=alert.source,
        fingerprint=alert.fingerprint,
        title=alert.title,
        level=alert.level,
        started_at=alert.started_at,
        told_at=alert.told_at or now,
        ended_at=None,
        times=1,
        text=alert.text,
        url=alert.url,
        labels=alert.labels,
        acknowledged_by=alert.acknowledged_by or "",
    )


def _renewed(row: AlertRow, alert: Alert, now: datetime) -> AlertRow:
    told_at = alert.told_at or now
    return replace(
        row,
        title=alert.title,
        level=alert.level,
        started_at=max(row.started_at, alert.started_at) if alert.dated and alert.firing else row.started_at,
        told_at=told_at,
        ended_at=None if alert.firing else told_at,
        times=row.times + alert.firing,
        text=alert.text,
        url=alert.url,
        labels=alert.labels,
        acknowledged_by=row.acknowledged_by if alert.acknowledged_by is None else alert.acknowledged_by,
    )
