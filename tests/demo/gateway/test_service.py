from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from bot.demo.gateway import Gateway
from bot.demo.gateway.commands import run
from bot.demo.gateway.layout import free_port
from bot.demo.gateway.wire import request
from bot.demo.tools import Tools
from tests.waiting import until

PAYMENT = {"amount": 12.5, "currency": "USDC", "customer": "buyer@example.net"}


def git(gateway: Gateway, *arguments: str) -> str:
    argv = ("git", "-C", str(gateway.app_dir), *arguments)
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


async def reload(gateway: Gateway) -> None:
    await run((*gateway.pm2, "reload", gateway.name), env=gateway.env, cwd=gateway.app_dir)


@pytest.fixture
async def maintenance(gateway: Gateway) -> AsyncIterator[None]:
    """Maintenance mode, as the runbook turns it on."""
    before = gateway.env_file.read_text()
    gateway.env_file.write_text(f"{before}ENABLE_MAINTENANCE_MODE=true\n")
    await reload(gateway)
    yield
    gateway.env_file.write_text(before)
    await reload(gateway)


async def test_each_worker_answers_with_the_build_that_is_checked_out(gateway: Gateway) -> None:
    status, body = await gateway.http("/health")

    assert status == 200
    assert body["sha"] == gateway.releases["v1.4.0"] == git(gateway, "rev-parse", "HEAD")
    assert (body["status"], body["version"], body["maintenance"]) == ("ok", "1.4.0", False)


async def test_pm2_lists_the_workers_that_answer(gateway: Gateway) -> None:
    workers = await gateway.workers()

    assert {worker.status for worker in workers} == {"online"}
    assert {worker.pid for worker in workers} == await gateway.pids_answering(6)
    assert len(workers) == 2


async def test_the_detailed_page_tells_of_the_process_and_leaks_a_secret(gateway: Gateway) -> None:
    _, body = await gateway.http("/health/detailed")

    assert body["environment"] == "production"
    assert body["memory"]["rss_mb"] > 10
    assert f"CROSSMINT_API_KEY={body['provider']['api_key']}\n" in gateway.env_file.read_text()


async def test_a_dependency_that_is_not_configured_is_neither_ok_nor_failed(gateway: Gateway) -> None:
    status, body = await gateway.http("/health/dependencies")

    assert status == 200
    assert body["database"] == {"configured": False, "ok": None, "latency_ms": None}


async def test_payments_are_kept_where_every_worker_finds_them(gateway: Gateway) -> None:
    status, payment = await gateway.http("/api/payments", method="POST", payload=PAYMENT)
    seen = [(await gateway.http("/api/payments?status=completed"))[1] for _ in range(4)]

    assert (status, payment["status"], payment["fee"]) == (201, "completed", 0.11)
    assert all(payment["id"] in [row["id"] for row in body["payments"]] for body in seen)


@pytest.mark.parametrize(
    ("payload", "status", "error"),
    [
        pytest.param({**PAYMENT, "amount": 0}, 422, "bad_amount", id="nothing to pay"),
        pytest.param({**PAYMENT, "amount": "1; DROP TABLE payments"}, 422, "bad_amount", id="not a number"),
        pytest.param({**PAYMENT, "currency": "EUR"}, 422, "bad_currency", id="unknown currency"),
        pytest.param({**PAYMENT, "customer": "x" * 20_000}, 413, "too_large", id="too large"),
    ],
)
async def test_a_bad_payment_is_refused(
    gateway: Gateway, payload: Mapping[str, object], status: int, error: str
) -> None:
    answered, body = await gateway.http("/api/payments", method="POST", payload=payload)

    assert (answered, body["error"]) == (status, error)


@pytest.mark.parametrize(
    ("path", "status", "error"), [("/nowhere", 404, "not_found"), ("/api/payments?status=lost", 422, "bad_status")]
)
async def test_what_does_not_exist_is_refused(gateway: Gateway, path: str, status: int, error: str) -> None:
    answered, body = await gateway.http(path)

    assert (answered, body["error"]) == (status, error)


async def test_each_worker_counts_its_own_payments(gateway: Gateway) -> None:
    before = await metrics_by_pid(gateway)
    for _ in range(4):
        await gateway.http("/api/payments", method="POST", payload=PAYMENT)
    after = await metrics_by_pid(gateway)

    grown = {pid: after[pid]["total_transactions"] - before[pid]["total_transactions"] for pid in after}
    assert sum(grown.values()) == 4
    assert all(0 < count < 4 for count in grown.values())
    assert {body["success_rate"] for body in after.values()} == {100}
    assert {body["instance"] for body in after.values()} == {0, 1}


async def metrics_by_pid(gateway: Gateway) -> dict[int, dict[str, float]]:
    bodies = [(await gateway.http("/api/metrics"))[1] for _ in range(6)]
    return {body["pid"]: body for body in bodies}


async def test_the_cache_is_warmed(gateway: Gateway) -> None:
    status, body = await gateway.http("/api/warmup-cache")

    assert (status, body["warmed"]) == (200, 0)  # there is no cache to warm


async def test_a_request_is_a_line_of_the_access_log(gateway: Gateway) -> None:
    await gateway.http("/health?mark=42")

    await until(lambda: bool(marked(gateway)))  # it is written after the answer

    (line,) = marked(gateway)
    assert line.startswith("127.0.0.1 - - [")
    assert '"GET /health?mark=42 HTTP/1.1" 200 ' in line


def marked(gateway: Gateway) -> list[str]:
    return [line for line in gateway.access_log.read_text().splitlines() if "mark=42" in line]


