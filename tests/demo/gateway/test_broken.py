from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import psutil
import psycopg
import pytest
from redis.asyncio import Redis

from bot.core.parts import State
from bot.demo.gateway import Gateway
from integrations import provider
from integrations.envfile import Config, DotEnvFile
from integrations.http import HttpClient
from tests.waiting import until

LOCKED_OUT = "203.0.113.77"


def newest_backup_age(gateway: Gateway) -> timedelta:
    newest = max(file.stat().st_mtime for file in gateway.backup_dir.iterdir())
    return datetime.now(UTC) - datetime.fromtimestamp(newest, UTC)


async def errors(gateway: Gateway) -> dict[str, int]:
    """Failed payments by the provider's code, over all workers."""
    bodies = {body["pid"]: body for body in [(await gateway.http("/api/metrics"))[1] for _ in range(8)]}
    found: dict[str, int] = {}
    for body in bodies.values():
        for code, count in body["errors"].items():
            found[code] = found.get(code, 0) + count
    return found


async def test_every_dependency_answers(broken: Gateway) -> None:
    status, body = await broken.http("/health/dependencies")

    assert status == 200
    assert [body[name]["ok"] for name in ("database", "redis", "provider")] == [True, True, True]
    assert all(body[name]["latency_ms"] > 0 for name in ("database", "redis", "provider"))


async def test_one_provider_error_makes_the_error_rate_too_high(broken: Gateway) -> None:
    _, metrics = await broken.http("/api/metrics")

    assert set(await errors(broken)) == {"CHAIN_RPC_TIMEOUT"}
    assert metrics["error_rate"] > 1
    assert 70 < metrics["success_rate"] < 99
    assert 10 < metrics["avg_response_time"] < 2000


async def test_failed_payments_are_error_lines(broken: Gateway) -> None:
    lines = [line for file in broken.log_dir.glob("*-error-*.log") for line in file.read_text().splitlines()]

    assert any('"level":"error"' in line and '"code":"CHAIN_RPC_TIMEOUT"' in line for line in lines)


async def test_customers_keep_paying(broken: Gateway) -> None:
    size = broken.access_log.stat().st_size
    await until(lambda: broken.access_log.stat().st_size > size + 200)

    assert '"POST /api/payments HTTP/1.1" 201' in broken.access_log.read_text()


def test_a_scanner_is_in_the_access_log(broken: Gateway) -> None:
    lines = [line for line in broken.access_log.read_text().splitlines() if line.startswith(LOCKED_OUT)]

    assert any("sqlmap" in line and " 404 " in line for line in lines)


def test_a_backup_was_missed(broken: Gateway) -> None:
    assert timedelta(hours=31) <= newest_backup_age(broken) < timedelta(hours=31, minutes=5)


async def test_payments_are_stuck_pending_in_the_services_own_database(broken: Gateway) -> None:
    assert broken.database_url
    sql = "select count(*), current_user from payments where status = 'pending' and created_at < now() - interval '2 h'"
    async with await psycopg.AsyncConnection.connect(broken.database_url) as connection:
        row = await (await connection.execute(sql)).fetchone()

    assert row == (5, "gateway")


async def test_the_superuser_sees_the_services_connections(broken: Gateway) -> None:
    assert broken.database_admin_url
    sql = "select count(*) from pg_stat_activity where application_name = %s"
    async with await psycopg.AsyncConnection.connect(broken.database_admin_url) as connection:
        row = await (await connection.execute(sql, (broken.name,))).fetchone()

    assert row
    assert row[0] >= 1


async def test_a_rate_limit_never_expires_and_locks_a_customer_out(broken: Gateway) -> None:
    assert broken.redis_url
    redis = Redis.from_url(broken.redis_url)
    lasting = [key async for key in redis.scan_iter("rate_limit:*") if await redis.ttl(key) == -1]
    await redis.aclose()
    async with (
        aiohttp.ClientSession(headers={"x-forwarded-for": LOCKED_OUT}) as session,
        session.post(f"{broken.url}/api/payments", json={"amount": 5, "currency": "ETH"}) as response,
    ):
        status = response.status

    assert lasting == [f"rate_limit:{LOCKED_OUT}".encode()]
    assert status == 429


