from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.core.errors import IntegrationError
from integrations.http import HttpClient
from integrations.provider import Config, Provider


@asynccontextmanager
async def status_page(body: str, *, status: int = 200) -> AsyncIterator[Provider]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status)

    app = web.Application()
    app.router.add_get("/api/v2/status.json", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with HttpClient() as http:
        yield Provider(Config(name="Crossmint", url=f"http://127.0.0.1:{port}"), http=http)
    await runner.cleanup()


@pytest.mark.row("F1")
async def test_the_status_page_is_told_in_its_own_words() -> None:
    async with status_page('{"status": {"indicator": "none", "description": "All Systems Operational"}}') as provider:
        assert await provider.ping() == "Crossmint says: All Systems Operational"


@pytest.mark.row("F1")
@pytest.mark.parametrize("body", ["<html>all fine</html>", "[]", '{"status": null}'], ids=["html", "list", "null"])
async def test_a_page_that_is_no_status_is_no_good_news(body: str) -> None:
    async with status_page(body) as provider:
        with pytest.raises(IntegrationError, match="answered 200 and no status in JSON"):
            await provider.ping()
