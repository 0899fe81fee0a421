"""What is told once: a message in a channel, and a mail to people outside."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bot.core.clock import now
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.mail import Letter, Mail, Queued, Scrub
from bot.core.plan import Attempt, Json, Observation, Step, Verdict
from bot.core.ports import Chat
from bot.core.posts import post_once
from bot.core.prose import Line, When
from bot.core.records import Store
from bot.core.results import Text

_KEPT = timedelta(days=3650)
_BEGUN = "begun"
_OUTCOME = TypeAdapter(Queued)


class Post(BaseModel):
    """A message for a channel. `key` is looked for before it is posted, so that it stands there once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    channel: str
    subject: str
    body: str
    start: datetime
    ends: datetime


class Send(BaseModel):
    """A mail to a list of recipients. What becomes of it is written down under `key`; it is never sent twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    recipients: str
    subject: str
    body: str


async def remember_moment(_: Post) -> Json:
    """From when on a message of ours can be in the channel; by the real clock, as the times of messages are."""
    return {"since": (now() - timedelta(minutes=5)).isoformat()}


async def post(attempt: Attempt[Post], *, chat: Chat) -> str:
    """Post it, unless it stands there already."""
    wanted = attempt.params
    span: Line = ("In your time: ", When(wanted.start, date=True), " to ", When(wanted.ends, date=True))
    text = Text((*(line for line in wanted.body.splitlines() if line), span), title=wanted.subject)
    await post_once(wanted.channel, text, key=wanted.key, since=_since(attempt), chat=chat)
    return "posted it"


async def see_posted(attempt: Attempt[Post], *, chat: Chat) -> Observation:
    """It stands in the channel."""
    found = await chat.find(attempt.params.channel, attempt.params.key, since=_since(attempt))
    return Observation(*((Verdict.DONE, "It is in the channel.") if found else (Verdict.NOT_DONE, "It is not there.")))


async def send(attempt: Attempt[Send], *, mail: Mail, store: Store, scrub: Scrub) -> str:
    """Hand it to the mail server, once: one that may have been handed over before is not sent again."""
    wanted = attempt.params
    if await _written(wanted, store):
        return "it was handed over before"
    await _write(wanted, store, _BEGUN)
    letter = Letter(wanted.key, scrub.redact(wanted.subject), scrub.redact(wanted.body), now())
    try:
        queued = await mail.send(letter, to=wanted.recipients)
    except OutcomeUnknown:
        raise
    except IntegrationError:
        await _write(wanted, store, None)  # nothing was taken: it may be tried again
        raise
    await _write(wanted, store, _OUTCOME.dump_python(queued, mode="json"))
    return f"the mail server said: {queued.said}"


async def see_sent(attempt: Attempt[Send], *, mail: Mail, store: Store) -> Observation:
    """What the mail server said is all that can be known: queued is not delivered."""
    wanted = attempt.params
    id_ = mail.message_id(wanted.key)
    match await _written(wanted, store):
        case None:
            return Observation(Verdict.NOT_DONE, f"Nothing was handed to the mail server for {wanted.recipients}.")
        case dict() as outcome:
            queued = _OUTCOME.validate_python(outcome)
        case _:
            why = f"Whether the mail server took it is not known; its log tells by {id_}. It is not sent again."
            return Observation(Verdict.UNKNOWN, why)
    seen = f"Queued by the mail server for {_people(queued.recipients)} of {wanted.recipients} as {id_}"
    if queued.refused:
        refused = "; ".join(f"{address} ({reason})" for address, reason in queued.refused.items())
        return Observation(Verdict.UNKNOWN, f"{seen}. Refused: {refused}.")
    return Observation(Verdict.DONE, f"{seen}; whether it is delivered cannot be seen from here.")


async def _written(wanted: Send, store: Store) -> object:
    async with store.transaction() as tx:
        return await tx.remembered.get(_row(wanted), within=_KEPT, now=now())


async def _write(wanted: Send, store: Store, value: object) -> None:
    async with store.transaction() as tx:
        await tx.remembered.put(_row(wanted), value, at=now())  # type: ignore[arg-type]  # JSON, as its adapter made it


def _row(wanted: Send) -> str:
    return f"mail:{wanted.key}"


def _since(attempt: Attempt[Post]) -> datetime:
    return datetime.fromisoformat(str(attempt.before["since"]))


def _people(count: int) -> str:
    return f"{count} {'person' if count == 1 else 'people'}"


POST = Step("notice.post", Post, observe=see_posted, do=post, before=remember_moment, settle=timedelta(seconds=5))
# Interrupted it is left as it is: a second mail to people outside is worse than one that is not known to be sent.
SEND = Step("notice.mail", Send, observe=see_sent, do=send, settle=timedelta(), repeatable=False)
