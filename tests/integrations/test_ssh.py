"""What holds of a machine over SSH beside what holds of every host: who it is, and what a lost connection means."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic

import asyncssh
import pytest
from pydantic import ValidationError

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.permit import permitted_by
from bot.core.ports import Done
from integrations.ssh import Config
from integrations.ssh.host import SshHost
from tests.fixtures_ssh import USER, Sshd, Start
from tests.hosts import ENOUGH, content, gone, until

Reach = Callable[..., SshHost]


@pytest.fixture
async def reach(sshd: Sshd) -> AsyncIterator[Reach]:
    made: list[SshHost] = []

    def reach(to: Sshd = sshd, **changed: object) -> SshHost:
        made.append(SshHost(to.config(**changed)))
        return made[-1]

    yield reach
    for each in made:
        await each.close()


@pytest.fixture
def own(start_sshd: Start) -> Sshd:
    """One whose connections a test may break."""
    return start_sshd()


async def test_it_says_who_answers_and_who_the_bot_is_there(sshd: Sshd, reach: Reach) -> None:
    host = reach()

    assert host.name == f"127.0.0.1:{sshd.port}"
    assert f", as {USER}" in await host.ping()


@pytest.mark.parametrize("written", ["", "another host\n", "another key\n"])
async def test_a_machine_whose_key_is_not_known_is_told_nothing(
    sshd: Sshd, reach: Reach, tmp_path: Path, written: str
) -> None:
    known = tmp_path / "known_hosts"
    line = (sshd.folder / "known_hosts").read_text()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    lines = {"another host\n": line.replace("127.0.0.1", "127.0.0.2"), "another key\n": f"{line.split()[0]} {other}"}
    known.write_text(lines.get(written, ""))

    with pytest.raises(IntegrationError, match=r"host key of 127\.0\.0\.1:\d+ is not in .*known_hosts") as told:
        await reach(known_hosts=str(known)).run(("touch", str(tmp_path / "ran")))

    assert "Compare the key" in told.value.hint
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["known_hosts", "key"])
async def test_a_file_of_ours_that_is_not_there_is_named(reach: Reach, tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrationError, match="/absent cannot be read: No such file"):
        await reach(**{name: str(tmp_path / "absent")}).ping()


@pytest.mark.parametrize("value", [None, "", "known_hosts"])
def test_known_hosts_cannot_be_left_out(sshd: Sshd, value: str | None) -> None:
    with pytest.raises(ValidationError):
        sshd.config(known_hosts=value)
    with pytest.raises(ValidationError):
        Config.model_validate(sshd.config().model_dump(exclude={"known_hosts"}))


async def test_a_key_that_is_not_let_in_is_named(reach: Reach, tmp_path: Path) -> None:
    key = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)

    with pytest.raises(IntegrationError, match=rf"does not let {USER} in with the key .*stranger"):
        await reach(key=str(key)).ping()


async def test_a_key_with_a_passphrase_or_that_is_none_is_an_error_without_its_content(
    reach: Reach, tmp_path: Path
) -> None:
    locked, none = tmp_path / "locked", tmp_path / "none"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(locked, "pkcs8-pem", passphrase="invented")
    none.write_text("no key at all")

    for key in (locked, none):
        with pytest.raises(IntegrationError, match=f"{key.name} cannot be used") as told:
            await reach(key=str(key)).ping()
        assert "no key at all" not in str(told.value)


async def test_a_machine_that_does_not_listen_is_an_error(sshd: Sshd, reach: Reach) -> None:
    with pytest.raises(IntegrationError, match="is not reached: Connection refused"):
        await reach(port=1).ping()


async def test_neither_an_agent_nor_the_users_own_configuration_is_asked(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  Port 1\n  User nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))

    assert (await reach().run(("true",))).code == 0


@pytest.mark.parametrize("forced", ["echo welcome", "false", "sh -c 'echo hello; sh -c \"$SSH_ORIGINAL_COMMAND\"'"])
async def test_a_shell_that_does_something_else_with_a_line_is_found_when_connecting(
    start_sshd: Start, reach: Reach, forced: str
) -> None:
    with pytest.raises(IntegrationError, match="is no POSIX shell, or says something of its own"):
        await reach(start_sshd(f"ForceCommand {forced}")).run(("id",))


async def test_tools_that_are_missing_are_named_when_connecting(
    start_sshd: Start, reach: Reach, tmp_path: Path
) -> None:
    for tool in ("env", "head", "mkdir", "setsid", "sh", "find", "id"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    poor = start_sshd(f"SetEnv HOME={tmp_path} PATH={tmp_path}")

    with pytest.raises(IntegrationError, match="lacks flock, timeout: install coreutils and util-linux"):
        await reach(poor).run(("true",))


async def test_one_connection_serves_everything(own: Sshd, reach: Reach) -> None:
    host = reach(own)

    done = await asyncio.gather(*(host.run(("sh", "-c", "echo $PPID")) for _ in range(12)))

    assert all(each.code == 0 for each in done)
    accepted = [line for line in (own.folder / "log").read_text().splitlines() if line.startswith("Accepted")]
    assert len(accepted) == 1


async def test_what_is_lost_while_it_runs_is_unknown_and_the_next_one_connects_anew(
    own: Sshd, reach: Reach, tmp_path: Path
) -> None:
    host, pid = reach(own), tmp_path / "pid"
    task = asyncio.create_task(host.run(("sh", "-c", f"echo some; echo $$ > {pid}; exec sleep 60"), within=ENOUGH))
    started = await until(lambda: content(pid))

    own.drop()

    with pytest.raises(OutcomeUnknown, match=r"connection to \S+ was lost while sh ran"):
        await task
    assert await host.run(("echo", "back")) == Done(0, "back\n", "")
    os.kill(int(started), signal.SIGKILL)  # `timeout` would, eleven seconds after it began


async def test_what_is_lost_is_ended_on_the_other_side(own: Sshd, reach: Reach, tmp_path: Path) -> None:
    host, pid = reach(own), tmp_path / "pid"
    task = asyncio.create_task(host.run(("sh", "-c", f"echo $$ > {pid}; exec sleep 60"), within=timedelta(seconds=1)))
    started = await until(lambda: content(pid))

    own.drop()

    with pytest.raises(OutcomeUnknown):
        await task
    assert await until(lambda: gone(started))


async def test_a_connection_that_was_lost_while_idle_is_made_anew_without_a_word(own: Sshd, reach: Reach) -> None:
    host = reach(own)
    await host.run(("true",))

    own.drop()

    assert (await host.run(("true",))).code == 0


async def test_a_change_whose_connection_is_lost_goes_on_and_its_result_is_fetched(
    own: Sshd, reach: Reach, tmp_path: Path
) -> None:
    host, begun = reach(own), tmp_path / "begun"
    script = f"echo yes > {begun}; echo out; sleep 1; echo err >&2; exit 5"
    task = asyncio.create_task(host.run(("sh", "-c", script), within=ENOUGH, lock=str(tmp_path / "lock")))
    await until(lambda: content(begun))

    own.drop()

    assert await task == Done(5, "out\n", "err\n")
    assert list(own.folder.glob("opsbot-run-*")) == []


@pytest.mark.parametrize("while_", ["it waits for the lock", "its permit is asked"])
async def test_a_change_whose_connection_is_lost_before_it_began_never_begins(
    own: Sshd, reach: Reach, tmp_path: Path, while_: str
) -> None:
    host, effect, lock, asked = reach(own), tmp_path / "effect", tmp_path / "lock", asyncio.Event()

    async def permit() -> None:
        asked.set()
        await asyncio.sleep(1)

    with lock.open("w") as held, permitted_by(permit):
        if while_ == "it waits for the lock":
            fcntl.flock(held, fcntl.LOCK_EX)
        task = asyncio.create_task(host.run(("touch", str(effect)), within=ENOUGH, lock=str(lock)))
        await (asyncio.sleep(0.5) if while_ == "it waits for the lock" else asked.wait())
        own.drop()

        with pytest.raises(IntegrationError, match=r"lost before touch began\. Nothing was done"):
            await task

    await host.run(("true",), within=ENOUGH, lock=str(lock))
    assert not effect.exists()


async def test_a_change_that_is_permitted_too_late_has_been_left_by_the_machine(reach: Reach, tmp_path: Path) -> None:
    host, effect, lock = reach(), tmp_path / "effect", str(tmp_path / "lock")

    async def permit() -> None:
        await asyncio.sleep(1)

    with permitted_by(permit), pytest.raises(IntegrationError, match="was not told in time that touch may begin"):
        await host.run(("touch", str(effect)), within=timedelta(seconds=0.3), lock=lock)

    await host.run(("true",), lock=lock)
    assert not effect.exists()


async def test_a_change_that_nobody_can_ask_for_any_more_is_unknown_and_still_holds_its_lock(
    start_sshd: Start, reach: Reach, tmp_path: Path
) -> None:
    gone_for_good, begun, trace = start_sshd(), tmp_path / "begun", tmp_path / "trace"
    lock = str(tmp_path / "lock")
    script = f"echo yes > {begun}; sleep 3; echo done > {trace}"
    host = reach(gone_for_good)
    task = asyncio.create_task(host.run(("sh", "-c", script), within=timedelta(seconds=0.2), lock=lock))
    await until(lambda: content(begun))

    gone_for_good.process.terminate()
    gone_for_good.drop()

    with pytest.raises(OutcomeUnknown, match=r"lost while sh ran; it goes on|goes on under its lock"):
        await task
    await reach().run(("true",), within=ENOUGH, lock=lock)
    assert trace.read_text() == "done\n"


async def test_a_machine_that_hangs_is_noticed_in_seconds(own: Sshd, reach: Reach, tmp_path: Path) -> None:
    host, begun = reach(own, keepalive="1s"), tmp_path / "begun"
    task = asyncio.create_task(host.run(("sh", "-c", f"echo yes > {begun}; sleep 30"), within=timedelta(seconds=30)))
    await until(lambda: content(begun))
    began = monotonic()

    own.signal(signal.SIGSTOP)

    with pytest.raises(OutcomeUnknown, match="was lost while sh ran"):
        await task
    assert monotonic() - began < 15
    own.signal(signal.SIGCONT)


async def test_what_the_bot_leaves_behind_when_it_is_done_is_nothing(own: Sshd, reach: Reach, tmp_path: Path) -> None:
    host = reach(own)
    lock = str(tmp_path / "lock")
    await host.run(("true",), lock=lock)
    with pytest.raises(IntegrationError):
        await host.run(("true",), lock=str(tmp_path / "absent" / "lock"))
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "1"), lock=lock, within=timedelta(seconds=0.1))

    await host.close()

    assert list(own.folder.glob("opsbot-run-*")) == []


async def test_a_line_that_is_longer_than_a_shell_takes_is_an_error(reach: Reach) -> None:
    with pytest.raises(IntegrationError, match="arguments are too long"):
        await reach().run(("true", "x" * 200_000))
