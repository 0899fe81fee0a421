"""An incident's channel in a local Slack whose clock is set by hand, with a bot that comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.backfills import Backfill, BackfillState
from bot.core.incidents import Change, Entry, Incident, Message
from bot.core.marks import Mark
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.incidents.backfills import READ, begin_record, read_again
from bot.slack.backfilling import Reader
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fixtures_slack import SlackBot, running_bot


@dataclass(frozen=True, slots=True)
class Record:
    """All that is stored of a channel."""

    messages: tuple[Message, ...]
    changes: tuple[Change, ...]
    marks: tuple[Mark, ...]
    entries: tuple[Entry, ...]

    @property
    def texts(self) -> list[str]:
        """What stands, in the channel's order."""
        return [message.text for message in self.messages if message.deleted_at is None]


@dataclass(slots=True)
class Scene:
    """The channel `inc` of incident 1, which `ana` declared."""

    workspace: Workspace
    store: Postgres
    deferred: Deferred
    clock: SetClock
    ana: Person
    inc: Channel
    reader: Reader | None = field(default=None)

    @classmethod
    async def begun(cls, workspace: Workspace, store: Postgres, deferred: Deferred, clock: SetClock) -> Scene:
        """The record of the channel has begun."""
        ana = workspace.person("ana")
        scene = cls(workspace, store, deferred, clock, ana, workspace.channel("inc-1", [ana]))
        async with store.transaction() as tx:
            await tx.incidents.declare(Incident(0, "Fire", "High", "open", scene.inc.id, ana.id, ana.id, clock()))
            await begin_record(tx, scene.inc.id, since=clock(), now=clock())
        return scene

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[SlackBot]:
        """The bot, while the block runs."""
        async with running_bot(self.workspace, self.store, clock=self.clock) as bot:
            self.reader = bot.link.reader(calls_a_minute=6000)
            yield bot

    async def say(self, text: str, *, thread: str = "") -> str:
        """Ana writes; the ts of it."""
        return (await self.ana.say(self.inc, text, thread=thread or None)).ts

    async def miss(self, *, minutes: int = 5) -> None:
        """Have the last minutes read."""
        async with self.store.transaction() as tx:
            await read_again(tx, self.inc.id, since=self.clock() - timedelta(minutes=minutes), now=self.clock())

    async def catch_up(self) -> list[Backfill]:
        """Do the backfills that were deferred so far."""
        assert self.reader
        done = []
        while self.deferred.jobs:
            job = self.deferred.jobs.pop(0)
            if job.task == READ:
                await self.reader.read(backfill_id=str(job.args["backfill_id"]))
                done.append(await self.backfill(str(job.args["backfill_id"])))
        return done

    async def backfill(self, backfill_id: str) -> Backfill:
        """A backfill as it stands."""
        async with self.store.transaction() as tx:
            return await tx.backfills.get(backfill_id)

    async def spans(self) -> list[tuple[datetime, datetime]]:
        """The spans that are to be read; they count as read from then on."""
        found = []
        while self.deferred.jobs:
            async with self.store.transaction() as tx:
                each = await tx.backfills.get(str(self.deferred.jobs.pop(0).args["backfill_id"]))
                done = Backfill(each.id, each.channel, each.since, each.until, each.floor, BackfillState.DONE)
                await tx.backfills.save(done)
            found.append((each.since, each.until))
        return found

    async def record(self) -> Record:
        """What is stored."""
        async with self.store.transaction() as tx:
            return Record(
                await tx.messages.of_channel(self.inc.id),
                await tx.messages.revisions(self.inc.id),
                await tx.marks.of_channel(self.inc.id),
                await tx.entries.of_incident(1),
            )

    def calls(self, method: str) -> int:
        """How often the bot called a method so far."""
        return len([call for call in self.workspace.calls if call.method == method])
