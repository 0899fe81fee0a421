from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.core.errors import Conflict, IntegrationError, NotFound, OutcomeUnknown
from bot.core.processes import Verb
from integrations.docker_compose import Config, DockerCompose
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from tests.managers import Ground, ground


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Ground]:
    """An engine with no containers yet."""
    with ground(tmp_path, "docker compose") as here:
        yield here


def compose(here: Ground, **changed: object) -> DockerCompose:
    """The same, by another configuration."""
    fitting = here.manager._config.model_dump()
    return DockerCompose(Config.model_validate(fitting | changed), host=LocalHost(HostConfig()))


def box(number: int, status: str) -> dict[str, object]:
    """A container as the stand-in remembers it."""
    name = f"shop-crypto-gateway-{number}"
    started = "2026-03-02T09:00:00.123456789Z"
    return {"id": f"{number}" * 64, "name": name, "number": number, "pid": 0, "status": status, "started": started}


async def test_a_service_without_containers_has_no_workers(here: Ground) -> None:
    assert await here.manager.workers() == ()
    here.set(in_array=True)
    assert await here.manager.workers() == ()


async def test_states_are_told_as_docker_has_them_but_for_one_that_runs(here: Ground) -> None:
    states = ["created", "exited", "restarting", "paused", "dead"]
    here.set(boxes=[box(number, status) for number, status in enumerate(states, 1)])

    assert [(worker.id, worker.status) for worker in await here.manager.workers()] == [*enumerate(states, 1)]


@pytest.mark.parametrize(
    ("health", "status"), [("", "online"), ("healthy", "online"), ("starting", "online"), ("unhealthy", "unhealthy")]
)
async def test_a_container_whose_own_check_fails_is_not_online(here: Ground, health: str, status: str) -> None:
    here.set(health=health)
    await here.manager.change(Verb.START)

    [first, _] = await here.manager.workers()

    assert (first.status, first.mode, first.memory, first.cpu) == (status, "container", 51694796, 0.35)
    assert first.hostname == here.state["boxes"][0]["id"][:12]


@pytest.mark.row("C2", "D4")
async def test_no_command_line_touches_another_service_or_keeps_an_old_environment(here: Ground) -> None:
    manager = here.manager
    words = {verb: manager.change_argv(verb, *((3,) if verb in {Verb.SCALE, Verb.REMOVE} else ())) for verb in Verb}

    assert all("down" not in argv and "restart" not in argv for argv in words.values())
    assert all(argv[-1] == "crypto-gateway" for verb, argv in words.items() if verb is not Verb.REMOVE)
    assert words[Verb.REMOVE][-3:] == ("rm", "--force", "shop-crypto-gateway-3")
    assert words[Verb.SCALE][-6:-1] == ("--detach", "--no-recreate", "--no-deps", "--scale", "crypto-gateway=3")
    assert words[Verb.RESTART][-4:-1] == ("--detach", "--force-recreate", "--no-deps")


async def test_a_container_of_another_name_is_not_taken_away(here: Ground) -> None:
    here.set(boxes=[{**box(1, "exited"), "name": "gateway"}])

    with pytest.raises(Conflict, match="no container shop-crypto-gateway-1"):
        await here.manager.change(Verb.REMOVE, 1)


@pytest.mark.parametrize(
    ("section", "workers", "memory", "alone"),
    [
        ({}, 1, None, ""),
        ({"scale": 3, "mem_limit": "536870912"}, 3, 536870912, ""),
        ({"deploy": {"replicas": 2, "resources": {"limits": {"memory": "1073741824"}}}}, 2, 1073741824, ""),
        ({"container_name": "gateway"}, 1, None, "a name of its own"),
        ({"ports": [{"target": 3000, "published": "3000"}]}, 1, None, "port 3000"),
        ({"ports": [{"target": 3000, "published": "3000-3005"}]}, 1, None, ""),
        ({"ports": [{"target": 3000}]}, 1, None, ""),
    ],
)
async def test_what_the_file_declares_is_told_without_an_engine(
    here: Ground, section: dict[str, object], workers: int, memory: int | None, alone: str
) -> None:
    here.set(section=section, down=True)

    declared = await here.manager.declared()

    assert declared
    assert (declared.workers, declared.memory_limit) == (workers, memory)
    assert alone in declared.alone
    assert bool(alone) is bool(declared.alone)


async def test_a_service_that_the_file_does_not_have_is_told(here: Ground) -> None:
    stranger = compose(here, service="web")

    assert await stranger.declared() is None
    with pytest.raises(NotFound, match=r"compose.yaml has no service web"):
        await stranger.workers()


@pytest.mark.parametrize("answer", ["no json", '{"ID": 1}', '[{"Service": "x"}]', "{"])
async def test_an_answer_that_is_not_understood_is_an_error_without_what_it_said(
    here: Ground, tmp_path: Path, answer: str
) -> None:
    script = tmp_path / "docker"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{answer} xoxb-invented\nEND\n")
    script.chmod(0o755)

    for call in (compose(here, command=[str(script)]).workers(), compose(here, command=[str(script)]).declared()):
        with pytest.raises(IntegrationError, match="something else than expected") as fault:
            await call
        assert "xoxb" not in repr(fault.value)
        assert fault.value.__cause__ is None


async def test_a_secret_of_the_service_is_never_asked_for(here: Ground) -> None:
    await here.manager.change(Verb.START)
    await here.manager.workers()

    templates = [call[call.index("--format") + 1] for call in here.calls if call[0] == "inspect"]

    assert templates
    assert not any("Env" in template for template in templates)
    assert "xoxb-invented" not in repr(await here.manager.declared())


async def test_a_change_that_takes_too_long_is_unknown_and_goes_on(here: Ground) -> None:
    here.set(slow=2)

    hasty = compose(here, within="1s")

    with pytest.raises(OutcomeUnknown, match="goes on under its lock"):
        await hasty.change(Verb.START)

    await hasty.wait_idle()
    assert len(await hasty.workers()) == 2


@pytest.mark.row("E3", "E4")
async def test_log_lines_have_no_colours_and_follow_no_one(here: Ground) -> None:
    here.set(logs=[["2026-03-02T09:00:00.000000000Z \x1b[31mred\x1b[0m\x07"]])

    tail = await here.manager.tail(5)

    assert tail.lines == ("2026-03-02T09:00:00.000000000Z red",)
    assert "--follow" not in here.calls[-1]
    assert "-f" not in here.calls[-1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", "--all"),
        ("service", ""),
        ("service", "a b"),
        ("project", "-p"),
        ("project", "Shop"),
        ("file", "x.yaml"),
    ],
)
def test_only_plain_names_are_taken(here: Ground, field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        compose(here, **{field: value})


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker on this machine")
async def test_the_real_client_without_an_engine_is_an_error(here: Ground, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"crypto-gateway": {"image": "scratch"}}}))
    manager = compose(here, command=["env", "DOCKER_HOST=unix:///nowhere/docker.sock", shutil.which("docker")])

    for call in (manager.workers(), manager.ping(), manager.change(Verb.STOP), manager.tail(1)):
        with pytest.raises(IntegrationError, match="Docker ended with"):
            await call
