"""The App Home: what the bot does, what is open, what the reader may do."""

from __future__ import annotations

from slack_sdk.models.blocks import Block

from bot.core.mrkdwn import bold, code, escape, mrkdwn
from bot.core.results import Home
from bot.views.fit import message, surface
from bot.views.parts import actions, header, packed, small
from bot.views.payload import Json, Payload

_NONE_OPEN = "No incident is open."


def home(result: Home) -> Json:
    """The Home tab as Slack's `views.publish` takes it."""
    return {"type": "home", "blocks": surface(_blocks(result))}


def in_message(result: Home) -> Payload:
    """The same as a message."""
    return message([f"What {escape(result.root)} can do for you", *_lines(result)], _blocks(result))


def _blocks(result: Home) -> list[Block]:
    incidents = [f"• {mrkdwn(line)}" for line in result.incidents]
    return [
        *header("Operations"),
        *packed([_about(result)]),
        *packed([bold("Right now"), *(mrkdwn(line) for line in result.status)] if result.status else []),
        *packed([bold("Open incidents"), *incidents] if incidents else [_NONE_OPEN]),
        *packed([bold("Your action items"), *(f"• {mrkdwn(line)}" for line in result.tasks)] if result.tasks else []),
        *actions(result.buttons),
        *small([_role(result)]),
    ]


def _lines(result: Home) -> list[str]:
    incidents = [f"Open incident: {mrkdwn(line)}" for line in result.incidents]
    tasks = [f"Your action item: {mrkdwn(line)}" for line in result.tasks]
    status = [mrkdwn(line) for line in result.status]
    return [_about(result), *status, *(incidents or [_NONE_OPEN]), *tasks, _role(result)]


def _about(result: Home) -> str:
    return (
        "I run the actions of the runbook, report on health, and record incidents. "
        f"Type {code(f'{result.root} help')} for what there is."
    )


def _role(result: Home) -> str:
    return f"Your role: {escape(result.role)}"
