"""Two replicas on one Postgres: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.store.embedded import EmbeddedPostgres
from tests.app.conftest import Bot, Installation
from tests.waiting import until

SLOT = "* * * * *"


async def test_a_command_is_answered_once_though_slack_delivers_it_again(installation: Installation) -> None:
    await installation.start()
    await installation.start()
    installation.workspace.faults.redeliver(2)

    for number in range(6):
        await installation.ana.command(installation.channel, f"/ops contacts nobody-{number}")
    await installation.workspace.settled(20)
    await until(lambda: len(installation.ana.sees(installation.channel)) >= 6)
    await asyncio.sleep(0.5)  # in which a second answer would have come

    assert len(installation.ana.sees(installation.channel)) == 6


@pytest.mark.row("K5")
@pytest.mark.timeout(240)
async def test_a_digest_comes_once_though_its_replica_is_killed_while_it_posts(installation: Installation) -> None:
    installation.settings["schedules"] = [
        {"name": "health", "channel": installation.channel.id, "when": SLOT, "zone": "UTC"}
    ]
    bots = [await installation.start() for _ in range(2)]
    installation.workspace.faults.slow("chat.postMessage", 3)
    call = await installation.workspace.wait_for_call(
        "chat.postMessage", lambda call: "Health of" in str(call.args), timeout=90
    )
    assert call is not None
    await bots[0].kill()
    installation.workspace.faults.clear()

    await asyncio.sleep(8)  # a take-over needs three to five seconds
    slots = [
        seen.metadata["event_payload"]["key"]
        for seen in installation.ana.sees(installation.channel)
        if seen.metadata and "digest:" in str(seen.metadata)
    ]

    assert slots
    assert len(slots) == len(set(slots))


@pytest.mark.row("K5")
@pytest.mark.timeout(240)
async def test_a_replica_that_sleeps_between_looking_for_a_digest_and_posting_it_wakes_and_posts_none(
    installation: Installation,
) -> None:
    workspace = installation.workspace
    installation.settings["schedules"] = [
        {"name": "health", "channel": installation.channel.id, "when": SLOT, "zone": "UTC"}
    ]
    asleep = await installation.start()
    workspace.faults.slow("conversations.history", 2)
    await workspace.wait_for_call("conversations.history", timeout=90)
    asleep.send(signal.SIGSTOP)
    await asyncio.sleep(2)  # its answer waits for it then: nothing stands there
    workspace.faults.clear()
    await installation.start()
    posted = await workspace.wait_for_call("chat.postMessage", lambda call: "Health of" in str(call.args), timeout=90)
    key = posted.args["metadata"]["event_payload"]["key"]
    await workspace.wait_for_call("chat.postMessage", lambda call: f"{key}:document" in str(call.args), timeout=30)
    asleep.send(signal.SIGCONT)
    await asyncio.sleep(5)

    told = [str(call.args.get("metadata")) for call in workspace.calls if call.method == "chat.postMessage"]
    assert sum(f"'{key}'" in each for each in told) == 1
    assert sum(f"'{key}:document'" in each for each in told) == 1
    assert asleep.process.returncode is None


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that the test may stop."""
    server = EmbeddedPostgres(tmp_path / "own", stop_always=True)
    server.start()
    yield server
    server.stop()


@pytest.mark.timeout(180)
async def test_the_bot_goes_on_within_five_seconds_when_postgres_was_away_for_six(
    installation: Installation, own_postgres: EmbeddedPostgres
) -> None:
    conninfo = own_postgres.start()
    (installation.file.parent / "secrets" / "database_url").write_text(conninfo)
    bot = await installation.start()
    turn = await installation.ana.command(installation.channel, "/ops contacts")
    await turn.reply(timeout=10)

    with psycopg.connect(conninfo) as connection:
        (folder,) = connection.execute("show data_directory").fetchone() or ("",)
    _control(folder, "stop", "-m", "immediate")
    await asyncio.sleep(6)
    away, alive = (await bot.get("/readyz"))[0], (await bot.get("/healthz"))[0]
    await asyncio.to_thread(own_postgres.start)
    async with asyncio.timeout(5):
        turn = await installation.ana.command(installation.channel, "/ops contacts")
        said = await turn.reply(timeout=5)
        await until(lambda: _ready(bot))

    assert (away, alive) == (503, 200)
    assert "Infrastructure" in said.plain()


async def _ready(bot: Bot) -> bool:
    return (await bot.get("/readyz"))[0] == 200


def _control(folder: str, *arguments: str) -> None:
    """Stop the server as its administrator would."""
    pid = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
    program = Path(f"/proc/{pid}/exe").resolve().with_name("pg_ctl")
    argv = (str(program), *arguments, "-D", folder)
    other = Path(folder).stat().st_uid != os.geteuid()  # as root the server runs as a user of its own
    prefix = ("runuser", "-u", Path(folder).owner(), "--") if other else ()
    done = subprocess.run((*prefix, *argv), check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr + done.stdout
