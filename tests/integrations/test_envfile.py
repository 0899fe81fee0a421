from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from pathlib import Path

import pytest

from bot.core.errors import Conflict, IntegrationError
from bot.core.ports import EnvKey
from integrations import envfile
from integrations.envfile import Config, DotEnvFile

KEY = "ENABLE_MAINTENANCE_MODE"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the service, readable by its group."""
    folder = tmp_path / "app"
    folder.mkdir()
    path = folder / ".env"
    path.write_text("PORT=3000\nAPI_KEY=sk_invented_value")
    path.chmod(0o640)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def env(path: Path, data: Path) -> DotEnvFile:
    return DotEnvFile(Config(path=str(path)), data=data)


def backups(data: Path) -> list[Path]:
    return sorted((data / "env-backups").rglob("*.env"))


@pytest.mark.row("G1")
async def test_a_key_is_added_below_a_line_without_line_break_and_that_line_stays_whole(
    env: DotEnvFile, path: Path
) -> None:
    await env.write(KEY, "true", expected=None)

    assert path.read_text() == f"PORT=3000\nAPI_KEY=sk_invented_value\n{KEY}=true\n"
    assert await env.read(KEY) == EnvKey(KEY, "true", (3,))


@pytest.mark.row("G2")
async def test_all_lines_of_a_key_are_told_and_the_last_one_counts(env: DotEnvFile, path: Path) -> None:
    path.write_text(f"{KEY}=false\nPORT=3000\n{KEY}=true\n")

    assert await env.read(KEY) == EnvKey(KEY, "true", (1, 3))


@pytest.mark.row("G3")
async def test_mode_and_owner_stay(env: DotEnvFile, path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()

    await env.write(KEY, "true", expected=None)

    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@pytest.mark.row("G3")
async def test_a_symlink_stays_and_the_file_behind_it_is_written(path: Path, data: Path, tmp_path: Path) -> None:
    link = tmp_path / "current.env"
    link.symlink_to(path)

    await DotEnvFile(Config(path=str(link)), data=data).write(KEY, "true", expected=None)

    assert link.is_symlink()
    assert f"{KEY}=true" in path.read_text()


@pytest.mark.row("G6")
async def test_a_reader_never_sees_half_a_file(env: DotEnvFile, path: Path) -> None:
    path.write_text("A=1\n" * 2000)
    before = path.stat().st_ino

    await env.write(KEY, "true", expected=None)

    assert path.stat().st_ino != before
    assert [entry.name for entry in path.parent.iterdir()] == [".env"]


async def test_a_key_that_is_no_longer_as_planned_is_left_alone(env: DotEnvFile, path: Path, data: Path) -> None:
    path.write_text(f"{KEY}=true\n")

    with pytest.raises(Conflict, match=f"{KEY} is 'true' by now, not absent as it was planned"):
        await env.write(KEY, "false", expected=None)

    assert path.read_text() == f"{KEY}=true\n"
    assert backups(data) == []


@pytest.mark.row("G6")
async def test_the_former_content_is_kept_five_times_for_the_bots_user_alone(env: DotEnvFile, data: Path) -> None:
    for number in range(7):
        await env.write("COUNT", str(number + 1), expected=str(number) if number else None)

    kept = backups(data)
    assert [path.read_text().rpartition("=")[2].strip() for path in kept] == ["2", "3", "4", "5", "6"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


async def test_a_value_is_put_back_as_it_was(env: DotEnvFile, path: Path) -> None:
    path.write_text("A=1\n")
    await env.write(KEY, "true", expected=None)

    await env.write(KEY, None, expected="true")

    assert path.read_text() == "A=1\n"


async def test_who_holds_the_lock_is_waited_for(env: DotEnvFile, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    task = asyncio.create_task(env.write(KEY, "true", expected=None))
    await asyncio.sleep(0.2)

    assert KEY not in path.read_text()

    os.close(folder)
    await task
    assert KEY in path.read_text()


async def test_a_lock_that_stays_held_is_told(env: DotEnvFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envfile, "_LOCK_PATIENCE", 0.1)
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    with pytest.raises(Conflict, match="Somebody else holds the lock"):
        await env.write(KEY, "true", expected=None)

    os.close(folder)


async def test_a_file_that_is_not_there_is_an_error_and_no_empty_one(env: DotEnvFile, path: Path) -> None:
    path.unlink()

    with pytest.raises(IntegrationError, match="No such file"):
        await env.read(KEY)
    with pytest.raises(IntegrationError, match="No such file"):
        await env.write(KEY, "true", expected=None)
    assert not path.exists()


async def test_a_write_that_fails_leaves_the_file_and_no_rubbish(
    env: DotEnvFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(IntegrationError, match="No space left"):
        await env.write(KEY, "true", expected=None)

    assert KEY not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == [".env"]


@pytest.mark.row("E5")
async def test_secrets_are_told_for_redaction_and_a_ping_tells_none(env: DotEnvFile) -> None:
    assert await env.secrets() == ("sk_invented_value",)
    assert "has 2 keys, mode 640" in await env.ping()
