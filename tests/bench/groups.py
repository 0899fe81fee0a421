"""The figures of Slack's side of the bot; each group measures it and its baseline in turns, in one run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from statistics import median

import psycopg

from tests.bench.figures import Figure, over_rounds
from tests.bench.ground import Ground, Server
from tests.waiting import until

ROUNDS = 3
BARE = "bare Bolt app that only acks"


async def ack(ground: Ground) -> AsyncIterator[Figure]:
    """Latency and CPU of the ack of a slash command."""
    single: dict[str, list[list[float]]] = {"bare": [], "ours": []}
    steady: dict[str, list[list[float]]] = {"bare": [], "ours": []}
    cpu: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        for kind in ("bare", "ours"):
            async with ground.server(kind) as server:
                await ground.flood(server, ground.command, count=100)
                single[kind].append((await ground.flood(server, ground.command, count=500))[0])
                steady[kind].append(await ground.steady(server, ground.command, count=200, a_second=100))
            async with ground.server(kind, ack_only=True) as server:
                await ground.flood(server, ground.command, count=200)
                before = server.cpu()
                await ground.flood(server, ground.command, count=1500, clients=4)
                cpu[kind].append((server.cpu() - before) / 1500 * 1e6)
    for part, name in ((0.5, "p50"), (0.99, "p99")):
        value, baseline = (over_rounds(single[kind], part) * 1e3 for kind in ("ours", "bare"))
        yield Figure(f"ack.http.{name}", value, "ms", baseline, f"{BARE}, one client", "<= 1.5" if part == 0.5 else "")
        value, baseline = (over_rounds(steady[kind], part) * 1e3 for kind in ("ours", "bare"))
        yield Figure(
            f"ack.http.{name}.100_a_second", value, "ms", baseline, f"{BARE}, 100/s", "<= 1.5" if part == 0.5 else ""
        )
    yield Figure("ack.cpu", median(cpu["ours"]), "us", median(cpu["bare"]), f"{BARE}, CPU of its process", "<= 1.5")


async def socket(ground: Ground) -> AsyncIterator[Figure]:
    """Latency of the ack over Socket Mode, as the local Slack sees it."""
    latencies: dict[str, list[list[float]]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        for kind, found in latencies.items():
            async with ground.server(kind, transport="socket", ack_only=True):
                await ground.workspace.connected()
                turns = [await ground.ana.command(ground.channel, "/ops ping") for _ in range(250)]
                found.append([turn.acked_after for turn in turns[50:]])
            await until(lambda: not ground.workspace.connections)
    value, baseline = (over_rounds(latencies[kind], 0.5) * 1e3 for kind in ("ours", "bare"))
    yield Figure("ack.socket.p50", value, "ms", baseline, f"{BARE}, Socket Mode")


async def slow_slack(ground: Ground) -> AsyncIterator[Figure]:
    """The ack while Slack takes three seconds for each answer that the bot gives."""
    found: dict[float, list[list[float]]] = {0: [], 3: []}
    for _ in range(ROUNDS):
        for delay, rounds in found.items():
            ground.answer_delay = delay
            async with ground.server("ours") as server:
                await ground.flood(server, ground.command, count=50)
                rounds.append(await ground.steady(server, ground.command, count=1500, a_second=100))
    ground.answer_delay = 0
    value, baseline = (over_rounds(found[delay], 0.99) * 1e3 for delay in (3, 0))
    yield Figure("ack.slow_slack.p99", value, "ms", baseline, "itself while Slack is quick", "<= 1.2")


async def dispatch(ground: Ground) -> AsyncIterator[Figure]:
    """The cost of having fifty commands."""
    found: dict[int, list[list[float]]] = {1: [], 50: []}
    for _ in range(ROUNDS):
        for commands, rounds in found.items():
            async with ground.server("ours", commands=commands) as server:
                await ground.flood(server, ground.command, count=100)
                rounds.append((await ground.flood(server, ground.command, count=400))[0])
    value, baseline = (over_rounds(found[commands], 0.5) * 1e3 for commands in (50, 1))
    yield Figure("dispatch.50_commands", value, "ms", baseline, "itself with one command", "<= 1.2")


async def commands(ground: Ground) -> AsyncIterator[Figure]:
    """Whole commands a second: acked, authorised, parsed, audited, answered."""
    count = 2000
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        async with ground.server("bare") as server:
            await ground.flood(server, ground.command, count=200, clients=4)
            rates["bare"].append((await ground.flood(server, ground.command, count=count, clients=32))[1])
        async with ground.server("ours") as server:
            await ground.flood(server, ground.command, count=200, clients=4)
            await asyncio.sleep(1)
            before = await ground.answered()
            _, rate = await ground.flood(server, ground.command, count=count, clients=32)
            began = time.perf_counter()
            await until(partial(_answered, ground, before + count), within=60)
            rates["ours"].append(count / (count / rate + time.perf_counter() - began))
    yield Figure(
        "commands.saturated", median(rates["ours"]), "1/s", median(rates["bare"]), f"acks/s of a {BARE}", ">= 0.3"
    )


async def events(ground: Ground) -> AsyncIterator[Figure]:
    """Message events a second, none acked before it is committed; a kill in the middle loses none."""
    count = 3000
    rates: dict[str, list[float]] = {"bare": [], "ours": [], "each": []}
    for _ in range(ROUNDS):
        for kind in ("bare", "ours"):
            async with ground.server(kind) as server:
                await ground.flood(server, ground.event, count=200, clients=4)
                rates[kind].append((await ground.flood(server, ground.event, count=count, clients=64))[1])
        async with ground.server("ours") as server:
            # One client at a time leaves nothing to group: each event is an insert and a commit of its own.
            rates["each"].append((await ground.flood(server, ground.event, count=400))[1])
    ours = median(rates["ours"])
    yield Figure("events.durable", ours, "1/s", median(rates["bare"]), f"{BARE} and stores nothing", ">= 0.75")
    yield Figure("events.vs_insert_each", ours, "1/s", median(rates["each"]), "itself, one event a commit", ">= 1.3")
    yield await _killed(ground)


async def _answered(ground: Ground, count: int) -> bool:
    return await ground.answered() >= count


async def _killed(ground: Ground) -> Figure:
    """Kill -9 in the middle of a flood; every event that was acked must be in the store."""
    acked: set[str] = set()

    async def client(server: Server) -> None:
        while True:
            body, kind = ground.event()
            try:
                await ground.post(server, ground.signed(body, kind))
            except ConnectionError:
                return
            acked.add(json.loads(body)["event"]["ts"])

    async with ground.server("ours") as server:
        clients = [asyncio.create_task(client(server)) for _ in range(32)]
        await asyncio.sleep(1.5)
        server.process.kill()
        await asyncio.gather(*clients)
    async with await psycopg.AsyncConnection.connect(ground.database) as connection:
        rows = await (await connection.execute("select ts from messages")).fetchall()
    lost = len(acked - {ts for (ts,) in rows})
    return Figure("events.lost_by_kill", lost, "events", len(acked), "events acked before kill -9", "0")


async def memory(ground: Ground) -> AsyncIterator[Figure]:
    """Resident memory of the whole bot after its start, and after 100,000 events."""
    async with ground.server("bare") as bare, ground.bot(ground.folder / "memory", database=ground.database) as bot:
        await ground.flood(bot, ground.event, count=1)
        yield Figure("memory.start", bot.memory(), "MB", bare.memory(), BARE)
        await ground.flood(bot, ground.event, count=5000, clients=64)
        settled = bot.memory()
        _, rate = await ground.flood(bot, ground.event, count=95_000, clients=64)
        yield Figure("memory.after_100k", bot.memory(), "MB", settled, f"itself after 5,000, at {rate:.0f}/s", "~ 1")


async def start(ground: Ground) -> AsyncIterator[Figure]:
    """From the start of the process to its first ack, with an empty data folder and with a used one."""
    bare = [await _first_ack(ground, ground.server("bare")) for _ in range(ROUNDS)]
    cold = [await _first_ack(ground, ground.bot(ground.folder / f"cold-{number}")) for number in range(ROUNDS)]
    warm = [await _first_ack(ground, ground.bot(ground.folder / "cold-0")) for _ in range(ROUNDS)]
    yield Figure("start.cold", median(cold), "s", median(bare), f"{BARE}, without a store")
    yield Figure("start.warm", median(warm), "s", median(bare), f"{BARE}, without a store")


async def _first_ack(ground: Ground, starting: AbstractAsyncContextManager[Server]) -> float:
    """Seconds until a process has acked a command."""
    began = time.perf_counter()
    async with starting as server:
        await ground.post(server, ground.signed(*ground.command()))
        return time.perf_counter() - began
