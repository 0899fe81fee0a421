"""A local Slack that slack_sdk and Bolt talk to unchanged, as strict as Slack where bots break."""

from bot.demo.workspace.interactions import Turn
from bot.demo.workspace.person import Person
from bot.demo.workspace.records import Channel
from bot.demo.workspace.seen import Seen, SeenView
from bot.demo.workspace.web import Call
from bot.demo.workspace.workspace import Workspace

__all__ = ["Call", "Channel", "Person", "Seen", "SeenView", "Turn", "Workspace"]
