"""A change is typed, its replicas die one after the other, and what came of it in the end is looked at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.plan import Risk
from bot.core.records import Operation, Store
from bot.core.releases import Releases
from bot.core.results import OperationState, Progress, StepState
from bot.demo.gateway import Gateway
from integrations import local
from integrations.http import HttpClient
from tests.commands.bench import CHIEF, Bench
from tests.commands.dying import EVERY_WAY, GIVEN_UP_AFTER, Deaths, Killed, MortalHost, MortalStore, Way
from tests.conftest import Deferred, SetClock
from tests.fixtures_gateway import connect, pm2_cli, pm2_list, releases_of
from tests.namespaces import PATH

SOON = timedelta(seconds=1)
"""How long a step looks for an effect here; as long as it would otherwise only makes the deaths before it slow."""

_REPEATED = {"git", "rm", "ln", "mv", "cp", "node", "touch", "install", "chmod", "ping"}
"""What builds a release and names it, makes a file private, or starts PM2: done again it changes nothing more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is typed before each time, what is killed, and what is typed after.

    One whose steps are all those of another kind is `alike`: its replicas die only where a record is lost,
    and one operation is enough. One with a step that is never begun again ends otherwise by the way that it dies.
    """

    typed: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    alike: bool = False


@dataclass(slots=True)
class Mortal:
    """The bench of replicas that die, on a host that remembers what they began."""

    bench: Bench
    deaths: Deaths
    host: MortalHost

    async def play(self, kind: Kind) -> None:
        """Until there is no place any more at which nobody has died, or patience is over."""
        while True:
            for line in kind.before:
                await self.settle(line)
            operation, died = await self.ask(kind.typed, ways=("before", "inside") if kind.alike else EVERY_WAY)
            await self.assert_ended_once(operation)
            for line in kind.after:
                await self.settle(line)
            if kind.alike or died < GIVEN_UP_AFTER - 1:
                return

    async def ask(
        self, line: str, *, deaths: int = GIVEN_UP_AFTER - 1, ways: Collection[Way] = EVERY_WAY
    ) -> tuple[Operation, int]:
        """Type a change and have it run by one replica after the other; how many died."""
        self.host.begun.clear()
        await self.bench.type(line)
        operation = await self.bench.newest()
        approval = self.bench.engine.approval
        if operation.plan.risk is Risk.RISKY:
            await approval.approve(self.bench.context(CHIEF), operation.id)
        else:
            await approval.confirm(self.bench.context(), operation.id)
        self.deaths.left, self.deaths.ways = deaths, ways
        await self._work()
        died, self.deaths.left = deaths - self.deaths.left, 0
        return await self.bench.newest(), died

    async def settle(self, line: str) -> None:
        """Type a change that nobody dies of; with `!` it is PM2's and typed by hand."""
        if line.startswith("!"):
            await asyncio.to_thread(_by_hand, self.bench.live.demo, line[1:].split())
            return
        operation, _ = await self.ask(line, deaths=0)
        assert operation.state is OperationState.DONE, await self.bench.evidence(operation)

    async def assert_ended_once(self, operation: Operation, state: OperationState = OperationState.DONE) -> None:
        """It has ended with its last step and as that did, none is missing or begun twice, and its one card says so."""
        assert operation.state is state, await self.bench.evidence(operation)
        async with self.bench.store.transaction() as tx:
            rows = await tx.operations.steps(operation.id)
        ended = [StepState.DONE] * len(rows[:-1]) + [StepState(state.value)] * len(rows[-1:])
        assert [row.state for row in rows] == ended
        assert len(rows) == len(operation.plan.actions)
        often = {argv for argv, count in Counter(self.host.begun).items() if count > 1}
        twice = [argv for argv in often if not _REPEATED & {argv[0], argv[-1]}]
        assert not twice, twice
        key = f"operation:{operation.id}"
        [card] = [posted.result for posted in self.bench.chat.messages.values() if posted.key == key]
        assert isinstance(card, Progress)
        assert card.state is state

    async def _work(self) -> None:
        """What the queue does: a job whose worker died goes to another one."""
        jobs, living = self.bench.deferred.jobs, self.bench.store
        while jobs:
            job = jobs[0]
            self.deaths.dead = False
            self.bench.store = MortalStore(living, self.deaths)
            try:
                await self.bench.engine.handlers[job.task](**job.args)
                jobs.remove(job)
            except Killed:
                continue
            finally:
                self.bench.store, self.deaths.dead = living, False


def _by_hand(demo: Gateway, words: Sequence[str]) -> None:
    pm2_cli(demo, *(str(pm2_list(demo)[0][0]) if word == "0" else word for word in words))


@pytest.fixture
async def mortal(
    demo: Gateway, store: Store, deferred: Deferred, clock: SetClock, tmp_path: Path
) -> AsyncIterator[Mortal]:
    """The gateway with its releases, on a host whose replicas die."""
    deaths = Deaths()
    host = MortalHost(local.Config(path=f"{demo.node_path}:{PATH}"), deaths)
    async with HttpClient() as http:
        live = connect(demo, http=http, data=tmp_path / "data", host=host)
        bench = Bench(live, store, deferred, clock)
        steps = bench.registry.steps.items()
        bench.registry.steps = {name: replace(step, settle=min(step.settle, SOON)) for name, step in steps}
        bench.ports = {Releases: releases_of(demo, host=host)}
        yield Mortal(bench, deaths, host)
    host.bury()
