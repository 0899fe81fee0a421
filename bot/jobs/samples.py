"""Figures of the services at both ends of an incident and each minute between, for its report and its chart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.core.clock import Clock
from bot.core.fleet import Fleet
from bot.core.records import Due, Store
from bot.digests.checks import checks_of
from bot.digests.declaration import Family
from bot.digests.rounds import take_round
from bot.incidents.measured import SAMPLE, measure_at_once, services_of

EVERY = timedelta(minutes=1)

_FAMILIES = {Family.WORKERS, Family.PAYMENTS}


@dataclass(frozen=True, slots=True)
class Samples:
    """Runs as a due row that puts itself back, so that of many replicas one does it; without an incident it is idle."""

    store: Store
    fleet: Fleet
    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {SAMPLE: self.sample}

    async def plan(self) -> None:
        """Have the first round come at once, and then one each minute."""
        async with self.store.transaction() as tx:
            await measure_at_once(tx, self.clock())

    async def sample(self) -> None:
        """Take a round of the services that an incident is about, until a minute after it was resolved."""
        now = self.clock()
        async with self.store.transaction() as tx:
            await tx.due.put(Due(SAMPLE, "minute", now + EVERY, {}))
            lasting = await tx.incidents.lasting(since=now - EVERY)
        names = {name for incident in lasting for name in services_of(incident, self.fleet)}
        for service in self.fleet.services:
            checks = [check for check in checks_of(service, {Store: self.store}) if check.family in _FAMILIES]
            if service.name in names and checks:
                await take_round(service, store=self.store, now=now, checks=checks)
