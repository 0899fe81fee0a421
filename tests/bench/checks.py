"""A round of many checks with their history, beside the same looks alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from statistics import median

from bot.core.parts import State
from bot.core.readings import Reading
from bot.digests.baselines import same_weekdays
from bot.digests.declaration import Declaration, Finding, Terms, Unusual
from bot.digests.rounds import take_round
from bot.store.postgres import Postgres
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.server import never
from tests.fakes import service

COUNT, ROUNDS = 500, 5


async def checks(ground: Ground) -> AsyncIterator[Figure]:
    """500 checks a round, each against 14 weeks of its past, all of it remembered."""
    now = datetime.now(UTC)
    declared = [Declaration(f"check {number}", _find, unusual=Unusual.ABOVE) for number in range(COUNT)]
    async with Postgres.open(ground.database, defer=never, audit_key=b"bench") as store:
        async with store.transaction() as tx:
            await tx.readings.add(
                [
                    Reading("gateway", check.name, moment, State.OK, 40.0)
                    for check in declared
                    for moment in same_weekdays(now)
                ]
            )
        ours, bare = [], []
        for number in range(ROUNDS):
            at = now + timedelta(seconds=number)
            began = time.perf_counter()
            await asyncio.gather(*(check.find(Terms(at)) for check in declared))
            bare.append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            found = await take_round(service(), store=store, now=at, checks=declared)
            ours.append((time.perf_counter() - began) * 1e3)
            assert len(found.checks) == COUNT
    yield Figure("checks.round", median(ours), "ms", median(bare), f"{COUNT} looks without history or limits")


async def _find(_terms: Terms) -> Finding:
    return Finding(State.OK, "41", measure=41.0)
