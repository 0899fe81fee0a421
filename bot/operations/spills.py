"""Live secrets that somebody wrote into Slack: marked as burnt once, and those told who can do something about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import structlog
from pydantic import JsonValue

from bot.core.clock import Clock
from bot.core.credentials import Credential, Credentials
from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet, Service
from bot.core.parts import Button, State, Style
from bot.core.ports import Chat, MessageRef
from bot.core.prose import Channel, Code, Inline, Line, Link, Person
from bot.core.records import Pending, Store
from bot.core.redact import Redactor
from bot.core.results import Text
from bot.operations.break_glass import Commanders
from bot.operations.credentials import burn
from bot.operations.showing import Showing
from bot.operations.trail import Trail

TELL = "spill.tell"
OWN = "opsbot"
_GONE = frozenset({"message_not_found", "thread_not_found"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret stands: `ts` is empty for a command, which nobody but its author sees; `user` is for an app."""

    channel: str
    user: str
    ts: str = ""


class Spills:
    """`redactor` knows every value in memory; which key it is of is asked of its service, and told by name only.

    `own` are the bot's own secrets by name.
    """

    def __init__(
        self,
        *,
        redactor: Redactor,
        own: Mapping[str, str],
        fleet: Fleet,
        store: Store,
        chat: Chat,
        clock: Clock,
        trail: Trail,
        commanders: Commanders,
    ) -> None:
        self._redactor = redactor
        self._own = {name: Redactor([value]) for name, value in own.items()}
        self._fleet = fleet
        self._store = store
        self._chat = chat
        self._clock = clock
        self._trail = trail
        self._commanders = commanders
        self._showing = Showing(store=store, chat=chat)

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {TELL: self.tell}

    def holds(self, text: str) -> bool:
        """Whether a live value stands in a text."""
        return self._redactor.holds(text)

    async def found(self, text: str, place: Place) -> tuple[str, ...]:
        """Mark what stands in `text` as burnt and have it told, once for a place; the names of the keys.

        It is durable when this returns. A value that is no key's any more has no name.
        """
        services = [(service, each) for service in self._fleet.services for each in await _spilled(service, text)]
        own = [name for name, redactor in self._own.items() if redactor.holds(text)]
        names = (
            *(f"{each.key} of {service.name}" for service, each in services),
            *(f"{each} of {OWN}" for each in own),
        )
        now = self._clock()
        spill = uuid4().hex
        async with self._store.transaction() as tx:
            where = f"{place.channel}:{place.ts}" if place.ts else spill
            if not await tx.claims.claim(f"spill:{where}:{','.join(names)}", at=now):
                return names
            buttons: list[JsonValue] = []
            for service, each in services:
                await burn(tx, service.name, each, now=now, channel=place.channel, user=place.user)
                row = Pending(
                    uuid4().hex,
                    "rotation",
                    place.user,
                    place.channel,
                    {"service": service.name, "key": each.key},
                    now,
                )
                await tx.pending.put(row)
                buttons.append([each.key, row.id])
            data: dict[str, JsonValue] = {"keys": list(names), "channel": place.channel, "ts": place.ts}
            await self._trail.add(tx, "spill", actor=place.user, data=data)
            await tx.jobs.defer(
                TELL,
                args={
                    "spill": spill,
                    "at": now.isoformat(),
                    "channel": place.channel,
                    "user": place.user,
                    "ts": place.ts,
                    "names": list(names),
                    "buttons": buttons,
                },
            )
        return names

    async def tell(
        self,
        *,
        spill: str,
        at: str,
        channel: str,
        user: str,
        ts: str,
        names: Sequence[str],
        buttons: Sequence[tuple[str, str]],
    ) -> None:
        """Delete the message where Slack lets us, and tell the commanders and its author; repeated when it fails."""
        fate: Line = "It was typed as a command, which was not run."
        if ts:
            fate = await self._delete(MessageRef(channel, ts))
        rotate = tuple(Button(f"Rotate {key}", "rotation.open", row, Style.DANGER) for key, row in buttons)
        lines: tuple[Line, ...] = (
            (Person(user) if user else "An app", " wrote ", *_keys(names), " into ", Channel(channel), "."),
            fate,
        )
        notice = Text(lines, title="A live secret in Slack", state=State.FAIL, buttons=rotate)
        for whom in await self._commanders():
            key, since = f"spill:{spill}:{whom}", datetime.fromisoformat(at)
            await self._showing.post_once(await self._chat.direct(whom), notice, key=key, since=since)
        if ts and user:
            await self._chat.whisper(channel, user, Text(_to_author(names, fate), state=State.FAIL, buttons=rotate))

    async def _delete(self, message: MessageRef) -> Line:
        try:
            await self._chat.delete(message)
        except IntegrationError as error:
            if error.hint in _GONE:
                return "The message is gone."
            why = f" could not be deleted by me ({error.hint or error}): its author can, or an admin of Slack."
            return (*await self._link(message), why)
        return "I have deleted the message."

    async def _link(self, message: MessageRef) -> tuple[Inline, ...]:
        try:
            return (Link(await self._chat.permalink(message), "The message"),)
        except IntegrationError as error:
            log.info("no permalink", channel=message.channel, ts=message.ts, reason=str(error))
            return ("The message",)


async def _spilled(service: Service, text: str) -> tuple[Credential, ...]:
    if Credentials not in service.ports:
        return ()
    try:
        return await service.port(Credentials).spilled(text)
    except IntegrationError as error:
        log.warning("a key that was seen in Slack has no name", reason=str(error))
        return ()


def _keys(names: Sequence[str]) -> tuple[Inline, ...]:
    if not names:
        return ("a value that was a secret until lately, or is one still",)
    return ("the live value of ", *(part for name in names for part in (Code(name), ", ")))[:-1]


def _to_author(names: Sequence[str], fate: Line) -> tuple[Line, ...]:
    return (
        ("Your message holds ", *_keys(names), "."),
        fate,
        "Others may have read it: it counts as burnt until there is another one. A key is never sent through Slack.",
    )
