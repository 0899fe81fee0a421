from __future__ import annotations

import asyncio
import base64
import gzip
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core import search
from bot.core.access_log import Request, Traffic
from bot.core.errors import IntegrationError, UsageError
from bot.core.search import Pattern
from integrations.access_log import AccessLogFiles, Config
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from tests.searching import slow_on_files, with_tools
from tests.waiting import until

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG_AGO = START - timedelta(days=30)
Open = Callable[..., AccessLogFiles]


def line(minute: float, request: str = "GET /api/payments HTTP/1.1", *, address: str = "203.0.113.7") -> str:
    """A line in nginx's combined format, as a server far to the west of Greenwich writes it."""
    at = START + timedelta(minutes=minute, hours=-7)
    return f'{address} - - [{at:%d/%b/%Y:%H:%M:%S} -0700] "{request}" 200 512 "-" "checkout-web/3.2"'


def write(file: Path, *lines: str, changed: float = 0) -> None:
    """A file that was changed that many minutes after the start."""
    text = "".join(f"{each}\n" for each in lines)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    at = (START + timedelta(minutes=changed)).timestamp()
    os.utime(file, (at, at))


def paths(traffic: Traffic) -> list[str]:
    return [request.path for request in traffic.requests]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture(params=["rg", "grep"])
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(with_tools(tmp_path / "tools", searching=request.param))


@pytest.fixture
def log(file: Path, tools: Path) -> Open:
    def open_log(*, within: float = 20) -> AccessLogFiles:
        config = Config(path=str(file), timeout=timedelta(seconds=within))
        return AccessLogFiles(config, host=LocalHost(HostConfig(path=str(tools))))

    return open_log


async def test_a_readable_log_says_when_its_last_line_came(file: Path, log: Open) -> None:
    write(file, line(0))

    assert await log().ping() == f"{file} was last written 2026-03-02 09:00:00 UTC"


async def test_a_missing_log_is_an_error_and_not_an_empty_one(file: Path, log: Open) -> None:
    with pytest.raises(IntegrationError, match=r"access\.log cannot be read: No such file"):
        await log().ping()
    with pytest.raises(IntegrationError, match=r"access\.log cannot be read: No such file"):
        await log().newest(since=START)


async def test_a_log_that_the_bot_may_not_read_is_an_error(file: Path, log: Open) -> None:
    file.mkdir()

    with pytest.raises(IntegrationError, match=r"access\.log cannot be read: Is a directory"):
        await log().ping()


@pytest.mark.row("I4")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(line(0), ("203.0.113.7", "GET", "/api/payments", 200), id="combined"),
        pytest.param(
            line(0, "GET /find?q=card%20 HTTP/2.0", address="2001:db8::7"),
            ("2001:db8::7", "GET", "/find", 200),
            id="a query and IPv6",
        ),
        pytest.param(
            line(0, r"\x16\x03\x01\x02\"quoted", address="198.51.100.1, 10.0.0.1"),
            ("198.51.100.1", "", "(no HTTP)", 200),
            id="no HTTP, and addresses of proxies",
        ),
        pytest.param(
            '{"time_iso8601":"2026-03-02T09:00:00+00:00","remote_addr":"203.0.113.7","request":"POST /pay HTTP/1.1",'
            '"status":"502"}',
            ("203.0.113.7", "POST", "/pay", 502),
            id="JSON of nginx",
        ),
        pytest.param(
            '{"time":1772442000123,"client":"203.0.113.7","method":"PUT","url":"/pay/1?x","status":201}',
            ("203.0.113.7", "PUT", "/pay/1", 201),
            id="JSON with milliseconds",
        ),
        pytest.param(
            '{"msec":"1772442000.123","ip":"203.0.113.7","method":"PUT","url":"/pay/1","status":201}',
            ("203.0.113.7", "PUT", "/pay/1", 201),
            id="JSON with seconds",
        ),
    ],
)
async def test_formats_of_web_servers_are_read(
    file: Path, log: Open, written: str, expected: tuple[str, str, str, int]
) -> None:
    write(file, written)

    [request] = (await log().newest(since=START)).requests

    assert (request.address, request.method, request.path, request.status) == expected
    assert request.at.replace(microsecond=0) == START


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "half a line",
        "{",
        '{"status": 200}',
        '{"time":"never","ip":"203.0.113.7","status":200}',
        line(0).replace("Mar", "Mrz"),
        line(0).replace("02/", "99/"),
        line(0).replace('" 200', '" 2000'),
    ],
)
async def test_a_line_in_no_known_format_is_kept_and_counted_as_that(file: Path, log: Open, odd: str) -> None:
    write(file, line(0), odd)

    traffic = await log().newest(since=START)

    assert [entry.line for entry in traffic.entries] == [line(0), odd]
    assert traffic.entries[1].request is None


