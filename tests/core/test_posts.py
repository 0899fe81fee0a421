"""What is posted once though two replicas are at it."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.core import posts
from bot.core.errors import IntegrationError
from bot.core.ports import MessageRef
from bot.core.posts import post_once
from bot.core.results import Result, Text
from tests.conftest import SetClock
from tests.fakes import FakeChat


class Paused(FakeChat):
    """Another replica posts the same while this one sleeps between its look and its post."""

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        await FakeChat.post(self, channel, result, key=key, thread=thread)
        return await FakeChat.post(self, channel, result, key=key, thread=thread)


async def test_a_replica_that_slept_before_its_post_takes_it_back(
    clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "_SLOW", 0.0)
    chat = Paused()

    message = await post_once("C1", Text(("An update.",)), key="k", since=clock(), chat=chat)

    assert list(chat.messages) == [message]


async def test_of_two_that_slept_the_same_message_stays(clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "_SLOW", 0.0)

    class Raced(Paused):
        async def delete(self, message: MessageRef) -> None:
            await FakeChat.delete(self, message)
            raise IntegrationError("The other one deleted it.", hint="message_not_found")

    chat = Raced()

    message = await post_once("C1", Text(("An update.",)), key="k", since=clock(), chat=chat)

    assert list(chat.messages) == [message]


async def test_what_stands_there_is_not_posted_again(clock: SetClock) -> None:
    chat, since = FakeChat(), clock()

    first = await _post(chat, since)

    assert await _post(chat, since) == first
    assert len(chat.messages) == 1


async def _post(chat: FakeChat, since: datetime) -> MessageRef:
    return await post_once("C1", Text(("An update.",)), key="k", since=since, chat=chat)
