"""What a weekly digest says of a log that holds more than is read of it: real files, searched by the host's tools."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.access_log import AccessLog
from bot.core.fleet import Service
from bot.core.schedules import Template
from bot.digests.edition import Order
from bot.digests.editions import edition
from bot.digests.schedules import Schedule
from bot.store.postgres import Postgres
from integrations import access_log, local

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MANY = 40_000
"""Requests of six days: more than are read, in more bytes than a host gives at once."""


@pytest.fixture
def busy(tmp_path: Path) -> Service:
    """A service whose first hours of the week had all the log-ins that were refused."""
    path = tmp_path / "access.log"
    path.write_text("".join(lines()))
    log = access_log.AccessLogFiles(access_log.Config(path=str(path)), host=local.LocalHost(local.Config()))
    return Service("gateway", "production", "local", {AccessLog: log})


def lines() -> Iterator[str]:
    begin, step = NOW - timedelta(days=6), timedelta(days=6) / MANY
    for number in range(MANY):
        status = 401 if number < 90 else 429 if number % 1000 == 500 else 200
        at = f"{begin + number * step:%d/%b/%Y:%H:%M:%S +0000}"
        yield f'203.0.113.7 - - [{at}] "POST /api/pay HTTP/1.1" {status} 401 "-" "curl/8.5" 0.250\n'


@pytest.mark.row("L")
async def test_refusals_of_the_whole_week_are_counted_and_what_was_not_read_is_told(
    store: Postgres, busy: Service
) -> None:
    plan = Schedule("review", "C0OPS", "gateway", "every monday 9:00", template=Template.WEEKLY)

    found = await edition(Order(plan, busy, NOW, store))
    seen = {check.name: check.value for check in found.checks}

    assert seen["Refused requests"] == "40 for their number, 90 for want of a login, only since 2026-02-24 09:00 UTC"
    assert seen["Slowest endpoints"].startswith("POST /api/pay: 0.25 s, only since 2026-02-27 ")
