"""A replica that dies: at each place once, before or after its transaction commits, and while its command runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from bot.core.ports import Done
from bot.core.records import Store, Unit
from bot.core.results import StepState
from integrations.local import Config, LocalHost

GIVEN_UP_AFTER = 10
"""An operation that was taken over so often is given up."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Deaths:
    """Where replicas have died; `left` says how many more may, `dead` that this one has."""

    left: int = 0
    dead: bool = False
    places: list[Hashable] = field(default_factory=list)

    def is_due(self, place: Hashable) -> bool:
        """Whether the replica would die here."""
        return bool(self.left) and not self.dead and place not in self.places

    def come_at(self, place: Hashable) -> None:
        """`Killed` when the replica that is here dies, or has died before: a dead one goes nowhere any more."""
        if self.is_due(place):
            self.places.append(place)
            self.left -= 1
            self.dead = True
        if self.dead:
            raise Killed


@dataclass(slots=True)
class MortalStore:
    """A store whose process dies once wherever an operation's rows move, before that is kept.

    `also_after` has it die too when a step is written as begun and nothing was done yet.
    """

    store: Store
    deaths: Deaths

    also_after: bool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        if self.deaths.dead:
            raise Killed
        async with self.store.transaction() as tx:
            yield tx
            *place, last = await self._place(tx)
            self.deaths.come_at(("before", *place, last))
        # After any other commit than that of a start, it is as before the next one.
        if self.also_after and last is StepState.RUNNING:
            self.deaths.come_at(("after", *place))

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
        if lock is None or tuple(argv) == ("true",):
            return await super().run(argv, within=within, env=env, cwd=cwd, lock=lock)
        self.begun.append(tuple(argv))
        running = asyncio.ensure_future(super().run(argv, within=within, env=env, cwd=cwd, lock=lock))
        if not self._deaths.is_due(place := ("inside", *argv)):
            return await running
        await asyncio.wait([running], timeout=0.2)
        running.cancel()  # which leaves the command to itself, under its lock, as kill -9 does
        await asyncio.wait([running])
        self._deaths.come_at(place)
        raise AssertionError(place)
