"""Packages with known faults, as the real npm reads them from a registry on the loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bot.core.dependencies import Dependencies
from bot.core.errors import IntegrationError
from integrations.npm import Config, Npm
from tests.commands.bench import Bench

pytestmark = pytest.mark.timeout(120)

ADVISORY = {
    "id": 1,
    "url": "https://example.org/advisory",
    "title": "Objects can be polluted",
    "severity": "critical",
    "vulnerable_versions": "<0.2.4",
}


@pytest.fixture
async def registry() -> AsyncIterator[str]:
    """Knows one package, `args`, and something against its old version."""

    async def advisories(_: web.Request) -> web.Response:
        return web.json_response({"args": [ADVISORY]})

    async def package(_: web.Request) -> web.Response:
        versions = {each: {"name": "args", "version": each} for each in ("0.0.8", "1.2.8")}
        return web.json_response({"name": "args", "dist-tags": {"latest": "1.2.8"}, "versions": versions})

    app = web.Application()
    app.router.add_post("/-/npm/v1/security/advisories/bulk", advisories)
    app.router.add_get("/args", package)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def packages(bench: Bench, folder: Path, registry: str, *, version: str) -> Path:
    """A lock file with `args` in that version."""
    root = {"name": "shop", "version": "1.0.0", "dependencies": {"args": version}}
    lock = {"name": "shop", "lockfileVersion": 3, "packages": {"": root, "node_modules/args": {"version": version}}}
    (folder / "package.json").write_text(json.dumps(root))
    (folder / "package-lock.json").write_text(json.dumps(lock))
    (folder / ".npmrc").write_text(f"registry={registry}\nfetch-retries=0\n")
    demo = bench.live.demo
    config = Config(folder=str(folder), path=demo.node_path, home=str(demo.home))
    bench.ports = {Dependencies: Npm(config, host=bench.live.host)}
    return folder / "package-lock.json"


@pytest.mark.row("M2")
async def test_a_package_with_known_faults_is_told_and_nothing_is_updated(
    bench: Bench, tmp_path: Path, registry: str
) -> None:
    lock = packages(bench, tmp_path, registry, version="0.0.8")
    before = lock.read_bytes()

    said = await bench.says("dependencies")

    assert "critical | args | 0.0.8 | Objects can be polluted | args 1.2.8, another major version" in said
    assert lock.read_bytes() == before
    assert not (tmp_path / "node_modules").exists()


@pytest.mark.row("M2")
async def test_without_known_faults_it_says_so(bench: Bench, tmp_path: Path, registry: str) -> None:
    packages(bench, tmp_path, registry, version="1.2.8")

    assert "The registry knows of none." in await bench.says("dependencies")


@pytest.mark.row("M2")
@pytest.mark.parametrize("fault", ["no registry", "no lock file"])
async def test_an_audit_that_was_not_answered_is_no_clean_bill(
    bench: Bench, tmp_path: Path, registry: str, fault: str
) -> None:
    lock = packages(bench, tmp_path, registry, version="0.0.8")
    if fault == "no registry":
        (tmp_path / ".npmrc").write_text("registry=http://127.0.0.1:9/\nfetch-retries=0\n")
    else:
        lock.unlink()

    with pytest.raises(IntegrationError, match="npm audit gave no report") as unknown:
        await bench.type("dependencies")

    assert "no clean bill" in unknown.value.hint
