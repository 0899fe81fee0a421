"""Ten minutes in which all is well: customers pay, the bot reloads and restarts the workers, and nobody is alarmed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp

from bot.demo.world import World, open_world
from tests.bench.figures import Figure
from tests.bench.ground import Ground

MINUTES = 10
BETWEEN = 1.0
"""Seconds between two payments that are counted here; the demo's own customers pay besides."""

CHANGES = ("reload", "restart between two releases", "reload", "scale 3 traffic", "reload", "scale 2 evening")
EVERY = 45.0
"""Seconds between two changes."""

_PATIENCE = 120


async def quiet(ground: Ground) -> AsyncIterator[Figure]:
    """What the watches posted, and what they looked at."""
    folder = ground.folder / "quiet"
    async with open_world(folder, keep=False, port=0, sabotage="", say=lambda _: None, broken=False) as world:
        end, paid = time.monotonic() + 60 * MINUTES, Counter[str]()
        async with asyncio.TaskGroup() as group:
            group.create_task(_pay(world, end, paid))
            changes = group.create_task(_change(world, end))
        posts = [seen.plain() for seen in world.ana.sees(world.workspace.channel("payments-alerts"))]
        async with world.bot.store.transaction() as tx:
            pulses = await tx.watches.of(world.gateway.name)
    looks = sum(pulse.looked_at is not None for pulse in pulses.values())
    yield Figure("quiet.posts", float(len(posts)), "posts", 0.0, "the aim: " + (" / ".join(posts)[:400] or "none"))
    yield Figure("quiet.payments", float(paid["201"]), "payments", 0.0, f"by status: {dict(paid)}")
    yield Figure("quiet.changes", float(changes.result()), "changes", float(looks), "checks that were watched")


async def _pay(world: World, end: float, paid: Counter[str]) -> None:
    order = {"amount": 12.5, "currency": "USDC", "customer": "buyer@example.net"}
    while time.monotonic() < end:
        try:
            status, _ = await world.gateway.http("/api/payments", method="POST", payload=order)
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        paid[str(status)] += 1
        await asyncio.sleep(BETWEEN)


async def _change(world: World, end: float) -> int:
    """How many changes were seen done."""
    done = 0
    while time.monotonic() + EVERY < end:
        await asyncio.sleep(EVERY)
        turn = await world.ana.command(world.operations, f"/ops {CHANGES[done % len(CHANGES)]}")
        card = await turn.reply(timeout=_PATIENCE)
        await world.ana.click(card, "Confirm and run")
        await world.ana.wait_for(world.operations, "done · ", _PATIENCE, after=card)
        done += 1
    return done
