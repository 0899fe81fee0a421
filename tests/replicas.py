"""A replica of the bot whose worker is run by hand: what is due becomes jobs, and those are done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from bot.alerts.messages import GroupMessages
from bot.core.results import Text
from bot.jobs.due import AT_ONCE, sweep
from bot.jobs.queue import Handler
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat

OPS = "C0OPS"


class Replica(ABC):
    """One of those that share a database, a Slack and a clock."""

    def __init__(self, store: Postgres, deferred: Deferred, chat: FakeChat, clock: SetClock) -> None:
        self.store, self.deferred, self.chat, self.clock = store, deferred, chat, clock
        self.messages = GroupMessages(store, chat, clock)

    @property
    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """What it can do, by the name of the job."""

    async def work(self) -> int:
        """Do what is due now, and what comes of it; how many jobs that were."""
        while await sweep(self.store, now=self.clock()) == AT_ONCE:
            pass
        done = 0
        while self.deferred.jobs:
            job = self.deferred.jobs.pop(0)
            await self.handlers[job.task](**job.args)
            done += 1
        return done

    def cards(self, channel: str = OPS) -> list[Text]:
        """What stands in a channel, in order."""
        return [card for card in self.chat.posted(channel) if isinstance(card, Text)]