@pytest.mark.row("I4")
async def test_what_is_looked_for_is_a_text_whatever_it_looks_like(file: Path, log: Open, tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("root\n")
    write(file, line(0), line(1, f"GET /-f{secret} HTTP/1.1"), line(2, "GET /(a+)+$ HTTP/1.1"))

    async def find(text: str) -> list[str]:
        return paths(await log().newest(since=START, wanted=Pattern(text)))

    assert await find(f"-f{secret}") == [f"/-f{secret}"]
    assert await find("(A+)+$") == ["/(a+)+$"]
    assert await find("--help") == []


@pytest.mark.row("I4")
async def test_a_regular_expression_is_that_of_the_tool_and_takes_linear_time(file: Path, log: Open) -> None:
    write(file, line(0), line(1, "GET /wp-login.php HTTP/1.1"), line(2, f"GET /{'a' * 3000} HTTP/1.1"))

    found = await log().newest(since=START, wanted=Pattern("/wp-(login|admin)", regex=True))
    slow_elsewhere = await log().newest(since=START, wanted=Pattern("(a+)+!", regex=True))

    assert (paths(found), slow_elsewhere.entries) == (["/wp-login.php"], ())
    with pytest.raises(UsageError, match="no regular expression"):
        await log().newest(since=START, wanted=Pattern("(a", regex=True))


async def test_a_nul_byte_hides_no_line(file: Path, log: Open) -> None:
    file.write_bytes(b"\0\0\n" + line(0).encode() + b"\n\xff\xfe\n")

    assert paths(await log().newest(since=START, wanted=Pattern("payments"))) == ["/api/payments"]


@pytest.mark.row("I4")
async def test_older_files_are_searched_newest_first_and_unpacked_until_the_time_that_is_asked_for(
    file: Path, log: Open
) -> None:
    write(file, line(120, "GET /a HTTP/1.1"), changed=120)
    write(file.with_name("access.log.1"), line(60, "GET /b HTTP/1.1"), line(90, "GET /c HTTP/1.1"), changed=100)
    write(file.with_name("access.log.2.gz"), line(0, "GET /d HTTP/1.1"), line(30, "GET /e HTTP/1.1"), changed=50)
    write(file.with_name("access.log-20260101.gz"), line(-900, "GET /f HTTP/1.1"), changed=-800)
    write(file.with_name("access.log.bak"), line(100, "GET /no HTTP/1.1"), changed=120)

    traffic = await log().newest(since=START + timedelta(minutes=20), wanted=Pattern("get"))

    assert paths(traffic) == ["/e", "/b", "/c", "/a"]
    assert traffic.complete_from == START + timedelta(minutes=20)
    assert traffic.left_out == ""
    everything = await log().newest(since=LONG_AGO)
    assert paths(everything) == ["/f", "/d", "/e", "/b", "/c", "/a"]
    assert everything.complete_from == START - timedelta(minutes=900)


async def test_files_beyond_what_is_enough_are_told_and_not_searched(file: Path, log: Open) -> None:
    write(file, line(2), line(3))
    write(file.with_name("access.log.1"), line(0), line(1), changed=-1)
    write(file.with_name("access.log.2.gz"), line(-5), changed=-4)

    traffic = await log().newest(since=LONG_AGO, wanted=Pattern("payments"), count=3)

    assert [request.at for request in traffic.requests] == [START + timedelta(minutes=minute) for minute in (1, 2, 3)]
    assert traffic.complete_from == START + timedelta(minutes=1)
    assert traffic.left_out == "access.log.2.gz was not searched"


async def test_what_was_packed_by_another_tool_ends_the_search_and_is_told(file: Path, log: Open) -> None:
    write(file, line(5), changed=5)
    write(file.with_name("access.log.1.xz"), "", changed=4)
    write(file.with_name("access.log.2.gz"), line(0), changed=0)

    traffic = await log().newest(since=START)

    assert (len(traffic.entries), traffic.complete_from) == (1, START + timedelta(minutes=5))
    assert traffic.left_out == "I do not unpack access.log.1.xz; access.log.2.gz was not searched"


async def test_a_log_that_was_idle_since_then_is_complete_and_empty(file: Path, log: Open) -> None:
    write(file, line(0))
    since = START + timedelta(hours=1)

    assert await log().newest(since=since) == Traffic((), since)


async def test_what_is_more_than_there_is_room_for_is_told_with_the_moment_it_is_complete_from(
    file: Path, log: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ROOM", 1000)
    write(file, *(line(minute) for minute in range(100)), changed=100)

    traffic = await log().newest(since=START)

    assert len(traffic.requests) == len(traffic.entries) == 1000 // (len(line(0)) + 1)
    assert traffic.complete_from == traffic.requests[0].at
    assert traffic.left_out == "access.log was read in its last 0 KiB only"


async def test_when_the_time_is_over_what_was_found_is_given_with_what_was_not_searched(
    file: Path, log: Open, tools: Path
) -> None:
    write(file, line(5, "GET /needle HTTP/1.1"), *(line(6) for _ in range(15_000)), line(7, "GET /needle HTTP/1.1"))
    write(file.with_name("access.log.1"), line(0), changed=-1)
    slow_on_files(tools)

    traffic = await log(within=0.5).newest(since=LONG_AGO, wanted=Pattern("needle"))

    assert paths(traffic) == ["/needle"]
    assert traffic.complete_from == START + timedelta(minutes=7)
    assert "access.log was searched in its last 1024 KiB only" in traffic.left_out
    assert traffic.left_out.endswith("; access.log.1 was not searched")


async def test_an_archive_that_is_broken_is_told_and_the_rest_is_there(file: Path, log: Open) -> None:
    write(file, line(5))
    broken = file.with_name("access.log.1.gz")
    write(broken, line(0))
    broken.write_bytes(broken.read_bytes()[:30])

    traffic = await log().newest(since=LONG_AGO)

    assert traffic.requests[-1] == Request(START + timedelta(minutes=5), "203.0.113.7", "GET", "/api/payments", 200)
    assert "access.log.1.gz: unexpected end of file" in traffic.left_out


@pytest.fixture
def nginx(tmp_path: Path, tools: Path) -> Iterator[Path]:
    """The socket of an nginx that writes its log in both formats."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip("no nginx on this machine")
    parts = ["remote_addr", "time_iso8601", "request", "status", "http_user_agent"]
    fields = ",".join(f'"{part}":"${part}"' for part in parts)
    kept = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"user root; pid {tmp_path}/pid; error_log {tmp_path}/error; events {{}}\n"
        f"http {{ {kept} log_format json escape=json '{{{fields}}}';\n"
        f"access_log {tmp_path}/access.log; access_log {tmp_path}/json.log json;\n"
        f"server {{ listen unix:{tmp_path}/socket; set_real_ip_from unix:; real_ip_header X-Forwarded-For;\n"
        f"location / {{ return 404; }} }} }}\n"
    )
    command = (found, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error"))
    subprocess.run(command, check=True, timeout=30)
    yield tmp_path / "socket"
    subprocess.run((*command, "-s", "stop"), check=True, timeout=30)


FORGED = '" 200 1 "-" "x" [02/Mar/2026:00:00:00 +0000] "GET /forged HTTP/1.1" 200'


@pytest.mark.row("I4")
async def test_what_nginx_writes_is_read_and_a_client_cannot_forge_a_request(
    nginx: Path, file: Path, tools: Path
) -> None:
    credentials = base64.b64encode(f"x [02/Mar/2026:00:00:00 +0000] {FORGED}:y".encode()).decode()
    for sent in (
        f"GET /pay?card=1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nUser-Agent: {FORGED}\r\n",
        f"GET /user HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 2001:db8::7\r\nAuthorization: Basic {credentials}\r\n",
        "\x16\x03\x01\x02",
    ):
        reader, writer = await asyncio.open_unix_connection(nginx)
        writer.write(f"{sent}Connection: close\r\n\r\n".encode("latin-1"))
        await reader.read()
        writer.close()
    await until(lambda: file.read_text().count("\n") == 3)

    host = LocalHost(HostConfig(path=str(tools)))
    for name in ("access.log", "json.log"):
        log = AccessLogFiles(Config(path=str(file.with_name(name))), host=host)
        traffic = await log.newest(since=datetime.now(UTC) - timedelta(minutes=5))

        seen = {(request.address, request.path, request.status) for request in traffic.requests}
        assert ("203.0.113.7", "/pay", 404) in seen
        assert ("2001:db8::7", "/user", 404) in seen
        assert ("unix:", "(no HTTP)", 400) in seen
        assert not any("forged" in path or status == 200 for _, path, status in seen)
        assert len(traffic.entries) == 3


async def test_a_log_in_a_folder_that_may_not_be_listed_is_read_all_the_same(
    file: Path, log: Open, tools: Path
) -> None:
    """Root lists everything, so the refusal is what find's documentation has, not recorded."""
    write(file, line(0))
    (tools / "find").unlink()
    (tools / "find").write_text(f"#!/bin/sh\necho \"find: '{file.parent}': Permission denied\" >&2\nexit 1\n")
    (tools / "find").chmod(0o755)

    assert paths(await log().newest(since=START)) == ["/api/payments"]


async def test_names_that_hold_a_wildcard_are_names(tmp_path: Path, tools: Path) -> None:
    file = tmp_path / "a[1]*.log"
    write(file, line(0))
    write(tmp_path / "a1x.log", line(0))

    log = AccessLogFiles(Config(path=str(file)), host=LocalHost(HostConfig(path=str(tools))))

    assert len((await log.newest(since=START)).entries) == 1
