"""The record of one incident as it grows: messages heard, and the same read from Slack's history."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import psutil
from prometheus_client import CollectorRegistry

from bot.core.backfills import Backfill
from bot.core.clock import now
from bot.core.incidents import Incident
from bot.slack.link import Link
from bot.slack.metrics import Metrics
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.server import never

SIZES = (1_000, 10_000, 100_000)


async def capture(ground: Ground) -> AsyncIterator[Figure]:
    """Milliseconds a message, and resident memory, while an incident grows to each of `SIZES`."""
    first: tuple[float, float] | None = None
    async with ground.server("ours") as server:
        await ground.flood(server, ground.event, count=500, clients=64)
        there = 0
        for size in SIZES:
            _, rate = await ground.flood(server, ground.event, count=size - there, clients=64)
            there = size
            cost, memory = 1000 / rate, server.memory()
            first = first or (cost, memory)
            yield Figure(f"capture.{size // 1000}k", cost, "ms", first[0], "itself for the first 1,000 messages", "~ 1")
            yield Figure(f"capture.{size // 1000}k.memory", memory, "MB", first[1], "itself after 1,000", "~ 1")


async def backfill(ground: Ground) -> AsyncIterator[Figure]:
    """Milliseconds a message for reading a channel of each of `SIZES` from Slack's history; Slack's own pace left out.

    The local Slack runs in this process and its time is in the figure; so it says how the cost grows, not what it is.
    """
    first: tuple[float, float] | None = None
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Postgres.open(ground.database, defer=never, audit_key=b"k" * 32))
        link = await stack.enter_async_context(
            Link.open(
                bot_token=ground.workspace.bot_token,
                api_url=ground.workspace.api_url,
                roles=Roles(),
                store=store,
                clock=now,
                redact=str,
                metrics=Metrics(CollectorRegistry()),
            )
        )
        reader = link.reader(calls_a_minute=1e6)
        for size in SIZES:
            channel = ground.workspace.channel(f"inc-{size}", members=[ground.ana])
            for number in range(size):
                ground.workspace.core.feed.post(channel, ground.ana.user, f"{number}: the error rate goes down")
            began = datetime.fromtimestamp(0, UTC)
            ana = ground.ana.id
            plan = Backfill(f"bench-{size}", channel.id, began, now(), began)
            async with store.transaction() as tx:
                await tx.incidents.declare(Incident(0, "Bench", "High", "open", channel.id, ana, ana, now()))
                await tx.backfills.plan(plan)
            before = psutil.Process().memory_info().rss
            started = time.perf_counter()
            await reader.read(backfill_id=plan.id)
            cost = (time.perf_counter() - started) * 1000 / size
            grown = (psutil.Process().memory_info().rss - before) / 1e6
            first = first or (cost, max(grown, 0.1))
            name = f"backfill.{size // 1000}k"
            yield Figure(name, cost, "ms", first[0], "itself for 1,000 messages", "~ 1")
            yield Figure(f"{name}.memory", grown, "MB", first[1], "what 1,000 added, in this process")