async def test_the_warmed_cache_is_in_redis(broken: Gateway) -> None:
    assert broken.redis_url
    _, body = await broken.http("/api/warmup-cache")
    redis = Redis.from_url(broken.redis_url)
    kept = await redis.ttl("cache:fee:ETH")
    await redis.aclose()

    assert body["warmed"] == 3
    assert 0 < kept <= 300


def test_the_settings_end_without_a_newline_and_mention_maintenance_in_a_comment(broken: Gateway) -> None:
    text = broken.env_file.read_text()

    assert not text.endswith("\n")
    assert [line for line in text.splitlines() if "ENABLE_MAINTENANCE_MODE" in line] == [
        "# ENABLE_MAINTENANCE_MODE=true keeps customers out."
    ]


def test_no_secret_is_in_a_process_list(broken: Gateway) -> None:
    settings = dict(line.split("=", 1) for line in broken.env_file.read_text().splitlines() if "=" in line[1:])
    arguments = [argument for process in psutil.process_iter() for argument in arguments_of(process)]

    for name in ("DATABASE_URL", "REDIS_URL", "CROSSMINT_API_KEY"):
        assert not [argument for argument in arguments if settings[name] in argument]


def arguments_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_a_dependency_that_went_away_is_seen_and_fails_payments(root: Path) -> None:
    async with Gateway.open(root, broken=False, redis=False, load=False) as gateway:
        before, _ = await gateway.http("/health/dependencies")
        main_pid = int((root / "postgres/postmaster.pid").read_text().split()[0])
        psutil.Process(main_pid).kill()
        psutil.Process(main_pid).wait(timeout=10)
        status, body = await gateway.http("/health/dependencies")
        paid, answer = await gateway.http("/api/payments", method="POST", payload={"amount": 5, "currency": "ETH"})
        alive, _ = await gateway.http("/health")

    assert before == 200
    assert (status, body["status"], body["database"]["ok"]) == (503, "degraded", False)
    assert body["database"]["error"]
    assert (paid, answer["error"]) == (500, "internal")
    assert alive == 200


async def test_a_sound_gateway_beside_it_has_none_of_the_faults(broken: Gateway, root: Path) -> None:
    async with Gateway.open(root, broken=False) as sound:
        _, pending = await sound.http("/api/payments?status=pending")
        _, metrics = await sound.http("/api/metrics")
        found = await errors(sound)

    assert sound.url != broken.url
    assert sound.releases == broken.releases
    assert [row for row in pending["payments"] if row["id"].startswith("pay_seed")] == []
    assert found == {}
    assert (metrics["success_rate"], metrics["error_rate"]) == (100, 0)
    assert newest_backup_age(sound) < timedelta(hours=26)
    assert sound.env_file.read_text().endswith("\n")
    assert LOCKED_OUT not in sound.access_log.read_text()
    assert await broken.pids_answering(6) == {worker.pid for worker in await broken.workers()}


@pytest.mark.parametrize("count", [3])
async def test_any_number_of_workers_can_be_asked_for(root: Path, count: int) -> None:
    async with Gateway.open(root, workers=count, broken=False, postgres=False, redis=False, load=False) as gateway:
        assert len(await gateway.pids_answering(9)) == count


async def test_the_provider_has_a_status_page_and_takes_the_services_key(broken: Gateway) -> None:
    assert broken.provider_url
    env = DotEnvFile(Config(path=str(broken.env_file)), data=broken.env_file.parent)
    probe = provider.Config(
        url=broken.provider_url, probe_url=broken.provider_url, headers={"X-API-KEY": "CROSSMINT_API_KEY"}
    )
    async with HttpClient() as http:
        sandbox = provider.HttpProvider(probe, http=http, env=env)
        said, probed = await sandbox.status(), await sandbox.probe()

    assert (said.state, [part.name for part in said.parts]) == (State.WARN, ["Solana settlement"])
    assert probed
    assert (probed.status, probed.accepts) == (405, True)
