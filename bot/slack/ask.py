"""What somebody asks of the bot, whichever way it came in, and where the answer goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an answer goes: to `url`, a response_url, else to the channel, else as a direct message."""

    user_id: str
    channel: str = ""
    thread: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Words for a command; `key` is the same for every copy that Slack sends. `trigger_id` can open a modal.

    `ts` is that of the message in which they were written, empty for what is no message.
    """

    slash: str
    text: str
    user_id: str
    team_id: str
    key: str
    reply: Reply
    trigger_id: str = ""
    ts: str = ""
