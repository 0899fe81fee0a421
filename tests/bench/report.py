"""A whole report of incidents of different length: read, chosen, named, linked, written, rendered."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

from bot.core.clock import now
from bot.core.incidents import Incident, Message
from bot.core.marks import Mark, MarkKind
from bot.incidents.timeline import BOT
from bot.store.postgres import Postgres
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.server import never
from tests.bench.timeline import long_talk

SIZES = (1_000, 10_000, 100_000)
_TIMES = 10
_AT_ONCE = 1_000
_MARKED = 500


async def report(ground: Ground) -> AsyncIterator[Figure]:
    """Milliseconds, memory above what is there anyway, and how long nothing else got a turn; a process for each."""
    before: dict[str, float] = {}
    for size in SIZES:
        number = await _recorded(ground.database, size)
        argv = (sys.executable, "-m", "tests.bench.written", ground.database, str(number))
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        costs: dict[str, float] = json.loads(said)
        for name, cost in costs.items():
            unit, aim = ("MB", "~ 1") if name == "memory" else ("ms", "" if name == "blocked" else "~ 1")
            yield Figure(f"report.{name}.{size}", cost, unit, before.get(name, 0) * _TIMES, "ten times a tenth", aim)
        before = costs


async def _recorded(database: str, size: int) -> int:
    """The number of an incident of so many messages, some of which people marked."""
    async with Postgres.open(database, defer=never, audit_key=b"k" * 32) as store:
        talk = long_talk(size).said
        channel, who = f"C{size}", talk[0].user
        begun = talk[0].at - timedelta(minutes=1)
        async with store.transaction() as tx:
            incident = await tx.incidents.declare(
                Incident(0, "Bench", "High", "open", channel, who, who, now(), recorded_from=begun)
            )
            await tx.backfills.record_from(channel, begun)
        for first in range(0, size, _AT_ONCE):
            some = talk[first : first + _AT_ONCE]
            messages = [
                Message(channel, each.ts, each.at, each.user, each.name, each.text, subtype=BOT if each.bot else "")
                for each in some
            ]
            pins = [Mark(channel, each.ts, MarkKind.PIN, "", who, each.ts) for each in some[:: size // _MARKED or 1]]
            async with store.transaction() as tx:
                await tx.messages.record(messages, [])
                await tx.marks.add(pins)
    return incident.number
