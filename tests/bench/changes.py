"""What changes cost: customers lost by them, ten thousand blocked addresses, and the engine's part of each step."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psycopg
from pydantic import BaseModel

from bot.core.clock import now
from bot.core.command import ChangeArgs, Command, Context
from bot.core.fleet import Fleet, Service
from bot.core.plan import Action, Area, Attempt, Observation, Plan, Risk, Step, Verdict
from bot.core.registry import Registry
from bot.core.releases import Releases
from bot.demo.gateway import Gateway
from bot.demo.packet_filter import packet_filter
from bot.jobs.queue import defer
from bot.jobs.worker import Worker
from bot.operations.engine import Engine
from bot.store.postgres import Postgres
from integrations.http import HttpClient
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.commands.bench import ANA, CHANNEL, Bench
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat
from tests.fixtures_gateway import check_out, connect, pm2_cli, releases_of
from tests.namespaces import PATH, firewall

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 8
BLOCKED = 10_000
STEPS = 50


async def lost(ground: Ground) -> AsyncIterator[Figure]:
    """Requests lost while the gateway is changed: by the bot, and by the runbook's own commands."""
    async with (
        Gateway.open(ground.folder / "gw", broken=False, postgres=False, redis=False, load=False) as demo,
        HttpClient() as http,
        Postgres.open(ground.database, defer=(deferred := Deferred()), audit_key=b"k" * 32) as store,
    ):
        bench = Bench(connect(demo, http=http, data=ground.folder), store, deferred, SetClock(now()))
        first = demo.app_dir.resolve()
        bench.ports = {Releases: releases_of(demo, host=bench.live.host)}
        for name, line, words in (
            ("reload", "reload", [f"pm2 reload {demo.name}"]),
            ("scale", "scale 4", [f"pm2 scale {demo.name} 4"]),
            ("rollback", "rollback to v1.1.0 fees", _literally("v1.1.0")),
            ("rollback.bad_build", "rollback to v1.2.0-badbuild fees", _literally("v1.2.0-badbuild")),
            ("rollback.bad_start", "rollback to v1.3.0-badstart fees", _literally("HEAD~1")),
        ):
            ours = await _lost_by(demo, lambda line=line: bench.run(line))  # type: ignore[misc]  # bound at once
            await _put_back(demo, first)
            theirs = await _lost_by(demo, lambda words=words: _type(demo, words))  # type: ignore[misc]  # the same
            await _put_back(demo, first)
            yield Figure(f"lost.{name}", ours, "requests", theirs, "the runbook's commands", "0")


def _literally(target: str) -> list[str]:
    """The runbook's rollback, to another target where the release before is not meant."""
    return [
        "pm2 stop crypto-payment-gateway",
        f"git checkout {target}",
        "npm install --offline --no-audit --no-fund",
        "npm run build",
        "pm2 start ecosystem.config.js --env production",
    ]


async def _type(demo: Gateway, lines: Sequence[str]) -> None:
    """Type them one after the other, whatever they end with, as somebody at the shell who does not look would."""
    for line in lines:
        program, *words = line.split()
        argv = (*demo.pm2, *words) if program == "pm2" else (program, *words)
        env = {**demo.env, "NO_COLOR": "1"}
        await asyncio.to_thread(subprocess.run, argv, env=env, cwd=demo.app_dir, capture_output=True, timeout=90)


async def _lost_by(demo: Gateway, change: Callable[[], Awaitable[object]]) -> int:
    """How many requests are lost from a second before the change to three seconds after its end."""
    place = urlsplit(demo.url)
    argv = (sys.executable, "-m", "tests.bench.customers", str(place.hostname), str(place.port), str(CLIENTS))
    customers = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(1.5)
    await change()
    await asyncio.sleep(3)
    out, _ = await customers.communicate(b"")
    counted = json.loads(out)
    assert counted.get("answered"), "nobody was served at all"
    return int(counted.get("lost", 0))


async def _put_back(demo: Gateway, first: Path) -> None:
    """The release, the link and the two workers from the start."""
    demo.app_dir.unlink()
    demo.app_dir.symlink_to(first)
    check_out(demo, "main")
    for words in (("delete", "all"), ("start", "ecosystem.config.js", "--env", "production")):
        await asyncio.to_thread(pm2_cli, demo, *words)


