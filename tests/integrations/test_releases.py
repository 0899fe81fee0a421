"""Releases from a real git repository with a remote, installed by a real npm: the traps of the runbook's commands."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from bot.core.errors import IntegrationError
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from integrations.releases import Config, GitReleases
from tests.namespaces import PATH
from tests.waiting import until

INSTALL = (("npm", "ci", "--no-audit", "--no-fund"), ("npm", "run", "build"))


def git(folder: Path, *arguments: str) -> str:
    argv = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def commit(folder: Path, build: str) -> str:
    """One more commit, whose build is this command."""
    package = {"name": "shop", "version": "1.0.0", "scripts": {"build": build}}
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "package-lock.json").write_text(json.dumps(lock))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", build)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """Where people push to."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "true")
    return folder


@pytest.fixture
def deployed(tmp_path: Path, upstream: Path) -> Path:
    """The first release, whose HEAD is detached as a rollback leaves it, with modules that are in use."""
    releases = tmp_path / "releases"
    releases.mkdir()
    git(tmp_path, "clone", "-q", str(upstream), str(releases / "first"))
    git(releases / "first", "checkout", "-q", "--detach")
    (releases / "first" / "node_modules").mkdir()
    (releases / "first" / "node_modules" / "in-use.js").touch()
    (tmp_path / "current").symlink_to(releases / "first")
    return releases / "first"


def releases(tmp_path: Path) -> GitReleases:
    config = Config(
        link=str(tmp_path / "current"),
        folder=str(tmp_path / "releases"),
        repository=str(tmp_path / "releases" / "first"),
        prepare=INSTALL,
        home=str(tmp_path),
        path=PATH,
    )
    return GitReleases(config, host=LocalHost(HostConfig(path=PATH)))


@pytest.mark.row("N3")
async def test_a_branch_that_was_pushed_to_is_fetched_by_its_name_though_head_is_detached(
    tmp_path: Path, upstream: Path, deployed: Path
) -> None:
    git(upstream, "checkout", "-q", "-b", "fees")
    pushed = commit(upstream, "echo fees")
    before = git(deployed, "rev-parse", "HEAD")

    assert await releases(tmp_path).resolve("fees") == pushed
    assert git(deployed, "rev-parse", "HEAD") == before


@pytest.mark.row("N3")
async def test_a_branch_means_what_was_pushed_last_and_not_what_stands_here_from_before(
    tmp_path: Path, upstream: Path, deployed: Path
) -> None:
    pushed = commit(upstream, "echo newest")

    assert await releases(tmp_path).resolve("main") == pushed
    assert git(deployed, "rev-parse", "main") != pushed


@pytest.mark.row("N4", "N5")
@pytest.mark.timeout(120)
async def test_a_release_is_installed_and_built_in_a_folder_of_its_own_with_build_tools_and_the_lock_as_it_was(
    tmp_path: Path, upstream: Path, deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_ENV", "production")
    git(upstream, "checkout", "-q", "-b", "next")
    sha = commit(upstream, "echo ${NODE_ENV:-unset} >built-with")
    house = releases(tmp_path)

    await house.build(await house.resolve("next"))

    made = Path(house.folder(sha))
    assert (made / "built-with").read_text() == "unset\n"
    assert (deployed / "node_modules" / "in-use.js").exists()
    assert (await house.current()).folder == str(deployed)
    assert git(made, "status", "--porcelain", "package-lock.json") == ""


@pytest.mark.row("N5")
@pytest.mark.timeout(120)
async def test_the_first_command_that_fails_stops_a_build_and_leaves_it_unfinished(
    tmp_path: Path, upstream: Path, deployed: Path
) -> None:
    git(upstream, "checkout", "-q", "-b", "broken")
    sha = commit(upstream, "echo Error: no such type >&2; exit 2")
    house = releases(tmp_path)

    with pytest.raises(IntegrationError, match="Error: no such type"):
        await house.build(await house.resolve("broken"))

    assert [each.finished for each in await house.on_host() if each.sha == sha] == [False]
    assert (await house.current()).folder == str(deployed)


@pytest.mark.timeout(120)
async def test_a_build_waits_for_what_a_bot_that_died_was_at_as_long_as_that_may_take(
    tmp_path: Path, deployed: Path, upstream: Path
) -> None:
    """A command that only looks, or changes little, waits for the lock for 20 s."""
    begun = tmp_path / "begun"
    sha = commit(upstream, f"test -e {begun} || (touch {begun}; sleep 22)")
    dead, successor = releases(tmp_path), releases(tmp_path)
    await successor.resolve(sha)
    first = asyncio.create_task(dead.build(sha))
    await until(begun.exists)
    first.cancel()  # and what it began goes on under its lock, as after kill -9
    await asyncio.gather(first, return_exceptions=True)

    building = asyncio.create_task(successor.build(sha))
    await asyncio.sleep(0.5)
    at_work = await successor.building()
    await building

    await dead.resolve(sha)  # which notices that what it began has ended
    assert at_work.startswith("npm run build (pid ")
    assert await successor.building() == ""
    assert [each.finished for each in await successor.on_host() if each.sha == sha] == [True]
