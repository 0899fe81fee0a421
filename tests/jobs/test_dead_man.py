from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from structlog.testing import capture_logs

from bot.core.errors import IntegrationError
from bot.jobs.dead_man import DeadMan
from integrations.http import HttpClient
from tests.waiting import until

MOVED = 302
SECRET_PATH = "/ping/5e1e4b9c-not-for-the-log"


@dataclass
class Watcher:
    """The system outside; it counts the pings."""

    url: str = ""
    pings: int = 0
    status: int = 200
    hangs: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        assert request.method == "GET"
        self.pings += 1
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, headers={"location": "/elsewhere"} if self.status == MOVED else {})


@dataclass
class Bot:
    """A bot that is well, or is not."""

    fault: str = ""
    hangs: bool = False

    async def check(self) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        if self.fault:
            raise IntegrationError(self.fault)


@pytest.fixture
async def watcher() -> AsyncIterator[Watcher]:
    watcher = Watcher()
    app = web.Application()
    app.router.add_get(SECRET_PATH, watcher.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    watcher.url = f"http://127.0.0.1:{runner.addresses[0][1]}{SECRET_PATH}"
    yield watcher
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as http:
        yield http


def dead_man(url: str, http: HttpClient, **checks: Bot) -> DeadMan:
    return DeadMan(
        url,
        every=timedelta(seconds=0.05),
        checks={name: bot.check for name, bot in checks.items()},
        http=http,
    )


async def test_a_bot_that_is_well_pings_again_and_again_until_it_stops(watcher: Watcher, http: HttpClient) -> None:
    pinging = dead_man(watcher.url, http, store=Bot())
    pinging.start()
    async with asyncio.timeout(10):
        while watcher.pings < 3:  # noqa: ASYNC110 - a counter has no event to wait for
            await asyncio.sleep(0.01)
    await pinging.stop()
    before = watcher.pings
    await asyncio.sleep(0.2)

    assert watcher.pings == before


@pytest.mark.parametrize("ill", [Bot("The queue is not served."), Bot(hangs=True)], ids=["says no", "hangs"])
async def test_a_bot_of_which_one_part_is_not_well_does_not_ping(watcher: Watcher, http: HttpClient, ill: Bot) -> None:
    with capture_logs() as logs:
        assert not await dead_man(watcher.url, http, store=Bot(), worker=ill).ping()

    assert watcher.pings == 0
    assert logs[0]["check"] == "worker"


async def test_a_ping_that_is_not_taken_is_in_the_log_without_its_address(watcher: Watcher, http: HttpClient) -> None:
    with capture_logs() as logs:
        for watcher.status in (404, 500, MOVED):
            assert not await dead_man(watcher.url, http).ping()
        assert not await dead_man(f"http://127.0.0.1:{unused_port()}{SECRET_PATH}", http).ping()

    assert [log["event"] for log in logs].count("dead man's ping not taken") == 4
    assert SECRET_PATH not in str(logs)


async def test_a_watcher_that_hangs_is_given_up_and_pinged_again_and_the_bot_stops_meanwhile(
    watcher: Watcher, http: HttpClient
) -> None:
    watcher.hangs = True
    pinging = dead_man(watcher.url, http)
    pinging.start()
    await until(lambda: watcher.pings == 1)
    async with asyncio.timeout(2):
        await pinging.stop()
    pinging.start()
    await until(lambda: watcher.pings == 2)
    watcher.hangs = False
    await until(lambda: watcher.pings >= 4)
    await pinging.stop()
