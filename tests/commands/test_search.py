"""access-log and errors on files of a real host, searched by its real tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.access_log import AccessLog
from bot.core.command import Context
from bot.core.errors import NotConfigured, UsageError
from bot.core.fleet import Service
from bot.core.log_search import LogSearch
from bot.core.parse import parse
from bot.core.people import Actor, Role
from bot.core.ports import Host, LogFile
from bot.core.redact import Redactor
from bot.core.registry import bind
from bot.core.results import LogLines, Result, Table
from bot.views import render
from bot.views.scrub import scrubbed
from commands import access_log, errors
from integrations import local, logs
from integrations.access_log import AccessLogFiles, Config
from tests.fakes import FakeProcesses
from tests.fixtures_gateway import Live

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CTX = Context(Actor("U0ANA", "Ana", Role.RESPONDER), "C0OPS", NOW, service="gateway", environment="production")
SCANNER = "203.0.113.77"


class Desk:
    """A service by the files that it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.limits: dict[str, float] = {}

    def requests(self, *lines: str) -> None:
        """Have the access log hold these."""
        (self.folder / "access.log").write_text("".join(f"{line}\n" for line in lines))

    def logged(self, *lines: str, file: str = "out.log") -> None:
        """Have the log of the workers hold these."""
        (self.folder / file).write_text("".join(f"{line}\n" for line in lines))

    @property
    def ports(self) -> Mapping[type, object]:
        """What is there to be asked: a log that was not written is not configured."""
        host = local.LocalHost(local.Config())
        files = tuple(
            LogFile(str(file), errors=False) for file in sorted(self.folder.glob("*.log*")) if file.stem == "out"
        )
        found: dict[type, object] = {Host: host}
        found[LogSearch] = logs.FileLogs(logs.Config(), processes=FakeProcesses((), files), host=host)
        if (self.folder / "access.log").exists():
            found[AccessLog] = AccessLogFiles(Config(path=str(self.folder / "access.log")), host=host)
        return {**found, Service: Service("gateway", "production", "web-1", found, limits=self.limits)}

    async def access_log(self, text: str = "") -> LogLines | Table:
        """What `access-log` answers."""
        found: LogLines | Table = await bind(access_log.look, self.ports)(CTX, parse(text, access_log.Search))
        assert render(found).text
        return found

    async def errors(self, text: str = "") -> Table:
        """What `errors` answers."""
        found = await bind(errors.errors, self.ports)(CTX, parse(text, errors.Since))
        assert render(found).text
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def request(minutes: float, path: str = "/api/payments", *, address: str = "198.51.100.9", status: int = 200) -> str:
    """A request that many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    return f'{address} - - [{at:%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" {status} 5 "-" "curl/8"'


def said(minutes: float, msg: str, level: str = "error", **more: object) -> str:
    """A line of a structured log that many minutes ago."""
    return json.dumps({"level": level, "time": (NOW - timedelta(minutes=minutes)).isoformat(), "msg": msg, **more})


def notes(result: LogLines | Table) -> str:
    """All that stands below, as a reader has it."""
    return "\n".join(
        note if isinstance(note, str) else "".join(part if isinstance(part, str) else _words(part) for part in note)
        for note in result.notes
    )


def _words(part: object) -> str:
    return f"{part.at:%H:%M}" if hasattr(part, "at") else str(getattr(part, "text", part))


def cells(table: Table) -> list[tuple[str, ...]]:
    return [tuple(notes(Table("", (), (), notes=(cell,))) for cell in row) for row in table.rows]


def scan(count: int) -> list[str]:
    """Customers, and one who tries what is not there."""
    customers = [request(200 - each, address=f"198.51.100.{each}") for each in range(100)]
    probes = [request(99 - each, "/wp-login.php?x=1", address=SCANNER, status=404) for each in range(count)]
    return customers + probes


@pytest.mark.row("I4")
async def test_the_newest_requests_that_match_are_shown_with_addresses_cut(desk: Desk) -> None:
    desk.requests(*scan(30))

    found = await desk.access_log("WP-LOGIN --lines 2")

    assert isinstance(found, LogLines)
    assert found.lines == (
        request(71, "/wp-login.php?x=1", address="203.0.113.x", status=404),
        request(70, "/wp-login.php?x=1", address="203.0.113.x", status=404),
    )
    assert "By address: 203.0.113.x 30" in notes(found)
    assert "By path: /wp-login.php 30" in notes(found)
    assert "By status: 404 30" in notes(found)
    assert SCANNER not in render(found).text + str(found)


@pytest.mark.row("I4")
async def test_whole_addresses_are_shown_to_who_asks_for_them_with_what_to_do_next(desk: Desk) -> None:
    desk.requests(*scan(30))

    found = await desk.access_log("wp-login --full")

    assert f"{SCANNER} stands out: 30 requests, 30 of them refused. block-ip {SCANNER} keeps it out." in notes(found)
    assert isinstance(found, LogLines)
    assert all(line.startswith(SCANNER) for line in found.lines)


@pytest.mark.row("I4")
async def test_secrets_in_a_request_are_taken_out_as_anywhere(desk: Desk) -> None:
    desk.requests(request(1, "/callback?token=whsec_invented0123456789"))

    found = await desk.access_log("callback")
    shown: Result = scrubbed(found, Redactor().redact)

    assert "whsec_invented" not in str(shown)
    assert "whsec_invented" not in render(shown).text


async def test_how_far_back_is_looked_and_that_nothing_was_found_is_said(desk: Desk) -> None:
    desk.requests(request(90, "/a"), request(10, "/b"))

    found = await desk.access_log("GET for 1h")
    nothing = await desk.access_log("nobody for 1h")

    assert isinstance(found, LogLines)
    assert isinstance(nothing, LogLines)
    assert found.lines == (request(10, "/b", address="198.51.100.x"),)
    assert notes(found).startswith("1 requests since 08:00.")
    assert (nothing.lines, nothing.empty) == ((), "No request of the last 1h matches.")


@pytest.mark.row("I4", "L")
async def test_without_a_text_it_is_who_asks_for_what_and_how_that_is_answered(desk: Desk) -> None:
    logins = [request(5, "/api/login", status=401, address=f"198.51.100.{each}") for each in range(3)]
    failures = [request(4, f"/api/payments/{each}", status=502) for each in range(7)]
    desk.requests(*scan(40), *logins, *failures, "no line of a web server")

    found = await desk.access_log("for 4h")

    assert isinstance(found, Table)
    rows = cells(found)
    assert ("address", "198.51.100.x", "110", "73.3%", "3", "7") in rows
    assert ("address", "203.0.113.x", "40", "26.7%", "40", "0") in rows
    assert ("path", "/wp-login.php", "40", "26.7%", "40", "0") in rows
    assert ("path", "/api/payments/#", "7", "4.7%", "0", "7") in rows
    assert ("status", "502", "7", "4.7%", "0", "7") in rows
    text = notes(found)
    assert "151 requests, complete since 05:40 only." in text
    assert "Answered 4xx: 28.67%, 5xx: 4.67%." in text
    assert "Failed logins: 3 from 3 addresses." in text
    assert "203.0.113.x stands out: 40 requests, 40 of them refused. --full shows whom to block." in text
    assert "1 lines are in no format that I read; they are counted nowhere." in text


async def test_an_address_of_our_own_side_and_a_quiet_one_do_not_stand_out(desk: Desk) -> None:
    inside = [request(9, address="10.0.0.7") for _ in range(90)]
    quiet = [request(8, "/x", address=SCANNER, status=404) for _ in range(19)]
    desk.requests(*inside, *quiet)

    assert "stands out" not in notes(await desk.access_log("--full"))


async def test_an_empty_log_and_a_wrong_count_are_told(desk: Desk) -> None:
    desk.requests()

    found = await desk.access_log()

    assert (found.empty, "I do not know how far back" in notes(found)) == ("No request is there.", True)
    with pytest.raises(UsageError, match="from 1 to 500"):
        await desk.access_log("x --lines 501")
    with pytest.raises(UsageError, match="no regular expression"):
        await desk.access_log("'(' --regex")


@pytest.mark.row("H1", "F3")
async def test_errors_are_counted_by_what_they_say_with_their_first_and_last_time(desk: Desk) -> None:
    desk.logged(
        said(1600, "the log goes back a day and more", "info"),
        said(300, "payment failed", code="ETIMEDOUT", payment="pay_1"),
        *(said(40 - each, "payment failed", code="ETIMEDOUT", payment=f"pay_{each}") for each in range(3)),
        said(30, "no error so far", "info"),
        said(20, "refused for ana@example.com from 203.0.113.7", "FATAL"),
    )
    desk.requests(*(request(180 - each) for each in range(180)))

    found = await desk.errors()

    assert found.title == "gateway: 4 error lines in the last 1h"
    assert cells(found) == [
        ("3", "08:20", "08:22", "payment failed (ETIMEDOUT)"),
        ("1 new", "08:40", "08:40", "refused for [redacted:email] from 203.0.113.x"),
    ]
    assert notes(found).startswith(
        "Rate fail: 4 error lines for 60 requests since 08:00, 6.67 %; answered 5xx: 0.00 %. At most 1 %."
    )


@pytest.mark.row("H1")
@pytest.mark.parametrize(
    ("failed", "limit", "expected"),
    [
        pytest.param(0, 1.0, "Rate ok: 0 error lines for 99 requests", id="none"),
        pytest.param(1, 1.0, "Rate warn: 0 error lines for 99 requests", id="answers 5xx above the runbook's limit"),
        pytest.param(1, 2.0, "Rate ok: 0 error lines for 99 requests", id="a limit of one's own"),
    ],
)
async def test_the_rate_is_held_against_its_limit(desk: Desk, failed: int, limit: float, expected: str) -> None:
    desk.limits["error_percent_warn_above"] = limit
    desk.logged(said(1600, "begins", "info"))
    answers = [502] * failed + [200] * (99 - failed)
    desk.requests(request(120), *(request(50, status=status) for status in answers))

    assert notes(await desk.errors()).startswith(expected)


@pytest.mark.row("H1")
async def test_a_rate_without_known_traffic_is_unknown_and_never_good(desk: Desk) -> None:
    desk.logged(said(1600, "begins", "info"))

    without_log = await desk.errors()
    desk.requests(request(120))
    without_requests = await desk.errors()
    desk.requests("odd")
    without_times = await desk.errors()

    assert notes(without_log) == "Rate unknown: gateway has no accesslog configured."
    assert notes(without_requests) == "Rate unknown: The access log has no request since 2026-03-02 08:00 UTC."
    assert notes(without_times).startswith("Rate unknown: How far back the access log is complete cannot be told")


@pytest.mark.row("F3")
async def test_errors_without_a_time_are_counted_and_keep_the_rate_from_being_good(desk: Desk) -> None:
    desk.logged(said(1600, "begins", "info"), "TypeError: x is not a function", "    at pay (app.js:1)")
    desk.requests(request(120), request(10))

    found = await desk.errors()

    assert cells(found) == [("1 new", "no time", "no time", "TypeError: x is not a function")]
    assert notes(found).startswith("Rate unknown: 0 error lines for 1 requests")
    assert "1 of them carry no time and may be older." in notes(found)


async def test_logs_that_do_not_reach_back_are_told_and_nothing_is_called_new(desk: Desk) -> None:
    desk.logged(said(30, "begins", "info"), said(20, "lost"))
    desk.requests(request(50), *(request(25) for _ in range(10)))

    found = await desk.errors()

    assert cells(found)[0][0] == "1"
    text = notes(found)
    assert text.startswith("Rate fail: 1 error lines for 10 requests since 08:30")
    assert "What is new since yesterday is unknown" in text
    assert "The logs are complete since 08:30 only." in text


async def test_of_very_many_kinds_of_error_the_most_frequent_are_shown(desk: Desk) -> None:
    kinds = ["".join(sorted({chr(97 + each), chr(110 - each)})) for each in range(7)]
    messages = [f"{one} before {other}" for one in kinds for other in kinds][:20]
    desk.logged(*(said(9, message) for message in [*messages, messages[4]]))

    found = await desk.errors("for 2h")

    assert cells(found)[0][0] == "2"
    assert (len(found.rows), "5 more kinds of error are not shown." in notes(found)) == (15, True)


async def test_a_service_without_logs_or_access_log_says_what_is_missing(desk: Desk) -> None:
    with pytest.raises(NotConfigured, match="AccessLog is not configured"):
        await desk.access_log()


@pytest.mark.row("F3", "H1")
async def test_errors_of_the_real_service_are_found(live: Live) -> None:
    service = live.service
    file = next(each.path for each in await live.processes.log_files() if each.errors)
    log = Path(file)
    log.write_text(log.read_text() + said(1, "payment failed", code="ETIMEDOUT") + "\n")

    found = await bind(errors.errors, {**service.ports, Service: service})(CTX, errors.Since())

    assert "payment failed (ETIMEDOUT)" in {row[3] for row in cells(found)}
