"""Certificates by live handshakes with servers on the loopback, each with a certificate of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from aiohttp.test_utils import unused_port

from bot.core.certificates import Certificates
from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown
from bot.core.parts import State
from bot.core.results import Check, Checks
from bot.digests.checks import certificates_of
from bot.digests.rounds import check_service
from integrations import tls
from integrations.local import Config as LocalConfig
from integrations.local import LocalHost
from tests.commands.bench import Bench

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LONG = 60


def live(
    hosts: tuple[str, ...], *, ca: str = "", files: Mapping[str, str] = MappingProxyType({})
) -> tls.LiveCertificates:
    """What looks at these hosts from this machine."""
    return tls.LiveCertificates(tls.Config(hosts=hosts, ca=ca, files=files), host=LocalHost(LocalConfig()))


class Authority:
    """An authority of the tests' own."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl on this machine")
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._openssl(
            *("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "90"),
            *("-subj", "/O=Test Authority/CN=Root 1"),
        )

    def certificate(self, *, days: int, name: str = "localhost", signed: bool = True) -> ssl.SSLContext:
        """What a server presents that lasts `days`, 1 in the past at most, for `name`."""
        alternative = f"subjectAltName=DNS:{name},DNS:www.{name}"
        if signed:
            self._openssl(
                "req", *CURVE, "-keyout", "key", "-out", "csr", "-subj", f"/CN={name}", "-addext", alternative
            )
            self._openssl(
                *("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
                *("-copy_extensions", "copy", "-days", str(days), "-out", "pem"),
            )
        else:
            self._openssl(
                *("req", "-x509", *CURVE, "-keyout", "key", "-out", "pem", "-days", str(days)),
                *("-subj", f"/CN={name}", "-addext", alternative),
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "pem", self.folder / "key")
        return context

    def _openssl(self, *arguments: str) -> None:
        argv = ("openssl", *arguments)
        subprocess.run(argv, cwd=self.folder, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[str]:
    """`HOST:PORT` of a server with this certificate."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"localhost:{server.sockets[0].getsockname()[1]}"


async def check(bench: Bench, host: str, authority: Authority) -> Check:
    """What `cert` says of the host, a moment after it was asked."""
    bench.clock.at = datetime.now(UTC)
    bench.ports = {Certificates: live((host,), ca=str(authority.ca))}
    answer = await bench.type("cert")
    assert isinstance(answer, Checks)
    (found,) = answer.checks
    return found


@pytest.mark.row("L")
@pytest.mark.parametrize(
    ("days", "state"), [(LONG, State.OK), (14, State.WARN), (3, State.FAIL)], ids=["long", "soon", "any day"]
)
async def test_the_days_that_are_left_decide(bench: Bench, authority: Authority, days: int, state: State) -> None:
    async with serving(authority.certificate(days=days)) as host:
        found = await check(bench, host, authority)

    assert found.state is state
    assert f"{days - 1} days left" in found.value
    assert found.evidence == "For localhost, www.localhost, issued by Test Authority, Root 1."


@pytest.mark.row("L")
@pytest.mark.parametrize(
    ("made", "reason", "also"),
    [
        (lambda made: made.certificate(days=-1), "it has expired", "expired 1 day ago"),
        (lambda made: made.certificate(days=LONG, signed=False), "it is self-signed", "59 days left"),
        (lambda made: made.certificate(days=LONG, name="pay.example.com"), "for other names", "59 days left"),
    ],
    ids=["expired", "self-signed", "another name"],
)
async def test_what_customers_refuse_has_failed_and_is_read_all_the_same(
    bench: Bench, authority: Authority, made: Callable[[Authority], ssl.SSLContext], reason: str, also: str
) -> None:
    async with serving(made(authority)) as host:
        found = await check(bench, host, authority)

    assert found.state is State.FAIL
    assert reason in found.value
    assert also in found.value


@pytest.mark.row("L")
async def test_an_authority_that_nobody_knows_is_no_good(bench: Bench, authority: Authority) -> None:
    async with serving(authority.certificate(days=LONG)) as host:
        seen = await live((host,)).look(host)

    assert "authority that is not known here" in seen.fault
    assert seen.issuer == "Test Authority, Root 1"


@pytest.mark.row("L")
async def test_nobody_there_is_unknown_and_never_good(bench: Bench, authority: Authority) -> None:
    found = await check(bench, f"localhost:{unused_port()}", authority)

    assert found.state is State.UNKNOWN
    assert "cannot be reached" in found.evidence


@pytest.mark.row("L")
async def test_who_does_not_speak_tls_and_who_says_nothing_are_unknown(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(IntegrationError, match="not in TLS"):
            await live((host,)).look(host)
    monkeypatch.setattr(tls, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and nobody answers
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OutcomeUnknown, match="did not shake hands"):
            await live((host,)).look(host)


@pytest.mark.row("L")
async def test_only_hosts_of_the_configuration_are_asked(bench: Bench, authority: Authority) -> None:
    async with serving(authority.certificate(days=LONG)) as host:
        known = live(("localhost:1", host), ca=str(authority.ca))
        bench.ports = {Certificates: known}
        one, both = await bench.type(f"cert {host}"), await bench.type("cert localhost")
        with pytest.raises(NotFound, match="no host of") as refused:
            await bench.type("cert www.example.com")

    assert isinstance(one, Checks)
    assert [found.name for found in one.checks] == [host]
    assert isinstance(both, Checks)
    assert {found.state for found in both.checks} >= {State.UNKNOWN}
    assert len(both.checks) == 2
    assert "I ask nobody else" in refused.value.hint


async def test_the_check_of_the_configuration_tells_when_the_first_expires(authority: Authority) -> None:
    async with serving(authority.certificate(days=LONG)) as host:
        good = live((host,), ca=str(authority.ca))
        said = await good.ping()
        with pytest.raises(IntegrationError, match="is refused: it is issued"):
            await live((host,)).ping()
        with pytest.raises(IntegrationError, match="holds no authority"):
            await live((host,), ca="/nowhere/ca.pem").ping()

    assert said == f"the first of 1 expires in {LONG - 1} days"


@pytest.mark.row("L")
async def test_a_renewed_file_that_is_not_shown_yet_is_told(bench: Bench, authority: Authority) -> None:
    shown = authority.certificate(days=LONG)
    file = authority.folder / "served.pem"
    shutil.copy(authority.folder / "pem", file)
    async with serving(shown) as host:
        known = live((host,), ca=str(authority.ca), files={host: str(file)})
        service = replace(bench.live.service, ports={Certificates: known})
        same = await check_service(service, now=datetime.now(UTC), checks=certificates_of(service))
        authority.certificate(days=LONG + 30)
        shutil.copy(authority.folder / "pem", file)
        renewed = await check_service(service, now=datetime.now(UTC), checks=certificates_of(service))
        file.unlink()
        gone = await check_service(service, now=datetime.now(UTC), checks=certificates_of(service))

    assert [found.checks[1].state for found in (same, renewed, gone)] == [State.OK, State.WARN, State.UNKNOWN]
    assert "served.pem cannot be read" in gone.checks[1].evidence
