"""Conversations for tests, written as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.incidents.conversation import Acted, Conversation, Person, Said

DAY = datetime(2026, 3, 2, tzinfo=UTC)
BOTS = frozenset({"alerts", "deploys", "robot"})


def said(clock: str, name: str, text: str, **more: object) -> Said:
    """A message at `14:05` or `14:05:30` of one day; who is in `BOTS` is a bot. `thread` is the clock of its root."""
    at = moment(clock)
    thread = more.pop("thread", "")
    message = Said(
        ts=key(clock),
        at=at,
        user="" if name in BOTS else f"U{name.upper()}",
        name=name,
        text=text,
        bot=name in BOTS,
        thread_ts=key(str(thread)) if thread else "",
    )
    return replace(message, **more)  # type: ignore[arg-type]  # a test names fields of Said


def acted(clock: str, name: str, kind: str, text: str, *, message: str = "") -> Acted:
    """What the bot recorded; `message` is the ts of the one that tells the same."""
    return Acted(f"{kind}:{clock}", moment(clock), f"U{name.upper()}", name, kind, text, message)


def talk(*parts: Said | Acted, **more: object) -> Conversation:
    """A conversation of these."""
    people = {part.user: Person(part.name, "UTC") for part in parts if part.user}
    known = Conversation(
        said=tuple(part for part in parts if isinstance(part, Said)),
        acted=tuple(part for part in parts if isinstance(part, Acted)),
        people=people,
    )
    return replace(known, **more)  # type: ignore[arg-type]  # a test names fields of Conversation


def moment(clock: str) -> datetime:
    """`14:05`, `14:05:30`, or `+1 14:05` for the day after."""
    day, _, rest = clock.rpartition(" ")
    hours, minutes, *seconds = (int(part) for part in rest.split(":"))
    return DAY + timedelta(days=int(day or 0), hours=hours, minutes=minutes, seconds=sum(seconds))


def key(clock: str) -> str:
    """The ts of what was said then."""
    return f"{moment(clock).timestamp():.6f}"
