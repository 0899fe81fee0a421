from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pwd
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.errors import Conflict, IntegrationError, NotConfigured
from bot.core.ports import EnvFile, EnvKey
from integrations import envfile, local
from integrations.envfile import Config, DotEnvFile, HelperEnvFile
from integrations.local import LocalHost
from integrations.ssh import Config as SshConfig
from integrations.ssh.host import SshHost
from tests.namespaces import HELPER

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
def own(path: Path, data: Path) -> DotEnvFile:
    return DotEnvFile(Config(path=str(path)), data=data)


Build = Callable[[Path], EnvFile]


@pytest.fixture(params=["itself", "helper"])
def build_for(request: pytest.FixtureRequest, tmp_path: Path, data: Path) -> Build:
    """What is configured for a file: the bot edits it, or the helper does, here with no more rights than ours."""

    def build(path: Path) -> EnvFile:
        conf, user = tmp_path / "conf.json", pwd.getpwuid(os.geteuid()).pw_name
        env = {str(path): {"user": user, "keys": [KEY, "COUNT"]}}
        conf.write_text(json.dumps({"lock": str(tmp_path / "helper.lock"), "env": env}))
        helper = (sys.executable, "-I", str(HELPER), "--conf", str(conf))
        config = Config(path=str(path), helper=helper if request.param == "helper" else ())
        return envfile.build(config, host=LocalHost(local.Config()), data=data)

    return build


@pytest.fixture
def env(build_for: Build, path: Path) -> EnvFile:
    return build_for(path)


def backups(data: Path) -> list[Path]:
    return sorted((data / "env-backups").rglob("*.env"))


@pytest.mark.row("G1")
async def test_a_key_is_added_below_a_line_without_line_break_and_that_line_stays_whole(
    env: EnvFile, path: Path
) -> None:
    await env.write(KEY, "true", expected=None)

    assert path.read_text() == f"PORT=3000\nAPI_KEY=sk_invented_value\n{KEY}=true\n"
    assert await env.read(KEY) == EnvKey(KEY, "true", (3,))


@pytest.mark.row("G2")
async def test_all_lines_of_a_key_are_told_and_the_last_one_counts(env: EnvFile, path: Path) -> None:
    path.write_text(f"{KEY}=false\nPORT=3000\n{KEY}=true\n")

    assert await env.read(KEY) == EnvKey(KEY, "true", (1, 3))


