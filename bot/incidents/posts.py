"""Posting what may be asked for twice: a job that was interrupted, or two replicas."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.ports import Chat, MessageRef
from bot.core.results import Result

_CLOCKS_APART = timedelta(minutes=1)
"""How far Slack's clock, which dates messages, may be behind ours."""

_SLOW = 2.0
"""Seconds; a replica that is not heard of for three may find that another one did its work meanwhile."""


async def post_once(channel: str, result: Result, *, key: str, since: datetime, chat: Chat) -> MessageRef:
    """Post with `key`, unless that stands there since a moment; where Slack does not let us look, post all the same.

    One that comes late, from a replica that was paused between its look and its post, is taken back when another stands
    there. `OutcomeUnknown` when it is not known whether it stands there now: ask again.
    """
    began, since = time.monotonic(), since - _CLOCKS_APART
    try:
        found = await chat.find(channel, key, since=since)
    except OutcomeUnknown:
        raise
    except IntegrationError:  # direct messages cannot be read with the scopes that the bot asks for
        return await chat.post(channel, result, key=key)
    if found:
        return found
    posted = await chat.post(channel, result, key=key)
    if time.monotonic() - began < _SLOW:
        return posted
    twin = await chat.twin(posted, key, since=since)
    if twin is None:
        return posted
    first, second = sorted((posted, twin), key=lambda message: message.ts)  # so that two who look keep the same one
    try:
        await chat.delete(second)
    except OutcomeUnknown:
        raise
    except IntegrationError as error:
        if error.hint != "message_not_found":
            raise
    return first
