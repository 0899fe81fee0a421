"""A replica that dies: at each place once, around a commit, or while what it asked for is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from bot.core.ports import Done
from bot.core.records import Store, Unit
from bot.core.results import StepState
from integrations.local import Config, LocalHost

GIVEN_UP_AFTER = 10
"""An operation that was taken over so often is given up."""

Way = Literal["before", "after", "inside"]
EVERY_WAY: Collection[Way] = ("before", "after", "inside")
"""Before a transaction that moves the operation's rows is kept; after a step was kept as begun and nothing was done;
and once a change is on its way, of which nobody has heard yet what became."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Deaths:
    """Where replicas have died; `left` says how many more may and `ways` how, `dead` that this one has.

    `asked` is what was asked of ports that a replica dies after.
    """

    left: int = 0
    ways: Collection[Way] = EVERY_WAY
    dead: bool = False
    places: list[tuple[Hashable, ...]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def is_due(self, way: Way, *place: Hashable) -> bool:
        """Whether the replica would die here."""
        return bool(self.left) and way in self.ways and not self.dead and (way, *place) not in self.places

    def come_at(self, way: Way, *place: Hashable) -> None:
        """`Killed` when the replica that is here dies, or has died before: a dead one goes nowhere any more."""
        if self.is_due(way, *place):
            self.places.append((way, *place))
            self.left -= 1
            self.dead = True
        if self.dead:
            raise Killed

    def come_after(self, port: object, method: str) -> None:
        """Have a replica die when this method of a port has done its work, before anything is written of that."""
        done = getattr(port, method)

        async def and_die(*args: object, **kwargs: object) -> object:
            self.asked.append(method)
            answer: object = await done(*args, **kwargs)
            self.come_at("inside", method)
            return answer

        setattr(port, method, and_die)


@dataclass(slots=True)
class MortalStore:
    """A store whose process dies once wherever an operation's rows move, and when a step was written as begun."""

    store: Store
    deaths: Deaths

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        if self.deaths.dead:
            raise Killed
        async with self.store.transaction() as tx:
            yield tx
            *place, last = await self._place(tx)
            self.deaths.come_at("before", *place, last)
        # After any other commit than that of a start, it is as before the next one.
        if last is StepState.RUNNING:
            self.deaths.come_at("after", *place)

    async def _place(self, tx: Unit) -> tuple[Hashable, ...]:
        """How far the newest operation has come, and the state of its last step."""
        [operation] = await tx.operations.recent(limit=1)
        steps = await tx.operations.steps(operation.id)
        states = [(row.number, row.undo, row.state) for row in steps]
        return operation.call.path, operation.state, *states, steps[-1].state if steps else None


class MortalHost(LocalHost):
    """A host on which each changing command outlives its replica once; it remembers what was begun."""

    def __init__(self, config: Config, deaths: Deaths) -> None:
        super().__init__(config)
        self.begun: list[tuple[str, ...]] = []
        self._deaths = deaths

    def bury(self) -> None:
        """Wait for the commands that outlived their replica."""
        for orphan in self._left:
            orphan.wait()

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta = timedelta(seconds=20),
        env: Mapping[str, str] = _NOTHING,
        cwd: str | None = None,
        lock: str | None = None,
    ) -> Done:
        """See `Host`."""
        if self._deaths.dead:
            raise Killed
        if tuple(argv) == ("true",) or not (lock or _changes(argv)):
            return await super().run(argv, within=within, env=env, cwd=cwd, lock=lock)
        self.begun.append(tuple(argv))
        if not lock:
            done = await super().run(argv, within=within, env=env, cwd=cwd)
            self._deaths.come_at("inside", *argv)
            return done
        running = asyncio.ensure_future(super().run(argv, within=within, env=env, cwd=cwd, lock=lock))
        if not self._deaths.is_due("inside", *argv):
            return await running
        await asyncio.wait([running], timeout=0.2)
        running.cancel()  # which leaves the command to itself, under its lock, as kill -9 does
        await asyncio.wait([running])
        self._deaths.come_at("inside", *argv)
        raise AssertionError(argv)


def _changes(argv: Sequence[str]) -> bool:
    """What changes something without a lock, at once: a signal, and the `ping` by which PM2 starts its daemon."""
    return argv[0] == "kill" or argv[-1] == "ping"
