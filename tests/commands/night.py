"""A night with a maintenance window: the bench, a real mail server, and a clock that is set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.mail import Mail
from bot.core.records import Operation
from bot.core.results import Result
from bot.core.windows import Window
from bot.jobs.due import sweep
from bot.views import render
from tests.commands.bench import CHANNEL, Bench
from tests.mail_server import MailServer, mail_server

MINUTE = timedelta(minutes=1)
PLAN = "maintenance plan 22:00 for 1h Database update"
START = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)


@dataclass(slots=True)
class Night:
    """The bench with a mail server."""

    bench: Bench
    server: MailServer

    async def window(self) -> Window:
        """The window that was planned last."""
        async with self.bench.store.transaction() as tx:
            return (await tx.windows.of_service(""))[0]

    async def at(self, moment: datetime) -> None:
        """Let it be `moment`, take what is due, and run what follows from it."""
        self.bench.clock.at = moment
        while await sweep(self.bench.store, now=self.bench.clock()):
            await self.bench.work()

    def said(self) -> list[str]:
        """What stands in the channel."""
        return [words_of(result) for result in self.bench.chat.posted(CHANNEL)]

    def subjects(self) -> list[str]:
        """What was mailed."""
        return [str(message["Subject"]) for _, _, message in self.server.taken]

    async def planned(self, text: str = PLAN) -> Operation:
        """A window that was approved and announced."""
        return await self.bench.run(text)


def words_of(result: Result) -> str:
    return render(result).text.replace("*", "").replace("`", "")


@pytest.fixture
async def night(bench: Bench) -> AsyncIterator[Night]:
    async with mail_server() as server:
        bench.ports = {Mail: server.sender()}
        yield Night(bench, server)