async def test_payments_are_logged_with_what_a_log_holds(gateway: Gateway) -> None:
    _, payment = await gateway.http("/api/payments", method="POST", payload=PAYMENT)
    await until(lambda: any(payment["id"] in line for line in out_lines(gateway)))

    entry = json.loads(next(line for line in out_lines(gateway) if payment["id"] in line))
    assert (entry["level"], entry["msg"], entry["customer"]) == ("info", "payment completed", "buyer@example.net")
    assert any("listening on 127.0.0.1" in line for line in out_lines(gateway))


def out_lines(gateway: Gateway) -> list[str]:
    return [line for file in gateway.log_dir.glob("*-out-*.log") for line in file.read_text().splitlines()]


async def test_in_maintenance_payments_are_refused_and_health_says_so(gateway: Gateway, maintenance: None) -> None:
    refused, body = await gateway.http("/api/payments", method="POST", payload=PAYMENT)
    health = [await gateway.http("/health") for _ in range(4)]

    assert (refused, body["error"]) == (503, "maintenance")
    assert all((status, answer["maintenance"]) == (200, True) for status, answer in health)


async def test_a_reload_replaces_every_worker_and_loses_no_request(gateway: Gateway) -> None:
    old = await gateway.pids_answering(6)
    statuses = []
    reloading = asyncio.create_task(reload(gateway))
    while not reloading.done():
        statuses.append((await gateway.http("/health"))[0])
    await reloading

    assert set(statuses) == {200}
    assert not old & await gateway.pids_answering(6)


def test_the_history_has_a_tag_for_each_release_and_no_real_author(gateway: Gateway) -> None:
    log = git(gateway, "log", "--format=%H %aN <%aE> %aI", "--reverse", "main").splitlines()

    assert [line.split()[0] for line in log] == list(gateway.releases.values())
    assert git(gateway, "tag").splitlines() == list(gateway.releases)
    assert all("<developers@gateway.example> 2025-01-" in line for line in log)
    assert git(gateway, "status", "--porcelain") == ""


@pytest.fixture
def release(gateway: Gateway, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Another checkout of the release that the test names, with modules and settings."""
    folder = tmp_path / "release"
    git(gateway, "worktree", "add", "--detach", str(folder), request.param)
    (folder / "node_modules").symlink_to(gateway.app_dir / "node_modules")
    (folder / ".env").write_text("")
    yield folder
    git(gateway, "worktree", "remove", "--force", str(folder))


def node(tools: Tools, folder: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = (str(tools.node), script)
    environ = {"PATH": tools.path, **env}
    return subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("release", ["v1.2.0-badbuild"], indirect=True)
def test_the_bad_build_fails_and_leaves_no_build(tools: Tools, release: Path) -> None:
    built = node(tools, release, "scripts/build.js")

    assert built.returncode == 1
    assert "SyntaxError" in built.stderr
    assert not (release / "dist").exists()


@pytest.mark.parametrize("release", ["v1.3.0-badstart"], indirect=True)
def test_the_bad_start_builds_and_then_crashes(tools: Tools, release: Path) -> None:
    built = node(tools, release, "scripts/build.js")
    started = node(tools, release, "server.js", PORT=str(free_port()))

    assert built.returncode == 0
    assert started.returncode == 1
    assert "Cannot find module './rates'" in started.stderr


@pytest.mark.parametrize("release", ["v1.0.0", "v1.1.0"], indirect=True)
async def test_a_good_release_builds_and_tells_its_sha(gateway: Gateway, tools: Tools, release: Path) -> None:
    port = free_port()
    (release / ".env").write_text(f"PORT={port}\nENABLE_MAINTENANCE_MODE=false\n")
    node(tools, release, "scripts/build.js")
    env = {"PATH": tools.path, "ENABLE_MAINTENANCE_MODE": "true"}
    server = await asyncio.create_subprocess_exec(
        tools.node, "server.js", cwd=release, env=env, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout
    await server.stdout.readline()
    _, health = await request(f"http://127.0.0.1:{port}/health")
    server.terminate()
    await server.communicate()

    assert health["sha"] == git(gateway, "-C", str(release), "rev-parse", "HEAD")
    assert health["maintenance"] is True  # a variable that is there already wins over the file
    assert server.returncode == 0


async def test_backup_writes_a_complete_file_that_only_the_owner_reads(gateway: Gateway) -> None:
    before = set(gateway.backup_dir.iterdir())
    await gateway.http("/api/payments", method="POST", payload=PAYMENT)
    said = await run((gateway.app_dir / "scripts/backup.sh",), env={"PATH": gateway.node_path}, cwd=Path("/"))

    (made,) = set(gateway.backup_dir.iterdir()) - before
    lines = gzip.decompress(made.read_bytes()).splitlines()
    mode = made.stat().st_mode & 0o777
    made.unlink()
    assert str(made) in said
    assert (mode, made.suffixes) == (0o600, [".jsonl", ".gz"])
    assert json.loads(lines[0])["status"] == "completed"


async def test_monitor_prints_its_checks(gateway: Gateway) -> None:
    printed = await run((gateway.app_dir / "scripts/monitor.sh",), env={"PATH": gateway.node_path}, cwd=Path("/"))

    assert "OK   health: 200" in printed
    assert "OK   dependencies: 200" in printed


async def test_nobody_listening_raises(gateway: Gateway) -> None:
    with pytest.raises(aiohttp.ClientError):
        await request(f"http://127.0.0.1:{free_port()}/health")


def test_only_the_owner_reads_the_settings(gateway: Gateway) -> None:
    assert gateway.env_file.stat().st_mode & 0o777 == 0o600
