"""The Slack app's manifest, made from the registry: commands, scopes, events, interactivity, App Home."""

from __future__ import annotations

import json
from typing import Any

import yaml

from bot.core.command import Shortcut
from bot.core.errors import UsageError
from bot.core.registry import Registry, Slash

SCOPES = {
    "app_mentions:read": "To be asked by @name, which works in threads, where slash commands do not.",
    "bookmarks:write": "To keep an incident's summary and the runbook at the top of its channel.",
    "canvases:write": "To keep an incident's final report as a canvas of its channel.",
    "channels:history": "To record the conversation of an incident in a public channel.",
    "channels:manage": "To create an incident's channel, set its topic and invite people.",
    "channels:read": "To hear when the bot is let into an incident's public channel, and to read what it missed there.",
    "chat:write": "To answer, and to post digests, plans and progress.",
    "commands": "To offer slash commands.",
    "files:write": "To share what is too long for a message: logs and reports.",
    "groups:history": "To record the conversation of an incident in a private channel.",
    "groups:read": "To hear when the bot is let into an incident's private channel, and to read what it missed there.",
    "groups:write": "To create and run an incident's private channel.",
    "im:write": "To tell one person what the bot may not show in a channel that it is no member of.",
    "pins:read": "To know what people pinned in an incident's channel: that is in its timeline.",
    "pins:write": "To pin an incident's summary.",
    "reactions:read": "To record reactions in an incident's channel, and to see those that mark its timeline.",
    "usergroups:read": "To give a role to the members of a user group.",
    "users:read": "To tell members from guests, bots and deactivated people, and to know names and time zones.",
}
"""Every scope that the bot asks for, with the reason; it asks for no other."""

EVENTS = (
    *("app_home_opened", "app_mention", "member_joined_channel", "message.channels", "message.groups"),
    *("pin_added", "pin_removed", "reaction_added", "reaction_removed"),
)

_RESERVED = frozenset(
    (  # noqa: SIM905 - a list of words is read best as words
        "active apps archive away call close collapse dm dnd expand feed feedback help huddle invite join kick leave "
        "me msg mute open part people pin prefs pro remind remove rename search shortcuts shrug star status topic "
        "unarchive who"
    ).split()
)
_LONGEST_NAME = 32
_MOST_COMMANDS = 50
_DESCRIPTION = 2000
_HINT = 1000
_MOST_SHORTCUTS = 5
_TITLE = 24
_SHORTCUT_DESCRIPTION = 150


def manifest(registry: Registry, *, name: str = "opsbot", request_url: str = "") -> dict[str, Any]:
    """The manifest as Slack's "create an app" takes it; without `request_url` payloads come over Socket Mode.

    Raises `UsageError` for a command that Slack would refuse, which makes it refuse the whole manifest.
    """
    slashes = registry.slashes()
    _check(slashes)
    shortcuts = [_shortcut(shortcut) for shortcut in registry.shortcuts.values()]
    if len(shortcuts) > _MOST_SHORTCUTS:
        raise UsageError(f"Slack takes {_MOST_SHORTCUTS} shortcuts; these are {len(shortcuts)}.")
    url = {"request_url": request_url} if request_url else {}
    return {
        "_metadata": {"major_version": 2, "minor_version": 0},
        "display_information": {
            "name": name,
            "description": "Run production from Slack: act, watch, record.",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": name, "always_online": True},
            **({"shortcuts": shortcuts} if shortcuts else {}),
            "slash_commands": [_slash_command(slash, request_url) for slash in slashes],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**url, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not request_url,
            "token_rotation_enabled": False,
        },
    }


def as_yaml(manifest: dict[str, Any]) -> str:
    """For the app settings page."""
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


def as_json(manifest: dict[str, Any]) -> str:
    """For the app settings page and the Slack CLI."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def missing_scopes(granted: frozenset[str]) -> dict[str, str]:
    """Scopes that the installed app lacks, with what each is for."""
    return {scope: reason for scope, reason in SCOPES.items() if scope not in granted}


def _slash_command(slash: Slash, url: str) -> dict[str, Any]:
    command: dict[str, Any] = {"command": slash.name}
    if url:
        command["url"] = url
    command["description"] = slash.summary[:_DESCRIPTION]
    if slash.usage_hint:
        command["usage_hint"] = slash.usage_hint[:_HINT]
    return command | {"should_escape": True}


def _shortcut(shortcut: Shortcut) -> dict[str, Any]:
    if len(shortcut.title) > _TITLE:
        raise UsageError(f'The shortcut "{shortcut.title}" is longer than {_TITLE} characters.')
    summary = shortcut.summary[:_SHORTCUT_DESCRIPTION]
    return {"name": shortcut.title, "type": "message", "callback_id": shortcut.verb, "description": summary}


def _check(slashes: tuple[Slash, ...]) -> None:
    for slash in slashes:
        if slash.name.removeprefix("/") in _RESERVED:
            raise UsageError(f"{slash.name} is Slack's own command.", hint="Choose another --prefix.")
        if len(slash.name) > _LONGEST_NAME:
            raise UsageError(
                f"{slash.name} is longer than {_LONGEST_NAME} characters.", hint="Choose a shorter --prefix."
            )
    if len(slashes) > _MOST_COMMANDS:
        raise UsageError(f"Slack takes {_MOST_COMMANDS} slash commands; these are {len(slashes)}.")
