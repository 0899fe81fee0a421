"""Live secrets that people write into Slack: the whole bot between the local Slack and a real environment file."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml
from psycopg.sql import SQL, Identifier

from bot.app import Running, run
from bot.core.redact import Redactor
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.settings import integrations, load
from bot.store.postgres import Postgres
from tests.slack.test_recorder import declare

KEY, VALUE = "CROSSMINT_API_KEY", "sk_demo_c0ffee1234567890abcdef"
PATIENCE = 30.0
TITLE = "A live secret in Slack"


@dataclass(frozen=True, slots=True)
class Room:
    """A channel with somebody on call and a commander in it."""

    workspace: Workspace
    bot: Running
    channel: Channel
    ana: Person
    ben: Person
    env_file: Path

    async def notices(self, *, at_least: int = 1) -> list[str]:
        """What the commander was told directly, once nothing is on its way any more."""
        await self.ben.wait_for(self.ben.dm(), TITLE, timeout=PATIENCE) if at_least else None
        await self.workspace.settled()
        return [seen.plain() for seen in self.ben.sees(self.ben.dm()) if TITLE in seen.plain()]

    async def audit(self, kind: str) -> list[str]:
        """The data of audit rows of one kind."""
        async with self.bot.store.transaction() as tx:
            return [json.dumps(dict(row.data)) for row in await tx.audit.recent(limit=200) if row.kind == kind]

    async def everything_stored(self) -> str:
        """Every row that the bot has, as text."""
        found = []
        async with cast("Postgres", self.bot.store)._pool.connection() as connection:
            tables = await connection.execute("select tablename from pg_tables where schemaname = 'public'")
            for (name,) in await tables.fetchall():
                rows = await connection.execute(SQL("select t::text from {} t").format(Identifier(name)))
                found += [text for (text,) in await rows.fetchall()]
        return "\n".join(found)


@pytest.fixture
async def room(workspace: Workspace, database: str, tmp_path: Path) -> AsyncIterator[Room]:
    """The bot with a service that has an environment file and nothing else."""
    ana, ben = workspace.person("ana"), workspace.person("ben")
    channel = workspace.channel("payments-ops", members=[ana, ben])
    env_file = tmp_path / "gateway.env"
    env_file.touch(mode=0o600)
    env_file.write_text(f"PORT=3000\n{KEY}={VALUE}\n")
    file = tmp_path / "opsbot.yaml"
    settings = {
        "data_dir": str(tmp_path / "bot"),
        "slack": {"api_url": workspace.api_url},
        "web": {"port": 0},
        "people": {"default_role": "viewer", "users": {ana.id: "responder", ben.id: "commander"}},
        "services": {"gateway": {"env_file": {"path": str(env_file)}}},
    }
    file.write_text(yaml.safe_dump(settings))
    own = {"slack__bot_token": workspace.bot_token, "slack__app_token": workspace.app_token, "database_url": database}
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name, value in own.items():
        (tmp_path / "secrets" / name).write_text(value)
    known = integrations()
    loaded = load(file, known=known, secrets=tmp_path / "secrets")
    async with run(loaded, known=known, redactor=Redactor(loaded.secrets())) as bot:
        yield Room(workspace, bot, channel, ana, ben, env_file)


@pytest.mark.row("I3")
async def test_a_live_value_is_told_by_name_to_its_author_and_the_commander_and_burns_the_key(room: Room) -> None:
    await room.ana.say(room.channel, f"it says {VALUE} is wrong?")

    warned = await room.ana.wait_for(room.channel, "Your message holds", timeout=PATIENCE)
    (notice,) = await room.notices()
    turn = await room.ana.command(room.channel, "/ops creds check")
    checked = (await turn.reply(timeout=PATIENCE)).plain()

    assert warned.ephemeral
    assert f"the live value of {KEY} of gateway" in warned.plain().replace("`", "")
    assert "could not be deleted by me (cant_delete_message)" in warned.plain()
    assert KEY in notice
    assert "BURNT" in checked
    for text in (warned.plain(), notice, checked, *await room.audit("spill"), await room.everything_stored()):
        assert VALUE not in text
    assert len(await room.audit("spill")) == 1


@pytest.mark.row("I3")
async def test_the_warning_leads_to_the_rotation(room: Room) -> None:
    await room.ana.say(room.channel, VALUE)
    warned = await room.ana.wait_for(room.channel, "Your message holds", timeout=PATIENCE)

    turn = await room.ana.click(warned, f"Rotate {KEY}")

    assert f"Rotation of {KEY} of gateway" in (await turn.reply(timeout=PATIENCE)).plain()


@pytest.mark.row("I3")
async def test_copies_and_edits_that_keep_the_value_warn_nobody_again(room: Room) -> None:
    room.workspace.faults.redeliver(2, "message")
    said = await room.ana.say(room.channel, f"key {VALUE}")
    await room.ana.wait_for(room.channel, "Your message holds", timeout=PATIENCE)
    await room.ana.edit(said, f"the key: {VALUE}")

    notices = await room.notices()

    assert len(notices) == 1
    assert sum("Your message holds" in seen.plain() for seen in room.ana.sees(room.channel)) == 1


@pytest.mark.row("I3")
@pytest.mark.parametrize("form", ["base64", "in an edit"])
async def test_no_form_and_no_edit_gets_past(room: Room, form: str) -> None:
    if form == "base64":
        await room.ana.say(room.channel, base64.b64encode(f"key:{VALUE}".encode()).decode())
    else:
        await room.ana.edit(await room.ana.say(room.channel, "here it comes"), VALUE)

    assert KEY in (await room.notices())[0]


@pytest.mark.row("I3")
async def test_the_record_of_an_incident_has_the_message_without_the_value(room: Room) -> None:
    await declare(cast("Postgres", room.bot.store), room.channel, room.ana)
    said = await room.ana.say(room.channel, f"tried {VALUE}")
    await room.ana.edit(said, f"tried {VALUE} twice")
    await room.notices()

    async with room.bot.store.transaction() as tx:
        texts = [message.text for message in await tx.messages.of_channel(room.channel.id)]
        (edit,) = await tx.messages.revisions(room.channel.id, said.ts)

    assert texts == ["tried [redacted] twice"]
    assert (edit.old_text, edit.text) == ("tried [redacted]", "tried [redacted] twice")


@pytest.mark.row("I3")
@pytest.mark.parametrize("way", ["slash", "mention"])
async def test_a_command_with_a_live_value_is_not_run_and_not_repeated(room: Room, way: str) -> None:
    if way == "slash":
        turn = await room.ana.command(room.channel, f"/ops incident open high {VALUE} leaked")
        answer = (await turn.reply(timeout=PATIENCE)).plain()
    else:
        await room.ana.say(room.channel, f"<@{room.workspace.bot_user_id}> contacts {VALUE}")
        answer = (await room.ana.wait_for(room.channel, "I did not run it", timeout=PATIENCE)).plain()

    notices = await room.notices()

    assert f"{KEY} of gateway" in answer
    assert "I did not run it" in answer
    assert len(notices) == 1
    async with room.bot.store.transaction() as tx:
        assert await tx.incidents.open() == ()
    assert VALUE not in answer + await room.everything_stored()


@pytest.mark.row("I3")
async def test_the_bots_own_token_is_found_too(room: Room) -> None:
    await room.ana.say(room.channel, f"use {room.workspace.bot_token}")

    (notice,) = await room.notices()

    assert "bot_token of opsbot" in notice
    assert room.workspace.bot_token not in notice


@pytest.mark.row("I3")
async def test_what_another_app_wrote_is_told_to_the_commander_alone(room: Room) -> None:
    robot = room.workspace.person("robot", bot=True)
    await robot.say(room.channel, f"deploy failed with {VALUE}")

    (notice,) = await room.notices()

    assert f"An app wrote the live value of {KEY}" in notice.replace("`", "")


@pytest.mark.row("I3")
async def test_the_bots_own_posts_are_not_looked_at(room: Room) -> None:
    await room.bot.link.client.chat_postMessage(channel=room.channel.id, text=f"raw {VALUE}")
    await room.workspace.settled()

    assert await room.audit("spill") == []


@pytest.mark.row("I3")
@pytest.mark.parametrize("gone", ["replaced", "unreadable"])
async def test_a_value_whose_key_cannot_be_told_is_told_without_a_name(room: Room, gone: str) -> None:
    if gone == "replaced":
        room.env_file.write_text(f"{KEY}=sk_demo_another1234567890abcdef\n")
    else:
        room.env_file.unlink()
    await room.ana.say(room.channel, VALUE)

    (notice,) = await room.notices()

    assert "wrote a value that was a secret until lately" in notice
    assert VALUE not in notice + await room.everything_stored()


@pytest.mark.row("I3")
async def test_a_message_without_a_live_value_is_nobodys_business(room: Room) -> None:
    await room.ana.say(room.channel, f"{VALUE[:-1]} is one letter short")
    await room.workspace.settled()

    assert await room.audit("spill") == []


@pytest.mark.row("I3")
async def test_a_form_with_a_live_value_is_not_run_and_not_repeated(room: Room) -> None:
    await room.ana.command(room.channel, "/incident open")
    form = await room.ana.wait_for_modal()
    await room.ana.submit(form, {"severity": "High", "title": f"{VALUE} leaked"})

    answer = await room.ana.wait_for(room.ana.dm(), "I did not run it", timeout=PATIENCE)
    await room.notices()

    async with room.bot.store.transaction() as tx:
        assert await tx.incidents.open() == ()
    assert VALUE not in answer.plain() + await room.everything_stored()
