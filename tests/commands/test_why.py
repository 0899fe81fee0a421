"""From a symptom to evidence that was gathered just now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.cache import Cache
from bot.core.certificates import Certificate, Certificates
from bot.core.database import Database
from bot.core.errors import IntegrationError, NotFound
from bot.core.parts import State
from bot.core.ports import Processes
from bot.core.provider import Probed, Provider
from bot.core.resources import Resources
from bot.core.results import Check, Checks
from bot.core.sizes import format_size
from bot.digests.symptoms import SYMPTOMS, nearest
from integrations.resources import Config as ResourcesConfig
from integrations.resources import ProcResources
from tests.commands.bench import Bench
from tests.commands.test_db import Server, bench_on, make_roles
from tests.commands.test_provider import WELL, FakeProvider
from tests.fakes import FakeProcesses
from tests.fixtures_gateway import pm2_cli
from tests.redis_server import Server as Redis


async def asked(bench: Bench, symptom: str) -> dict[str, Check]:
    """The evidence by its name."""
    bench.clock.at = datetime.now(UTC)
    card = await bench.type(f"why {symptom}")
    assert isinstance(card, Checks)
    return {check.name: check for check in card.checks}


@pytest.mark.row("Q")
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("webhook", "webhook"),
        ("payments stuck in pending", "webhook"),
        ("429", "429"),
        ("rate limiting", "429"),
        ("memory leak", "memory"),
        ("sloww", "slow"),
        ("certificates expired", "ssl"),
        ("certbot", "ssl"),
        ("crossmint errors", "payments"),
        ("outage", "down"),
    ],
)
def test_a_symptom_is_known_by_many_words_and_by_its_nearest(typed: str, name: str) -> None:
    found = nearest(typed)

    assert found
    assert found.name == name


@pytest.mark.row("Q")
async def test_what_is_like_no_symptom_gets_those_there_are(bench: Bench) -> None:
    with pytest.raises(NotFound) as error:
        await bench.type("why zzzzqq")

    assert all(symptom.name in error.value.hint for symptom in SYMPTOMS)
    listed = await bench.says("why")
    assert all(f"why {symptom.name}" in listed for symptom in SYMPTOMS[:5])


@pytest.mark.row("Q")
@pytest.mark.parametrize("symptom", [each.name for each in SYMPTOMS])
async def test_each_symptom_says_what_to_type_next_and_shows_no_gap_as_good(bench: Bench, symptom: str) -> None:
    """Of provider, database, cache and the host's resources none is configured here."""
    found = await asked(bench, symptom)
    said = await bench.says(f"why {symptom}")

    assert "Next, type: " in said
    unset = {"Provider status", "Provider API", "Database", "Rate limits", "Load", "Memory"}
    for name in found.keys() & unset:
        assert found[name].state is State.UNKNOWN, name


def test_what_is_to_be_typed_next_are_commands(bench: Bench) -> None:
    known = {path[0] for path in bench.registry.commands}

    assert {line.split()[0] for symptom in SYMPTOMS for line in symptom.then} <= known


@pytest.mark.row("Q", "G8")
async def test_webhook_looks_at_payments_that_wait_and_at_the_provider(bench: Bench) -> None:
    bench.ports = {Provider: FakeProvider(WELL, Probed(State.FAIL, "reachable, and failing (503)", 503))}

    found = await asked(bench, "webhook")

    assert found["Pending payments"].value == f"{await bench.live.gateway.pending_payments()} pending"
    assert found["Provider status"].state is State.OK
    assert found["Provider API"].state is State.FAIL


@pytest.mark.row("Q")
async def test_log_lines_are_counted_by_the_whole_word_and_not_shown(bench: Bench) -> None:
    before = (await asked(bench, "429"))["Log lines with 429"].value
    file = next(file.path for file in await bench.live.processes.log_files() if file.errors)
    append(file, "client 198.51.100.7 got 429 from us\nclient paid 4290 in 1429 ms\n")

    after = (await asked(bench, "429"))["Log lines with 429"]

    assert (int(before.split()[0]) + 1, after.state) == (int(after.value.split()[0]), State.WARN)
    assert "198.51.100.7" not in f"{after}"


