from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown, UsageError
from bot.core.processes import Verb
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from integrations.systemd import Config, Systemd
from tests.managers import Ground, ground


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Ground]:
    """A systemd that has a template with two instances, neither of them started, and room for a third."""
    with ground(tmp_path, "systemd") as here:
        yield here


def systemd(here: Ground, **changed: object) -> Systemd:
    """The same, by another configuration."""
    fitting = here.manager._config.model_dump()
    return Systemd(Config.model_validate(fitting | changed), host=LocalHost(HostConfig()))


def says(tmp_path: Path, text: str, *, code: int = 0, error: str = "") -> list[str]:
    """A program that says just that."""
    script = tmp_path / "says"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\necho '{error}' >&2\nexit {code}\n")
    script.chmod(0o755)
    return [str(script)]


SHOWN = """Id=gateway.service
LoadState=loaded
ActiveState={state}
SubState={sub}
MainPID={pid}
ActiveEnterTimestamp=Mon 2026-03-02 09:00:00 UTC
NRestarts=3
MemoryCurrent={memory}"""


@pytest.mark.parametrize(
    ("told", "pid", "status"),
    [
        ("active running", 42, "online"),
        ("active exited", 0, "exited"),
        ("activating start", 42, "launching"),
        ("activating auto-restart", 0, "restarting"),
        ("deactivating stop-sigterm", 42, "stopping"),
        ("inactive dead", 0, "stopped"),
        ("failed failed", 0, "errored"),
    ],
)
async def test_states_are_told_in_the_words_of_all_managers(
    here: Ground, tmp_path: Path, told: str, pid: int, status: str
) -> None:
    state, sub = told.split()
    command = says(tmp_path, SHOWN.format(state=state, sub=sub, pid=pid, memory="41943040"))

    [worker] = await systemd(here, unit="gateway.service", command=command).workers()

    assert (worker.status, worker.pid, worker.restarts, worker.mode) == (status, pid, 3, "unit")
    assert bool(worker.started_at) is bool(pid)


@pytest.mark.parametrize("memory", ["[not set]", "infinity", "18446744073709551615", ""])
async def test_memory_that_systemd_does_not_count_is_unknown(here: Ground, tmp_path: Path, memory: str) -> None:
    command = says(tmp_path, SHOWN.format(state="active", sub="running", pid=42, memory=memory))

    [worker] = await systemd(here, unit="gateway.service", command=command).workers()

    assert (worker.memory, worker.cpu) == (None, None)


async def test_a_unit_that_is_not_there_is_told_though_systemctl_ends_well(here: Ground) -> None:
    with pytest.raises(NotFound, match=r"no unit elsewhere\.service"):
        await systemd(here, unit="elsewhere.service").workers()


@pytest.mark.parametrize("answer", ["", "what?", "Id=gateway.service\nLoadState=loaded", "Id=a\n\nLoadState=loaded"])
async def test_an_answer_that_is_not_understood_is_an_error(here: Ground, tmp_path: Path, answer: str) -> None:
    with pytest.raises(IntegrationError, match="something else than expected"):
        await systemd(here, unit="gateway.service", command=says(tmp_path, answer)).workers()


async def test_a_single_unit_cannot_be_scaled_and_no_instance_beyond_the_configured_is_started(here: Ground) -> None:
    single = systemd(here, unit="gateway@1.service")
    declared = await single.declared()

    assert declared
    assert (declared.workers, "is one unit" in declared.alone) == (1, True)
    with pytest.raises(UsageError, match="2 instances at most"):
        here.manager.change_argv(Verb.SCALE, 3)
    with pytest.raises(UsageError, match="1 instance at most"):
        single.change_argv(Verb.SCALE, 2)


async def test_instances_that_are_not_ours_are_left_out(here: Ground) -> None:
    await here.manager.change(Verb.START)

    assert [worker.id for worker in await systemd(here, instances=1).workers()] == [1]


@pytest.mark.parametrize(
    ("environment", "files", "value"),
    [
        ("", "", None),
        ("ENABLE_MAINTENANCE_MODE=true", "", "true"),
        ('"TITLE=a b" ENABLE_MAINTENANCE_MODE=true', "", "true"),
        ("ENABLE_MAINTENANCE_MODE=true", "/srv/gateway/.env (ignore_errors=no)", None),
    ],
)
@pytest.mark.row("G4")
async def test_a_value_that_the_unit_itself_hands_out_is_told_unless_a_file_may_say_otherwise(
    here: Ground, environment: str, files: str, value: str | None
) -> None:
    here.set(unit_environment=environment, environment_files=files)
    await here.manager.change(Verb.START)

    assert await here.manager.handed_value("ENABLE_MAINTENANCE_MODE") == value


async def test_what_systemd_has_not_ended_in_time_is_unknown(here: Ground, tmp_path: Path) -> None:
    helper = says(tmp_path, "", code=2, error="opsbot-host: Command systemctl restart timed out after 60 seconds")

    with pytest.raises(OutcomeUnknown, match="has not ended yet"):
        await systemd(here, helper=helper).reload()


async def test_a_unit_that_the_helper_was_not_given_is_not_touched(here: Ground) -> None:
    here.set(files=[*here.state["files"], "ssh.service"])

    with pytest.raises(IntegrationError, match="is not in units"):
        await systemd(here, unit="ssh.service").change(Verb.STOP)

    assert not any("stop" in call for call in here.calls)


@pytest.mark.row("E3")
@pytest.mark.parametrize(
    "hint",
    [
        "No journal files were opened due to insufficient permissions.\n",
        "Hint: You are currently not seeing messages from other users and the system.\n",
    ],
)
async def test_a_journal_that_may_not_be_read_is_an_error_not_an_empty_log(here: Ground, hint: str) -> None:
    here.set(journal_hint=hint)

    with pytest.raises(IntegrationError, match="The journal cannot be read"):
        await here.manager.tail(5)


async def test_a_journal_without_entries_has_no_lines(here: Ground) -> None:
    assert (await here.manager.tail(5)).lines == ()


@pytest.mark.parametrize("unit", ["--all", "gateway", "a b.service", "*.service", "x.timer", ""])
def test_only_the_name_of_a_service_unit_is_taken(here: Ground, unit: str) -> None:
    with pytest.raises(ValidationError):
        systemd(here, unit=unit)


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="no systemctl on this machine")
@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs on this machine")
async def test_the_real_client_without_systemd_is_an_error(here: Ground) -> None:
    real = systemd(here, command=["systemctl"], journal=["journalctl"])

    for call in (real.workers(), real.ping(), real.tail(1)):
        with pytest.raises(IntegrationError):
            await call
