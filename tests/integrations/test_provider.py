"""The provider's status page and API, asked over real HTTP and TLS on the loopback."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.core.errors import IntegrationError
from bot.core.parts import State
from integrations.envfile import Config as EnvConfig
from integrations.envfile import DotEnvFile
from integrations.http import HttpClient
from integrations.provider import Config, HttpProvider

KEY = "sk_demo_c0ffee1234567890"
Answers = Callable[[web.Request], web.Response]


@asynccontextmanager
async def server(answers: Answers, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return answers(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def page(body: str, *, only: str = "", status: int = 200) -> Answers:
    """A status page that answers with `body`; `only` for the file of that name, the others are not found."""
    return lambda request: web.Response(text=body, status=status if request.path.endswith(only) else 404)


def status(code: int) -> Answers:
    return lambda _: web.Response(status=code, text=f"never show {KEY}")


@pytest.fixture
def env(tmp_path: Path) -> DotEnvFile:
    file = tmp_path / ".env"
    file.write_text(f'CROSSMINT_API_KEY={KEY}\nEMPTY=\nODD="two\\nlines"\n')
    return DotEnvFile(EnvConfig(path=str(file)), data=tmp_path / "data")


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as http:
        yield http


@pytest.fixture
def provider(http: HttpClient, env: DotEnvFile) -> Callable[..., HttpProvider]:
    def build(url: str, *, key: str = "CROSSMINT_API_KEY", probe: str = "", slow: float = 2) -> HttpProvider:
        config = Config(url=url, probe_url=probe, headers={"X-API-KEY": key}, slow_seconds=slow)
        return HttpProvider(config, http=http, env=env)

    return build


Build = Callable[..., HttpProvider]


@pytest.mark.row("F1")
async def test_the_status_page_is_told_in_its_own_words(provider: Build) -> None:
    body = '{"status": {"indicator": "none", "description": "All Systems Operational"}}'
    async with server(page(body, only="status.json")) as url:
        assert await provider(url).ping() == "Crossmint says: All Systems Operational"
        assert (await provider(url).status()).state is State.OK


@pytest.mark.row("F1")
async def test_components_that_ail_and_open_incidents_are_told(provider: Build) -> None:
    body = {
        "status": {"indicator": "major", "description": "Partial System Outage"},
        "components": [
            {"name": "Checkout", "status": "partial_outage"},
            {"name": "Wallets", "status": "operational"},
            {"name": "Webhooks", "status": "on_fire"},
        ],
        "incidents": [{"name": "Delayed webhooks", "impact": "critical", "status": "identified"}],
    }
    async with server(page(json.dumps(body), only="summary.json")) as url:
        said = await provider(url).status()

    assert (said.state, said.words) == (State.FAIL, "Partial System Outage")
    assert [(part.name, part.state, part.said) for part in said.parts] == [
        ("Checkout", State.WARN, "partial outage"),
        ("Webhooks", State.UNKNOWN, "on fire"),
    ]
    assert [(part.name, part.state) for part in said.incidents] == [("Delayed webhooks", State.FAIL)]


@pytest.mark.row("F1")
@pytest.mark.parametrize("body", ["<html>all fine</html>", "[]", '{"status": null}'], ids=["html", "list", "null"])
async def test_a_page_that_is_no_status_is_no_good_news(provider: Build, body: str) -> None:
    async with server(page(body)) as url:
        said = await provider(url).status()

        assert said.state is State.UNKNOWN
        assert "answered 200 and no status in JSON" in said.words
        with pytest.raises(IntegrationError, match="answered 200 and no status in JSON"):
            await provider(url).ping()


@pytest.mark.row("F4")
@pytest.mark.parametrize(
    ("code", "state", "words", "accepts"),
    [
        (200, State.OK, "reachable", None),
        (401, State.FAIL, "refuses our credentials", False),
        (403, State.FAIL, "refuses our credentials", False),
        (404, State.OK, "healthy", None),
        (405, State.OK, "healthy", None),
        (302, State.UNKNOWN, "says neither", None),
        (429, State.WARN, "limits our rate", None),
        (500, State.FAIL, "failing", None),
        (503, State.FAIL, "failing", None),
    ],
)
async def test_the_answer_is_judged_by_its_status_and_never_shown(
    provider: Build, code: int, state: State, words: str, *, accepts: bool | None
) -> None:
    async with server(status(code)) as url:
        probed = await provider(url, probe=f"{url}/api/2022-06-09/checkout/sessions").probe()

    assert probed
    assert (probed.state, probed.status, probed.accepts) == (state, code, accepts)
    assert words in probed.words
    assert KEY not in repr(probed)


@pytest.mark.row("F4")
async def test_the_key_is_sent_from_the_env_file_and_taken_when_an_invented_one_is_refused(provider: Build) -> None:
    seen: list[str] = []

    def answers(request: web.Request) -> web.Response:
        seen.append(request.headers["x-api-key"])
        return web.Response(status=404 if seen[-1] == KEY else 401)

    async with server(answers) as url:
        probed = await provider(url, probe=url).probe()

    assert probed
    assert (probed.state, probed.accepts) == (State.OK, True)
    assert seen[0] == KEY
    assert len(seen) == 2


@pytest.mark.row("F4")
@pytest.mark.parametrize("key", ["ABSENT", "EMPTY", "ODD"])
async def test_a_key_that_can_stand_in_no_header_is_not_sent(provider: Build, key: str) -> None:
    async with server(status(200)) as url:
        probed = await provider(url, probe=url, key=key).probe()

    assert probed
    assert probed.state is State.UNKNOWN
    assert key in probed.words


@pytest.mark.row("F4")
async def test_nobody_there_is_told_by_its_reason(provider: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        refused = await provider("http://x", probe=f"http://127.0.0.1:{idle.getsockname()[1]}").probe()
    async with server(status(200)) as url:
        plain = await provider("http://x", probe=url.replace("http:", "https:")).probe()
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)  # so that no question leaves the machine
    unnamed = await provider("http://x", probe="http://no-such-host.invalid/").probe()

    for probed, words in ((refused, "refused"), (plain, "TLS"), (unnamed, "DNS")):
        assert probed
        assert probed.state is State.FAIL
        assert words in probed.words


def unknown_name(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.row("F4")
async def test_a_certificate_that_nobody_has_signed_is_not_trusted(provider: Build, tmp_path: Path) -> None:
    async with server(status(200), tls=unknown_certificate(tmp_path)) as url:
        probed = await provider("http://x", probe=url).probe()

    assert probed
    assert probed.state is State.FAIL
    assert "TLS" in probed.words


@pytest.mark.row("F4")
async def test_an_answer_that_takes_too_long_is_a_warning(provider: Build) -> None:
    async with server(status(404)) as url:
        probed = await provider(url, probe=url, slow=0.0001).probe()

    assert probed
    assert probed.state is State.WARN
    assert "slow" in probed.words


async def test_without_an_address_the_api_is_not_asked(provider: Build) -> None:
    assert await provider("http://x").probe() is None


def unknown_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody has signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    files = ("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1")
    subprocess.run((openssl, "req", *kind, *files), check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