@pytest.mark.row("G3")
async def test_mode_and_owner_stay(env: EnvFile, path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()

    await env.write(KEY, "true", expected=None)

    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@pytest.mark.row("G3")
async def test_a_symlink_stays_and_the_file_behind_it_is_written(build_for: Build, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "current.env"
    link.symlink_to(path)

    await build_for(link).write(KEY, "true", expected=None)

    assert link.is_symlink()
    assert f"{KEY}=true" in path.read_text()


@pytest.mark.row("G6")
async def test_a_reader_never_sees_half_a_file(env: EnvFile, path: Path) -> None:
    path.write_text("A=1\n" * 2000)
    before = path.stat().st_ino

    await env.write(KEY, "true", expected=None)

    assert path.stat().st_ino != before
    assert [entry.name for entry in path.parent.iterdir()] == [".env"]


async def test_a_key_that_is_no_longer_as_planned_is_left_alone(env: EnvFile, path: Path, data: Path) -> None:
    path.write_text(f"{KEY}=true\n")

    with pytest.raises(Conflict, match=f"{KEY} is 'true' by now, not absent as it was planned"):
        await env.write(KEY, "false", expected=None)

    assert path.read_text() == f"{KEY}=true\n"
    assert backups(data) == []


@pytest.mark.row("G6")
async def test_the_former_content_is_kept_five_times_for_the_bots_user_alone(env: EnvFile, data: Path) -> None:
    for number in range(7):
        await env.write("COUNT", str(number + 1), expected=str(number) if number else None)

    kept = backups(data)
    assert [path.read_text().rpartition("=")[2].strip() for path in kept] == ["2", "3", "4", "5", "6"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


async def test_a_value_is_put_back_as_it_was(env: EnvFile, path: Path) -> None:
    path.write_text("A=1\n")
    await env.write(KEY, "true", expected=None)

    await env.write(KEY, None, expected="true")

    assert path.read_text() == "A=1\n"


async def test_who_holds_the_lock_is_waited_for(env: EnvFile, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    task = asyncio.create_task(env.write(KEY, "true", expected=None))
    await asyncio.sleep(0.2)

    assert KEY not in path.read_text()

    os.close(folder)
    await task
    assert KEY in path.read_text()


async def test_a_lock_that_stays_held_is_told(own: DotEnvFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envfile, "_LOCK_PATIENCE", 0.1)
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    with pytest.raises(Conflict, match="Somebody else holds the lock"):
        await own.write(KEY, "true", expected=None)

    os.close(folder)


async def test_a_file_that_is_not_there_is_an_error_and_no_empty_one(env: EnvFile, path: Path) -> None:
    path.unlink()

    with pytest.raises(IntegrationError, match="No such file"):
        await env.read(KEY)
    with pytest.raises(IntegrationError, match="No such file"):
        await env.write(KEY, "true", expected=None)
    assert not path.exists()


async def test_a_write_that_fails_leaves_the_file_and_no_rubbish(
    own: DotEnvFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(IntegrationError, match="No space left"):
        await own.write(KEY, "true", expected=None)

    assert KEY not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == [".env"]


@pytest.mark.row("E5")
async def test_secrets_are_told_for_redaction_and_a_ping_tells_none(env: EnvFile) -> None:
    assert isinstance(env, DotEnvFile | HelperEnvFile)

    assert await env.secrets() == ("sk_invented_value",)
    assert "has 2 keys" in await env.ping()
    assert "sk_invented_value" not in await env.ping()


async def test_a_ping_tells_the_mode(own: DotEnvFile) -> None:
    assert "mode 640" in await own.ping()


async def test_bytes_that_are_no_text_stay_in_the_file_and_in_its_backup(env: EnvFile, path: Path, data: Path) -> None:
    path.write_bytes(b"NAME=caf\xe9\nPORT=1\n")

    await env.write(KEY, "true", expected=None)

    assert path.read_bytes() == b"NAME=caf\xe9\nPORT=1\nENABLE_MAINTENANCE_MODE=true\n"
    assert backups(data)[0].read_bytes() == b"NAME=caf\xe9\nPORT=1\n"


@pytest.mark.parametrize("value", ["", "absent", "=", "a b", "-"])
async def test_a_value_that_looks_like_something_else_is_a_value(env: EnvFile, path: Path, value: str) -> None:
    await env.write(KEY, value, expected=None)
    read = await env.read(KEY)
    await env.write(KEY, None, expected=value)

    assert read.value == value
    assert (await env.read(KEY)).value is None


@pytest.mark.parametrize("build_for", ["helper"], indirect=True)
async def test_the_helper_sets_no_key_that_its_configuration_does_not_name(env: EnvFile, path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(IntegrationError, match=r"'PORT of .*' is not in env of /etc/opsbot-host\.json") as told:
        await env.write("PORT", "1", expected="3000")

    assert "docs/hosts.md" in told.value.hint
    assert path.read_bytes() == before


def test_a_file_on_another_machine_wants_the_helper(data: Path) -> None:
    ssh = SshHost(SshConfig(address="192.0.2.1", user="deploy", key="/keys/deploy", known_hosts="/keys/known_hosts"))

    with pytest.raises(NotConfigured, match=r"/srv/\.env is on 192\.0\.2\.1, where the bot opens no file by itself"):
        envfile.build(Config(path="/srv/.env"), host=ssh, data=data)

    assert isinstance(envfile.build(Config(path="/srv/.env", helper=("h",)), host=ssh, data=data), HelperEnvFile)
