from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot.core.errors import IntegrationError, OutcomeUnknown
from integrations.http import HttpClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SOON = timedelta(seconds=0.2)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The address of a server where `handler` answers everything."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


async def test_an_answer_has_status_body_and_latency(http: HttpClient) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=418, text=f"{request.method} {await request.text()} {request.headers['X-Who']}")

    async with serving(handler) as url:
        answer = await http.send("POST", url, headers={"X-Who": "me"}, body="hello")

    assert (answer.status, answer.body, answer.cut) == (418, "POST hello me", False)
    assert 0 < answer.latency < 5


async def test_each_request_has_a_connection_of_its_own(http: HttpClient) -> None:
    peers = []

    async def handler(request: web.Request) -> web.Response:
        assert request.transport
        peers.append(request.transport.get_extra_info("peername"))
        return web.Response()

    async with serving(handler) as url:
        for _ in range(3):
            await http.send("GET", url)

    assert len(set(peers)) == 3


async def test_a_redirect_is_an_answer_and_is_not_followed(http: HttpClient) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with serving(handler) as url:
        assert (await http.send("GET", url)).status == 302


async def test_proxies_of_the_environment_are_not_used(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="direct")

    async with serving(handler) as url, HttpClient() as client:
        assert (await client.send("GET", url)).body == "direct"


async def test_a_body_beyond_the_cap_is_cut(http: HttpClient) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (3 * 1024 * 1024))

    async with serving(handler) as url:
        answer = await http.send("GET", url)

    assert (len(answer.body), answer.cut) == (1024 * 1024, True)


async def test_bytes_that_are_no_text_are_replaced(http: HttpClient) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=b"a\xffb")

    async with serving(handler) as url:
        assert (await http.send("GET", url)).body == "a\ufffdb"


async def test_no_answer_in_time_means_that_the_outcome_is_unknown(http: HttpClient) -> None:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(2)
        return web.Response()

    async with serving(handler) as url:
        with pytest.raises(OutcomeUnknown, match=r"did not answer within 0\.2 s"):
            await http.send("GET", url, within=SOON)


async def test_a_body_that_trickles_in_is_not_waited_for_for_ever(http: HttpClient) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(30):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    async with serving(handler) as url:
        with pytest.raises(OutcomeUnknown):
            await http.send("GET", url, within=SOON)


async def test_nobody_there_is_an_error_without_password_or_query(http: HttpClient) -> None:
    port = unused_port()

    with pytest.raises(IntegrationError) as fault:
        await http.send("GET", f"http://me:hunter22@127.0.0.1:{port}/health?token=hunter33")

    assert not isinstance(fault.value, OutcomeUnknown)
    assert str(fault.value).startswith(f"http://127.0.0.1:{port}/health cannot be reached")
    assert "hunter" not in str(fault.value)


async def test_an_address_that_is_none_is_an_error(http: HttpClient) -> None:
    with pytest.raises(IntegrationError, match="The address cannot be reached"):
        await http.send("GET", "http://[::bad")


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("HEAD", 3), ("POST", 1)])
async def test_only_what_may_be_repeated_is_tried_again(http: HttpClient, method: str, asked: int) -> None:
    connections = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with await asyncio.start_server(hang_up, sock=listening):
            with stamina.set_testing(True, attempts=3, cap=True), pytest.raises(IntegrationError):
                await http.send(method, url, attempts=3)

    assert connections == asked


async def test_a_repeatable_request_is_tried_again_and_one_that_broke_off_is_unknown(http: HttpClient) -> None:
    connections = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with stamina.set_testing(True, attempts=2, cap=True), pytest.raises(OutcomeUnknown, match="broke before"):
            await http.send("POST", url, attempts=2, repeatable=True)

    assert connections == 2
