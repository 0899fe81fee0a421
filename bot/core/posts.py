"""Posting what may be asked for twice: a job that was interrupted, or two replicas."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.ports import Chat, MessageRef
from bot.core.results import Result

_CLOCKS_APART = timedelta(minutes=1)
"""How far Slack's clock, which dates messages, may be behind ours."""

_SLOW = 2.0
"""Seconds; a replica that is not heard of for three will find that another one did its work meanwhile."""


async def post_once(
    channel: str,
    result: Result,
    *,
    key: str,
    since: datetime,
    chat: Chat,
    is_first: Callable[[], Awaitable[bool]] | None = None,
) -> MessageRef:
    """Post with `key`, unless that stands there since a moment; where Slack does not let us look, post all the same.

    Whoever is told that they are the first (`is_first`) need not look before.

    A second one, of two replicas that looked at the same time or of one that was paused between look and post, is taken
    back. `OutcomeUnknown` when it is not known whether it stands there now: ask again.
    """
    began, since = time.monotonic(), since - _CLOCKS_APART
    if (is_first is None or not await is_first()) and (there := await _there(channel, key, since, chat)):
        return there[0]
    return await post_alone(channel, result, key=key, since=since, chat=chat, began=began)


async def post_alone(
    channel: str, result: Result, *, key: str, since: datetime, chat: Chat, began: float
) -> MessageRef:
    """Post what did not stand there when it was looked for, at or after `began` on the monotonic clock.

    Of what others posted meanwhile and this the first one stays. Where Slack does not say in time whether there is any,
    that is told only where `began` is so long ago that there may well be.
    """
    posted = await chat.post(channel, result, key=key)
    try:
        there = await _there(posted.channel, key, since, chat)
    except OutcomeUnknown:
        if time.monotonic() - began < _SLOW:
            return posted
        raise
    first, *others = sorted({posted, *there}, key=lambda message: message.ts)  # two who look keep the same one
    for other in others:
        await _delete(other, chat)
    return first


async def take_back(channel: str, *, key: str, since: datetime, instead: Result, chat: Chat) -> None:
    """Delete what was posted with `key` since a moment, or have it say `instead` where Slack does not delete it.

    `IntegrationError` when Slack does neither, or does not let us look.
    """
    for copy in await chat.copies(channel, key, since=since - _CLOCKS_APART):
        try:
            await _delete(copy.message, chat)
        except OutcomeUnknown:
            raise
        except IntegrationError:
            await chat.update(copy.message, instead)


async def _delete(message: MessageRef, chat: Chat) -> None:
    try:
        await chat.delete(message)
    except OutcomeUnknown:
        raise
    except IntegrationError as error:
        if error.hint != "message_not_found":
            raise


async def _there(channel: str, key: str, since: datetime, chat: Chat) -> tuple[MessageRef, ...]:
    """What was posted with the key, oldest first; nothing where Slack does not let us look, as in direct messages."""
    try:
        return tuple(copy.message for copy in await chat.copies(channel, key, since=since))
    except OutcomeUnknown:
        raise
    except IntegrationError:
        return ()
