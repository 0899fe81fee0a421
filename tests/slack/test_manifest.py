from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot.core.command import Args, Command, Context, Root
from bot.core.errors import UsageError
from bot.core.registry import Registry
from bot.core.results import Result, Text
from bot.demo.workspace import Workspace
from bot.slack.client import granted_scopes
from bot.slack.manifest import EVENTS, SCOPES, as_json, as_yaml, manifest, missing_scopes
from tests.fixtures_slack import COMMANDS, SHORTCUTS, SlackBot

SCHEMA = Path(__file__).resolve().parents[2].parent / "shared/slack/manifest.schema.2.0.0.json"


@pytest.mark.parametrize("request_url", ["", "https://ops.example.com/slack/events"], ids=["socket mode", "http"])
@pytest.mark.skipif(not SCHEMA.exists(), reason="Slack's manifest schema is not part of the project")
def test_the_manifest_is_valid(request_url: str) -> None:
    made = manifest(Registry(COMMANDS), request_url=request_url)

    jsonschema.validate(made, json.loads(SCHEMA.read_text()))


def test_the_prefix_and_the_incident_root_name_the_commands() -> None:
    async def open_incident(ctx: Context, args: Args) -> Result:
        """Open an incident."""
        return Text(())

    incident = Command(("open",), Args, run=open_incident, root=Root.INCIDENT)
    made = manifest(Registry([*COMMANDS, incident], prefix="gw", incident_root="inc"))

    assert [command["command"] for command in made["features"]["slash_commands"]] == ["/gw", "/inc", "/gw-ping"]
    assert all(command["should_escape"] for command in made["features"]["slash_commands"])


@pytest.mark.parametrize("prefix", ["status", "p" * 32], ids=["reserved", "too long"])
def test_a_name_that_slack_refuses_is_refused_here(prefix: str) -> None:
    with pytest.raises(UsageError):
        manifest(Registry(COMMANDS, prefix=prefix))


def test_more_commands_than_slack_takes_are_refused() -> None:
    async def nothing(ctx: Context, args: Args) -> Result:
        """Do nothing."""
        return Text(())

    many = [Command((f"word{number}",), Args, run=nothing, direct=True) for number in range(50)]

    with pytest.raises(UsageError, match="Slack takes 50"):
        manifest(Registry(many))


def test_both_forms_say_the_same() -> None:
    made = manifest(Registry(COMMANDS))

    assert json.loads(as_json(made)) == yaml.safe_load(as_yaml(made)) == made


def test_http_and_socket_mode_exclude_each_other() -> None:
    over_http = manifest(Registry(COMMANDS), request_url="https://ops.example.com/slack/events")
    over_socket = manifest(Registry(COMMANDS))

    assert not over_http["settings"]["socket_mode_enabled"]
    assert over_http["settings"]["event_subscriptions"]["request_url"] == "https://ops.example.com/slack/events"
    assert over_socket["settings"]["socket_mode_enabled"]
    assert "request_url" not in over_socket["settings"]["interactivity"]


def test_shortcuts_are_in_the_menu_of_messages_under_their_titles() -> None:
    made = manifest(Registry(COMMANDS, shortcuts=SHORTCUTS))

    assert made["features"]["shortcuts"][0] == {
        "name": "Quote",
        "type": "message",
        "callback_id": "quote",
        "description": "Say which message this is. Nobody needs that.",
    }


def test_a_title_that_slack_refuses_is_refused_here() -> None:
    with pytest.raises(UsageError, match="longer than 24"):
        manifest(Registry(COMMANDS, shortcuts=[replace(SHORTCUTS[0], title="Q" * 25)]))


def test_more_shortcuts_than_slack_takes_are_refused() -> None:
    many = [replace(SHORTCUTS[0], verb=f"quote.{number}") for number in range(6)]

    with pytest.raises(UsageError, match="Slack takes 5"):
        manifest(Registry(COMMANDS, shortcuts=many))


async def test_scopes_that_were_not_granted_are_told_with_their_reason(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    workspace.scopes -= {"pins:write"}

    missing = missing_scopes(await granted_scopes(slack_bot.link.client))

    assert missing == {"pins:write": SCOPES["pins:write"]}


async def test_the_bot_needs_no_scope_and_no_event_beyond_the_manifest(workspace: Workspace, bot: SlackBot) -> None:
    workspace.scopes.intersection_update(SCOPES)
    workspace.subscriptions = set(EVENTS)
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    reply = await (await ana.command(ops, "/ops ping")).reply()
    await ana.say(ops, f"{workspace.bot.mention} shout hello")

    assert reply.plain() == "pong"
    assert (await ana.wait_for(ops, lambda seen: seen.plain() == "hello")).user == workspace.bot_user_id
