"""The command line: what operators call from a shell, with its exit codes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

from bot.demo.workspace import Workspace

OPSBOT = Path(sys.executable).with_name("opsbot")
SECRET = "k3y-9f8a7b6c5d4e3f2a"


def opsbot(
    *arguments: str | Path, folder: Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPSBOT_")}
    return subprocess.run(
        (OPSBOT, *arguments),
        cwd=folder,
        env={**clean, **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configured(folder: Path, **settings: object) -> Path:
    file = folder / "opsbot.yaml"
    file.write_text(yaml.safe_dump({"data_dir": str(folder / "data"), **settings}))
    return folder


def test_faults_of_the_configuration_are_told_and_exit_with_two(tmp_path: Path) -> None:
    done = opsbot("check", folder=configured(tmp_path, slak={}, zone="Mars/Olympus"))

    assert done.returncode == 2
    assert "slak is not known; did you mean slack?" in done.stderr
    assert "zone is no time zone" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_variable_that_looks_like_a_setting_and_is_none_is_a_fault(tmp_path: Path) -> None:
    done = opsbot("check", folder=tmp_path, OPSBOT_SLAK__BOT_TOKEN="xoxb-1")

    assert done.returncode == 2
    assert "OPSBOT_SLAK__BOT_TOKEN is not known; did you mean OPSBOT_SLACK?" in done.stderr


def test_run_without_tokens_says_which_are_missing(tmp_path: Path) -> None:
    done = opsbot("run", folder=tmp_path)

    assert done.returncode == 2
    assert "OPSBOT_SLACK__BOT_TOKEN and OPSBOT_SLACK__APP_TOKEN not set" in done.stderr


@pytest.mark.row("A1")
async def test_check_tries_everything_and_names_what_does_not_answer(tmp_path: Path, database: str) -> None:
    async with Workspace.open() as workspace:
        workspace.scopes.discard("pins:write")
        folder = configured(
            tmp_path,
            slack={"api_url": workspace.api_url},
            contacts=[{"role": "Infrastructure", "contact": "devops@your-domain.com"}],
            templates=str(tmp_path),
            services={
                "shop": {
                    "env_file": {"path": str(tmp_path / "shop.env")},
                    "gateway": {"url": "http://127.0.0.1:9"},
                    "redis": {},
                },
                "far": {
                    "ssh": {
                        "address": "127.0.0.1",
                        "port": 9,
                        "user": "deploy",
                        "key": str(tmp_path / "no-key"),
                        "known_hosts": str(tmp_path / "no-known-hosts"),
                    }
                },
            },
        )
        (tmp_path / "digest_daily.md.j2").write_text("{% for section in document.sections %}")
        (tmp_path / "shop.env").write_text(f"REDIS_URL=redis://:{SECRET}@127.0.0.1:9/0\n")
        done = await _in_thread(
            "check",
            folder=folder,
            OPSBOT_DATABASE_URL=database,
            OPSBOT_SLACK__BOT_TOKEN=workspace.bot_token,
            OPSBOT_SLACK__APP_TOKEN=workspace.app_token,
        )

    lines = {line.split(": ")[0].split(maxsplit=1)[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert lines["database_url"] == "ok"
    assert lines["slack.bot_token"] == "ok"
    assert lines["slack scopes"] == "fail"
    assert "pins:write" in done.stdout
    assert lines["services.shop.env_file"] == "ok"
    assert lines["services.shop.gateway"] == "fail"
    assert lines["services.shop.redis"] == "fail"
    assert lines["services.far.ssh"] == "fail"
    assert lines["contacts[0]"] == "warn"
    assert lines["templates/digest_daily.md.j2"] == "fail"
    assert SECRET not in done.stdout + done.stderr


async def _in_thread(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(opsbot, *arguments, folder=folder, **environment)


async def test_check_is_content_when_everything_answers(tmp_path: Path, database: str) -> None:
    async with Workspace.open() as workspace:
        done = await _in_thread(
            "check",
            folder=configured(tmp_path, slack={"api_url": workspace.api_url}),
            OPSBOT_DATABASE_URL=database,
            OPSBOT_SLACK__BOT_TOKEN=workspace.bot_token,
            OPSBOT_SLACK__APP_TOKEN=workspace.app_token,
        )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_takes_a_prefix_and_comes_as_json(tmp_path: Path) -> None:
    done = opsbot("manifest", "--prefix", "gw", "--incident-root", "gw-incident", "--json", folder=tmp_path)

    names = [each["command"] for each in json.loads(done.stdout)["features"]["slash_commands"]]
    assert {"/gw", "/gw-incident", "/gw-status", "/gw-logs", "/gw-maintenance"} <= set(names)


def test_a_prefix_that_slack_keeps_for_itself_is_refused(tmp_path: Path) -> None:
    done = opsbot("manifest", "--prefix", "status", folder=tmp_path)

    assert done.returncode == 2
    assert "/status is Slack's own command" in done.stderr


def test_migrate_can_be_called_again(tmp_path: Path, database: str) -> None:
    for _ in range(2):
        done = opsbot("migrate", folder=tmp_path, OPSBOT_DATABASE_URL=database)
        assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")


async def test_audit_verify_tells_a_whole_chain_from_a_tampered_one(tmp_path: Path, database: str) -> None:
    async with Workspace.open() as workspace:
        environment = {
            "OPSBOT_DATABASE_URL": database,
            "OPSBOT_SLACK__BOT_TOKEN": workspace.bot_token,
            "OPSBOT_SLACK__APP_TOKEN": workspace.app_token,
        }
        folder = configured(tmp_path, slack={"api_url": workspace.api_url}, web={"port": 0})
        ana = workspace.person("ana")
        channel = workspace.channel("ops", members=[ana])
        process = await asyncio.create_subprocess_exec(
            OPSBOT, "run", cwd=folder, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
        )
        await workspace.connected()
        turn = await ana.command(channel, "/ops help")
        await turn.reply(timeout=10)
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)

        whole = await _in_thread("audit", "verify", folder=folder, **environment)
        head = whole.stdout.rsplit(maxsplit=1)[-1]
        published = await _in_thread("audit", "verify", "--head", head, folder=folder, **environment)
        with psycopg.connect(database) as connection:
            connection.execute("update audit set actor = 'somebody else'")
        tampered = await _in_thread("audit", "verify", "--head", head, folder=folder, **environment)
        nonsense = await _in_thread("audit", "verify", "--head", "nonsense", folder=folder, **environment)

    assert (whole.returncode, published.returncode) == (0, 0), whole.stdout + published.stdout
    assert tampered.returncode == 1
    assert nonsense.returncode == 2


def test_redact_takes_the_values_of_an_environment_file_out_of_a_pipe_in_every_form(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"API_SECRET={SECRET}\nPORT=3000\n")
    encoded = base64.b64encode(f"x:{SECRET}".encode()).decode()
    text = f"plain {SECRET}\nbase64 {encoded}\ncommit 4f2a9c1d port 3000 from 203.0.113.9 for 12.50\n"

    done = opsbot("redact", "--env-file", tmp_path / ".env", folder=tmp_path, given=text)

    assert done.returncode == 0
    assert SECRET not in done.stdout
    assert encoded not in done.stdout
    assert done.stdout.endswith("commit 4f2a9c1d port 3000 from 203.0.113.9 for 12.50\n")


def test_redact_passes_bytes_that_are_no_text(tmp_path: Path) -> None:
    done = subprocess.run((OPSBOT, "redact"), input=b"a \xff\xfe b\r\n", capture_output=True, timeout=60, check=False)

    assert done.stdout == b"a \xff\xfe b\r\n"


def test_views_prints_each_view_in_each_state_as_slack_would_get_it(tmp_path: Path) -> None:
    done = opsbot("views", "--json", folder=tmp_path)

    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert {frozenset(each) for each in shown} == {frozenset({"view", "state", "surface", "text", "blocks"})}
    assert {each["surface"] for each in shown} == {"message", "modal", "home"}