async def blocked(ground: Ground) -> AsyncIterator[Figure]:
    """Ten thousand blocked addresses: one more, one less, all of them; against a rule each."""
    first = ipaddress.IPv4Address("198.18.0.0")
    addresses = [str(first + number) for number in range(BLOCKED)]
    async with packet_filter(ground.folder) as command:
        if not command:
            sys.stderr.write("blocked.10k: no nft on this machine, or no network namespaces\n")
            return
        inside = command[: command.index("--") + 1]
        wall = firewall(command)
        await wall.block("203.0.113.1", lasts=timedelta(hours=1), mark="bench")
        for begin in range(0, BLOCKED, 250):  # as much as one message to the kernel takes without root
            elements = ", ".join(f'{each} timeout 24h comment "scan"' for each in addresses[begin : begin + 250])
            _run(inside, ("nft", "-f", "-"), f"add element inet opsbot addresses4 {{ {elements} }}\n")
            rules = "".join(f"-A INPUT -s {each} -j DROP\n" for each in addresses[begin : begin + 250])
            _run(inside, ("iptables-restore", "--noflush"), f"*filter\n{rules}COMMIT\n")
        found = await wall.blocked()
        assert len(found) == BLOCKED + 1
        one = "198.51.100.7"
        ours = {
            "add": await _seconds(lambda: wall.block(one, lasts=timedelta(hours=1), mark="bench")),
            "check": await _seconds(lambda: wall.blocked(one)),
            "list": await _seconds(wall.blocked),
            "remove": await _seconds(lambda: wall.unblock(one)),
        }
        rule = ("INPUT", "-s", one, "-j", "DROP")
        theirs = {
            "add": await _seconds(lambda: asyncio.to_thread(_run, inside, ("iptables", "-A", *rule))),
            "check": await _seconds(lambda: asyncio.to_thread(_run, inside, ("iptables", "-C", *rule))),
            "list": await _seconds(lambda: asyncio.to_thread(_run, inside, ("iptables", "-S"))),
            "remove": await _seconds(lambda: asyncio.to_thread(_run, inside, ("iptables", "-D", *rule))),
        }
    for name in ("add", "check", "list", "remove"):
        against = "an iptables rule each, without the bot"
        yield Figure(f"blocked.10k.{name}", ours[name] * 1e3, "ms", theirs[name] * 1e3, against, "<= 1 s")


def _run(inside: Sequence[str], argv: Sequence[str], given: str = "") -> None:
    subprocess.run((*inside, *argv), env={"PATH": PATH}, input=given, text=True, capture_output=True, check=True)


async def _seconds(function: Callable[[], Awaitable[object]]) -> float:
    """The median of five calls."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        await function()
        taken.append(time.perf_counter() - began)
    return median(taken)


class Steps(ChangeArgs):
    """How many that do nothing."""

    count: int


class Nothing(BaseModel):
    """No parameters."""


async def plan_steps(_: Context, args: Steps) -> Plan:
    """Do nothing, in steps."""
    return Plan("Nothing", Area.CACHE, (), tuple(Action("nothing", f"Step {n}") for n in range(args.count)))


async def see_nothing(_: Attempt[Nothing]) -> Observation:
    """It is done."""
    return Observation(Verdict.DONE, "nothing")


NOTHING = Command(
    ("nothing",), Steps, plan=plan_steps, risk=Risk.CHANGE, steps=(Step("nothing", Nothing, see_nothing),)
)


async def engine(ground: Ground) -> AsyncIterator[Figure]:
    """What the engine adds to each step: rows, fences, audit chain and card, by a real worker on the queue."""
    async with _working(ground) as (ours, store):
        rounds = []
        for _ in range(5):
            ctx = Context(ANA, CHANNEL, now())
            await ours.propose(NOTHING, Steps(count=STEPS), ctx)
            async with store.transaction() as tx:
                [operation] = await tx.operations.recent(limit=1)
            await ours.approval.confirm(ctx, operation.id)
            while not operation.state.is_final:
                await asyncio.sleep(0.1)
                async with store.transaction() as tx:
                    operation = await tx.operations.get(operation.id)
            async with store.transaction() as tx:
                rows = await tx.operations.steps(operation.id)
            starts = [row.started_at for row in rows if row.started_at]
            rounds += [(after - before) / timedelta(milliseconds=1) for before, after in pairwise(starts)]
    yield Figure("engine.step", median(rounds), "ms", await _two_commits(ground), "two bare commits", "<= 10 ms")


@asynccontextmanager
async def _working(ground: Ground) -> AsyncIterator[tuple[Engine, Postgres]]:
    async with Postgres.open(ground.database, defer=defer, audit_key=b"k" * 32) as store:
        ours = Engine(
            store=store,
            registry=Registry((NOTHING,)),
            fleet=Fleet((Service("bench", "test", "here", {}),)),
            chat=FakeChat(),
            clock=now,
            ports={},
            redact=str,
        )
        worker = Worker(ground.database, ours.handlers)
        worker.start()
        yield ours, store
        await worker.stop()


async def _two_commits(ground: Ground) -> float:
    """What a database takes at least to keep a start and an end, in milliseconds."""
    taken = []
    async with await psycopg.AsyncConnection.connect(ground.database, autocommit=True) as connection:
        await connection.execute("create table if not exists bare (number int)")
        for number in range(STEPS * 4):
            began = time.perf_counter()
            for _ in range(2):
                await connection.execute("insert into bare values (%s)", [number])
            taken.append((time.perf_counter() - began) * 1e3)
    return median(taken)
