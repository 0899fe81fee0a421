"""What a digest costs that has a year of history behind it, pictures and all."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from statistics import median

import psycopg

from bot.core.clock import now
from bot.core.schedules import Template
from bot.digests.edition import Order
from bot.digests.editions import edition
from bot.digests.schedules import Schedule
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from bot.views import draw
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.conftest import Deferred
from tests.fakes import FakeProcesses, service, worker

CHECKS = ("Success rate", "Transaction volume", "Response time", "Health", "Error rate", "CPU", "Memory", "Disks")
SERVICE = service(processes=FakeProcesses((worker(0),)))
TIMES = 5
MEGABYTE = 1024 * 1024


async def digests(ground: Ground) -> AsyncIterator[Figure]:
    """Time and memory of a weekly digest, against one that has a day behind it."""
    migrate(ground.database)
    at = now()
    async with Postgres.open(ground.database, defer=Deferred(), audit_key=b"k" * 32) as store:
        found = {}
        for days in (1, 365):
            await _fill(ground.database, at, days)
            plan = Schedule("weekly", "C0OPS", "gateway", "mon 09:00", template=Template.WEEKLY)
            found[days] = await _measure(Order(plan, SERVICE, at, store))
    (bare, bare_memory, _), (year, memory, drawn) = found[1], found[365]
    yield Figure("digests.year", year * 1e3, "ms", bare * 1e3, "the same with one day of history, no pictures drawn")
    yield Figure("digests.year.memory", memory / MEGABYTE, "MB", bare_memory / MEGABYTE, "the same, peak of Python")
    yield Figure("digests.pictures", drawn * 1e3, "ms", year * 1e3, "the digest itself; two pictures, in a thread")


async def _measure(order: Order) -> tuple[float, float, float]:
    """Seconds and bytes of the digest, and seconds of drawing its pictures."""
    made = await edition(order)
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await edition(order)
        took.append(time.perf_counter() - began)
    tracemalloc.start()
    await edition(order)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for chart in made.pictures.values():
        draw(chart)  # the first time imports matplotlib
    began = time.perf_counter()
    for chart in made.pictures.values():
        draw(chart)
    return median(took), peak, time.perf_counter() - began


async def _fill(conninfo: str, until: datetime, days: int) -> None:
    """A reading each quarter of an hour, as the history keeps them."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute(
            """insert into readings (service, "check", at, state, value, unit, said)
               select 'gateway', named, at, 'ok', 50 + 10 * random(), '%%', 'well'
               from unnest(%s::text[]) as named, generate_series(%s::timestamptz, %s, '15 minutes') as at
               on conflict do nothing""",
            [list(CHECKS), until - timedelta(days=days), until],
        )
        await connection.execute("analyze readings")
