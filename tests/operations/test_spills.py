from __future__ import annotations

from collections.abc import Collection

import pytest

from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet
from bot.core.ports import MessageRef
from bot.core.records import Store
from bot.core.redact import Redactor
from bot.core.results import Text
from bot.operations.spills import Place, Spills
from bot.operations.trail import Trail
from bot.views import render
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat

TOKEN = "tok-0123456789abcdef"
AT = MessageRef("C0OPS", "1700000000.000001")


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat(messages={})


@pytest.fixture
def spills(store: Store, chat: FakeChat, clock: SetClock) -> Spills:
    async def commanders() -> Collection[str]:
        return ("U0CHIEF",)

    return Spills(
        redactor=Redactor([TOKEN]),
        own={"bot_token": TOKEN},
        fleet=Fleet(()),
        store=store,
        chat=chat,
        clock=clock,
        trail=Trail(clock=clock, redact=str),
        commanders=commanders,
    )


async def told(spills: Spills, deferred: Deferred) -> None:
    (job,) = deferred.jobs
    await spills.handlers[job.task](**job.args)


def whispered(chat: FakeChat) -> str:
    ((_, _, result),) = chat.whispers
    assert isinstance(result, Text)
    return render(result).text


@pytest.mark.row("I3")
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("", "I have deleted the message."),
        ("message_not_found", "The message is gone."),
        ("cant_delete_message", "could not be deleted by me (cant_delete_message)"),
    ],
)
async def test_the_message_is_deleted_where_slack_lets_us_and_else_its_author_is_asked_to(
    spills: Spills, chat: FakeChat, deferred: Deferred, refusal: str, words: str
) -> None:
    chat.refuses |= {"delete": refusal} if refusal else {}
    await spills.found(f"it is {TOKEN}", Place(AT.channel, "U0ANA", AT.ts))

    await told(spills, deferred)

    assert words in whispered(chat)
    assert "bot_token of opsbot" in whispered(chat)


@pytest.mark.row("I3")
async def test_a_commander_who_was_told_is_not_told_again_when_the_author_could_not_be(
    spills: Spills, chat: FakeChat, deferred: Deferred
) -> None:
    await spills.found(TOKEN, Place(AT.channel, "U0ANA", AT.ts))
    chat.refuses["whisper"] = "ratelimited"
    with pytest.raises(IntegrationError):
        await told(spills, deferred)
    del chat.refuses["whisper"]

    await told(spills, deferred)

    assert len(chat.messages) == 1
    assert "A live secret" in render(next(iter(chat.messages.values())).result).text
    assert whispered(chat)