def append(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text)


@pytest.mark.row("Q", "P2")
@pytest.mark.timeout(120)
async def test_memory_is_held_against_the_limit_and_restarts_are_told(bench: Bench) -> None:
    pm2_cli(bench.live.demo, "restart", "0")

    found = await asked(bench, "memory leak")

    assert found["Worker memory"].limit == f"replaced at {format_size(512 * 1024 * 1024)}"
    assert found["Worker memory"].state is State.OK
    assert found["Worker restarts"].state is State.WARN
    assert "worker 0 was started again within the hour" in found["Worker restarts"].evidence
    assert "heap-snapshot" in await bench.says("why memory")


@pytest.fixture
async def server(bench: Bench, database: str) -> AsyncIterator[Server]:
    """A database with a role for clients."""
    make_roles(database)
    async with AsyncExitStack() as stack:
        yield Server(bench_on(bench, database), database, stack)


@pytest.mark.row("Q")
async def test_slow_finds_who_is_held_up_in_the_database(server: Server) -> None:
    holder = await server.connect()
    await holder.execute("create table if not exists locked_why (id int)")
    await holder.execute("begin")
    await holder.execute("lock table locked_why")
    waiter = await server.busy("select * from locked_why")
    assert Database in server.bench.service.ports

    queries = (await asked(server.bench, "slow"))["Database"]

    assert queries.state is State.FAIL
    assert "1 held up by others" in queries.value
    assert str(waiter.info.backend_pid) in queries.evidence
    await holder.execute("rollback")


@pytest.mark.row("Q", "H3")
async def test_429_finds_rate_limits_that_never_expire(bench: Bench, redis_service: Redis) -> None:
    redis_service.client.set("rate_limit:203.0.113.77", 4812)
    redis_service.client.set("rate_limit:198.51.100.11", 30, ex=40)
    bench.ports = {Cache: redis_service.service()}

    limits = (await asked(bench, "429"))["Rate limits"]

    assert (limits.state, limits.value) == (State.FAIL, "1 of 2 never expire")


async def test_a_worker_whose_memory_nobody_tells_is_unknown(bench: Bench) -> None:
    workers = tuple(replace(worker, memory=None) for worker in await bench.live.processes.workers())
    bench.ports = {Processes: FakeProcesses(workers)}

    assert (await asked(bench, "memory"))["Worker memory"].state is State.UNKNOWN


@dataclass
class FakeCertificates:
    """Hosts of which each presents what is said here; one that does not is away."""

    presented: dict[str, Certificate]
    hosts: tuple[str, ...] = ("pay.example.com", "api.example.com")
    filed: tuple[str, ...] = ()

    async def look(self, host: str) -> Certificate:
        if host not in self.presented:
            raise IntegrationError(f"{host} is away.")
        return self.presented[host]

    async def on_file(self, host: str) -> str:
        raise IntegrationError(f"{host} has no file.")


@pytest.mark.row("Q")
async def test_ssl_looks_at_each_certificate_by_itself(bench: Bench) -> None:
    expired = Certificate("pay.example.com", ("pay.example.com",), "Test", datetime.now(UTC) - timedelta(days=2))
    bench.ports = {Certificates: FakeCertificates({"pay.example.com": expired})}

    found = await asked(bench, "certificate warnings")

    assert found["pay.example.com"].state is State.FAIL
    assert found["api.example.com"].state is State.UNKNOWN


@pytest.mark.row("Q", "H2")
async def test_what_the_host_has_left_is_evidence_too(bench: Bench) -> None:
    bench.ports = {Resources: ProcResources(ResourcesConfig(), host=bench.live.host)}

    memory, slow = await asked(bench, "memory"), await asked(bench, "slow")

    assert memory["Memory"].state is not State.UNKNOWN
    assert "over 1, 5, 15 minutes" in slow["Load"].value
