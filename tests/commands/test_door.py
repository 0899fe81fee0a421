"""The everyday actions as they are typed in Slack: the whole bot between the local Slack and a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bot.app import run
from bot.core.redact import Redactor
from bot.demo.workspace import Person, Seen, Workspace
from bot.demo.workspace.records import Channel
from bot.settings import integrations, load
from tests.fixtures_gateway import Live

PATIENCE = 60.0  # seconds for a change; far more than it takes on a machine that has nothing else to do


@dataclass(frozen=True, slots=True)
class Room:
    """A channel with somebody on call, a commander and a viewer in it."""

    live: Live
    channel: Channel
    ana: Person
    ben: Person
    eve: Person

    async def read(self, who: Person, line: str) -> Seen:
        """What the bot answers to a line."""
        turn = await who.command(self.channel, line)
        assert turn.error is None
        return await turn.reply(timeout=PATIENCE)

    async def customer(self) -> int:
        """The status that a customer who pays is given."""
        order = {"amount": 12.5, "currency": "USDC", "customer": "buyer@example.net"}
        return (await self.live.demo.http("/api/payments", method="POST", payload=order))[0]


@pytest.fixture
async def room(workspace: Workspace, live: Live, database: str, tmp_path: Path) -> AsyncIterator[Room]:
    """The bot as an operator configures it."""
    ana, ben, eve = (workspace.person(name) for name in ("ana", "ben", "eve"))
    channel = workspace.channel("payments-ops", members=[ana, ben, eve])
    demo = live.demo
    manager = {"command": list(demo.pm2), "pm2_home": str(demo.pm2_home), "home": str(demo.home)}
    service = {
        "process_manager": {"app": demo.name, "path": demo.node_path, **manager},
        "env_file": {"path": str(demo.env_file)},
        "gateway": {"url": demo.url},
    }
    people = {"default_role": "viewer", "users": {ana.id: "responder", ben.id: "commander"}}
    settings = {
        "data_dir": str(tmp_path / "bot"),
        "slack": {"api_url": workspace.api_url},
        "web": {"port": 0},
        "people": people,
        "contacts": [{"role": "Primary On-Call", "contact": "your-email@domain.com", "when": "First"}],
        "services": {demo.name: service},
    }
    file, secrets = tmp_path / "opsbot.yaml", tmp_path / "secrets"
    file.write_text(yaml.safe_dump(settings))
    secrets.mkdir(mode=0o700)
    for name, value in (
        ("slack__bot_token", workspace.bot_token),
        ("slack__app_token", workspace.app_token),
        ("database_url", database),
    ):
        (secrets / name).write_text(value)
    known = integrations()
    loaded = load(file, known=known, secrets=secrets)
    async with run(loaded, known=known, redactor=Redactor(loaded.secrets())):
        yield Room(live, channel, ana, ben, eve)


@pytest.mark.row("F5", "G1", "G4", "G6", "G7")
async def test_maintenance_is_typed_confirmed_seen_from_outside_and_undone(room: Room) -> None:
    plan = await room.read(room.ana, "/ops maintenance on 45m provider is down")
    assert "absent becomes true on a new line" in plan.plain().replace("`", "")

    await room.ana.click(plan, "Confirm and run")
    ended = await room.ben.wait_for(room.channel, "a customer's request is turned away", timeout=PATIENCE)

    assert "done" in ended.plain()
    assert await room.customer() == 503
    assert "provider is down" in (await room.read(room.eve, "/ops active")).plain()
    assert "held by operations" in (await room.read(room.eve, "/ops-status")).plain()

    await room.read(room.ana, "/ops undo")
    end = await room.ana.wait_for(room.channel, "Turn maintenance off", timeout=PATIENCE)
    await room.ana.click(end, "Confirm and run")
    await room.ben.wait_for(room.channel, "a customer's request is let in", timeout=PATIENCE)

    assert await room.customer() == 201
    assert "Everything is as it normally is" in (await room.read(room.eve, "/ops active")).plain()


@pytest.mark.row("I1")
async def test_who_may_not_change_anything_changes_nothing(room: Room) -> None:
    before = room.live.demo.env_file.read_bytes()

    denied = await room.read(room.eve, "/ops maintenance on 30m because")
    risky = await room.read(room.ana, "/ops maintenance on --owner security break-in")
    card = await room.ana.wait_for(room.channel, "Approve and run", timeout=PATIENCE)
    turn = await room.ana.click(card, "Approve and run")

    assert "responder" in denied.plain()
    assert "a commander other than you can approve it" in risky.plain()
    assert "commander" in (await turn.reply()).plain()
    assert room.live.demo.env_file.read_bytes() == before


def append(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text)


@pytest.mark.row("E4", "E5", "F2")
async def test_logs_are_for_the_one_who_asked_and_hold_no_secret_and_ping_nobody(room: Room) -> None:
    demo = room.live.demo
    key = next(
        line.partition("=")[2]
        for line in demo.env_file.read_text().splitlines()
        if line.startswith("CROSSMINT_API_KEY=")
    )
    files = await room.live.processes.log_files()
    said = f"ERROR refused {key} <!channel> `x` \x1b[31m4111 1111 1111 1111\x1b[0m"
    append(next(file.path for file in files if file.errors), f"{datetime.now(UTC).isoformat()} {said}\n")

    reply = await room.read(room.ana, "/ops-logs 20 --err --grep refused")
    denied = await room.read(room.eve, "/ops logs")

    assert reply.ephemeral
    assert "ERROR refused" in reply.plain()
    assert key not in str(reply)
    assert "4111 1111 1111 1111" not in str(reply)
    assert "\x1b" not in str(reply)
    assert "responder" in denied.plain()


@pytest.mark.row("A1", "S", "G7")
async def test_reads_are_answered_to_everybody_in_the_team(room: Room) -> None:
    for line, answer in (
        ("/ops status", "2 of 2 workers answer"),
        ("/ops health", "dependencies"),
        ("/ops contacts", "placeholder"),
        ("/ops maintenance show", "worker 0: off"),
        ("/ops undo", "needs the role responder"),
    ):
        assert answer in (await room.read(room.eve, line)).plain()
