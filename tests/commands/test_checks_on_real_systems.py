"""The checks on a real gateway, Postgres and Redis, on files of a real host, and on the bot's own store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from bot.core.access_log import AccessLog
from bot.core.cache import Cache
from bot.core.parts import State
from bot.core.plan import Call
from bot.core.readings import Reading
from bot.core.records import Lease
from bot.core.rehearsal import Rehearsal
from bot.core.results import Check
from bot.digests.checks import check_called
from bot.digests.checks.growth import days_to_full
from bot.digests.declaration import NotYet
from bot.digests.rounds import take_round
from bot.store.postgres import Postgres
from integrations import local
from integrations.access_log import AccessLogFiles
from integrations.access_log import Config as AccessLogConfig
from integrations.gateway import Config as GatewayConfig
from integrations.gateway import HttpGateway, PaymentTest
from integrations.http import HttpClient
from tests.commands.bench import Bench
from tests.commands.test_db import Server, bench_on, make_roles
from tests.fakes import service
from tests.redis_server import Server as Redis

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def look(bench: Bench, name: str) -> Check:
    """What the check of that name finds on the service."""
    found = await take_round(bench.service, store=bench.store, now=datetime.now(UTC), checks=(check_called(name),))
    return found.checks[0]


@pytest.fixture
async def server(bench: Bench, database: str) -> AsyncIterator[Server]:
    """A database with a role for clients, which may have few of them."""
    make_roles(database)
    async with AsyncExitStack() as stack:
        yield Server(bench_on(bench, database), database, stack)


@pytest.mark.row("J2")
async def test_connections_are_held_against_the_limit_of_the_server(server: Server) -> None:
    for _ in range(3):
        await server.connect()
    alone = await look(server.bench, "Database")
    while "0 held up" not in alone.value:  # other tests on this server hold one another up for a moment
        alone = await look(server.bench, "Database")
    server.bench.limits = {"connections_percent_warn_above": 0, "connections_percent_fail_above": 0}
    crowded = await look(server.bench, "Database")

    assert (alone.state, crowded.state) == (State.OK, State.FAIL)
    assert "idle" in alone.value
    assert alone.measure
    assert alone.unit == "%"


@pytest.mark.row("J2")
async def test_a_server_without_a_connection_left_has_failed_and_is_not_unknown(server: Server) -> None:
    holder = await server.connect("postgres")
    role = f"crowded_{uuid4().hex}"  # roles are the whole cluster's
    await holder.execute(SQL("create role {} login connection limit 1").format(Identifier(role)))
    await server.connect(role)
    bench_on(server.bench, make_conninfo(server.conninfo, user=role))

    full = await look(server.bench, "Database")

    assert (full.state, full.value, full.measure) == (State.FAIL, "no connection is left", 100)


@pytest.mark.row("P6", "H3")
async def test_redis_is_held_against_its_limit_and_its_rate_limits_against_none_that_stay(
    bench: Bench, redis_service: Redis
) -> None:
    bench.ports = {Cache: redis_service.service()}
    redis_service.client.set("rate_limit:198.51.100.11", 30, ex=40)
    without_limit, expiring = await look(bench, "Redis memory"), await look(bench, "Rate limits")
    redis_service.client.set("rate_limit:203.0.113.77", 4812)
    used = redis_service.client.info("memory")["used_memory"]
    redis_service.client.config_set("maxmemory", int(used * 1.05))
    full, stuck = await look(bench, "Redis memory"), await look(bench, "Rate limits")

    assert (without_limit.state, expiring.state) == (State.OK, State.OK)
    assert "its machine's memory" in without_limit.evidence
    assert full.state in {State.WARN, State.FAIL}
    assert (stuck.state, stuck.measure) == (State.FAIL, 1)


@pytest.mark.row("L")
async def test_refused_log_ins_and_rate_limit_hits_are_counted_by_address_and_show_none(
    bench: Bench, tmp_path: Path
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=10)
    line = '{address} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "POST /login HTTP/1.1" {status} 12 "-" "curl"\n'
    refused = [line.format(address=f"203.0.113.{number % 3}", at=at, status=401) for number in range(21)]
    hits = [line.format(address="198.51.100.9", at=at, status=429) for _ in range(4)]
    old = line.format(address="203.0.113.9", at=at - timedelta(hours=2), status=401)
    file = tmp_path / "access.log"
    file.write_text("".join((old, *refused, *hits)))
    host = local.LocalHost(local.Config())
    bench.ports = {AccessLog: AccessLogFiles(AccessLogConfig(path=str(file)), host=host)}

    logins, limited = await look(bench, "Failed log-ins"), await look(bench, "Rate-limit hits")

    assert (logins.state, logins.value, logins.measure) == (State.WARN, "21 from 3 addresses in 1h", 21)
    assert (limited.state, limited.measure) == (State.OK, 4)
    assert "203.0.113" not in f"{logins}"


@pytest.mark.row("W")
async def test_a_test_payment_goes_all_the_way_and_is_no_payment(bench: Bench) -> None:
    body = '{"amount": 1, "currency": "USDC", "test": true}'
    async with HttpClient() as http:
        config = GatewayConfig(url=bench.live.demo.url, test_payment=PaymentTest(body=body, text='"test":true'))
        bench.ports = {Rehearsal: HttpGateway(config, http=http)}
        _, before = await bench.live.demo.http("/api/payments")
        well = await look(bench, "Test payment")
        _, after = await bench.live.demo.http("/api/payments")
        refused = GatewayConfig(url=bench.live.demo.url, test_payment=PaymentTest(body='{"amount": -1, "test": true}'))
        bench.ports = {Rehearsal: HttpGateway(refused, http=http)}
        ill = await look(bench, "Test payment")

    assert (well.state, ill.state) == (State.OK, State.FAIL)
    assert well.value.startswith("went through after 0.")
    assert "answered 422" in ill.evidence
    assert before == after


async def test_a_round_leaves_a_check_out_whose_probe_is_not_configured(bench: Bench) -> None:
    found = await take_round(bench.service, store=bench.store, now=datetime.now(UTC))

    names = {check.name for check in found.checks}
    assert "Test payment" not in names
    assert "Disk full" not in names
    assert {"Workers", "Pending payments", "Operations", "Leases"} <= names


@pytest.mark.row("G7")
async def test_what_is_held_for_long_or_without_an_end_is_told(store: Postgres) -> None:
    lease = Lease(
        *("l1", "maintenance", "gateway", "gateway", "U0ANA", "U0ANA", "provider down", "C0OPS", "o1"),
        inverse=Call(("maintenance", "off"), {}),
        since=NOW - timedelta(hours=30),
        until=None,
    )
    checks = (check_called("Leases"), check_called("Operations"))
    before = await take_round(service(), store=store, now=NOW, checks=checks)
    async with store.transaction() as tx:
        await tx.leases.open(lease)
    after = await take_round(service(), store=store, now=NOW, checks=checks)

    assert [check.state for check in before.checks] == [State.OK, State.OK]
    assert (after.checks[0].state, after.checks[0].evidence) == (State.WARN, "maintenance is open for 1d6h")


def history(*, days: float, rises: float, start: float = 50.0, each: timedelta = timedelta(hours=1)) -> list[Reading]:
    """Readings of a disk that rises by so many percent a day."""
    count = int(days * timedelta(days=1) / each)
    return [
        Reading(
            "gateway",
            "Disks",
            NOW - (count - number) * each,
            State.OK,
            start + rises * number * (each / timedelta(days=1)),
        )
        for number in range(count + 1)
    ]


def test_the_days_until_a_disk_is_full_follow_from_how_it_fills_up() -> None:
    assert days_to_full(history(days=10, rises=2)) == pytest.approx(15)
    assert days_to_full(history(days=10, rises=0)) is None
    assert days_to_full(history(days=10, rises=-1)) is None
    with pytest.raises(NotYet):
        days_to_full(history(days=0.5, rises=2))


async def test_a_disk_that_will_be_full_within_days_is_told_before_it_is(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.readings.add(history(days=10, rises=4.5))

    found = await take_round(
        service(), store=store, now=NOW + timedelta(seconds=1), checks=(check_called("Disk full"),)
    )

    assert (found.checks[0].state, found.checks[0].value) == (State.FAIL, "in 1 days, as it goes")
