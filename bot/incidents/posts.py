"""Posting what may be asked for twice: a job that was interrupted, or two replicas."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.ports import Chat, MessageRef
from bot.core.results import Result

_CLOCKS_APART = timedelta(minutes=1)
"""How far Slack's clock, which dates messages, may be behind ours."""


async def post_once(channel: str, result: Result, *, key: str, since: datetime, chat: Chat) -> MessageRef:
    """Post with `key`, unless that stands there since a moment; where Slack does not let us look, post all the same.

    `OutcomeUnknown` when it is not known whether it stands there now: ask again.
    """
    try:
        found = await chat.find(channel, key, since=since - _CLOCKS_APART)
    except OutcomeUnknown:
        raise
    except IntegrationError:  # direct messages cannot be read with the scopes that the bot asks for
        found = None
    return found or await chat.post(channel, result, key=key)
