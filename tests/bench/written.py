"""A process that writes one report, and says what that cost: `python -m tests.bench.written DATABASE NUMBER`."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from datetime import UTC, datetime

import psutil

from bot.core.command import Context
from bot.core.people import Actor, Role
from bot.incidents.exports import Exporter, Format
from bot.incidents.report import draft, stand
from bot.store.postgres import Postgres
from bot.views.templates import Templates
from tests.bench.server import never
from tests.fakes import FakeChat

_TICK = 0.001


class Turns:
    """Takes a turn on the loop all the time; `longest` is the most seconds that it had to wait for one."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def take(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(_TICK)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before - _TICK), now


async def main(database: str, number: int) -> dict[str, float]:
    """Milliseconds, CPU, MB above what the process had before, and the longest that the loop was held."""
    chat, documents = FakeChat(), Templates()
    async with Postgres.open(database, defer=never, audit_key=b"k" * 32) as store:
        async with store.transaction() as tx:
            incident = await tx.incidents.get(number)
        ctx = Context(Actor(incident.commander, "Ana", Role.RESPONDER), incident.channel, datetime.now(UTC))
        turns = Turns()
        ticking = asyncio.create_task(turns.take())
        memory = Memory()
        memory.start()
        await asyncio.sleep(0.1)
        turns.longest, before = 0.0, memory.most
        cpu, began = time.process_time(), time.perf_counter()
        await draft(ctx, incident, store=store, chat=chat, zone="UTC")
        exporter = Exporter(store, documents, "UTC", str)
        await exporter.document(await stand(incident, store=store), Format.MARKDOWN, None)
        costs = {
            "time": (time.perf_counter() - began) * 1e3,
            "cpu": (time.process_time() - cpu) * 1e3,
            "memory": memory.most - before,
            "blocked": turns.longest * 1e3,
        }
        ticking.cancel()
        return costs


class Memory(threading.Thread):
    """Looks at the resident memory all the time; `most` is the most that it saw, in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        process = psutil.Process()
        while True:
            self.most = max(self.most, process.memory_info().rss / 1e6)
            time.sleep(_TICK * 10)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))) + "\n")
