"""Conversations for tests, written as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.incidents.chosen import Chosen
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


CASES = Path(__file__).parent / "cases"
_LINE = re.compile(
    r"(?P<entry>\S) (?P<clock>[\d:]+) (?P<name>\w+)(?P<bot>\[bot\])?(?: > (?P<thread>[\d:]+))?: (?P<text>.*)"
)


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation of `cases` with what a person would keep: each entry with the keys that it may rest on."""

    conversation: Conversation
    entries: dict[str, set[str]]
    moments: dict[str, datetime]


def read_case(name: str) -> Case:
    """A line is the letter of its entry or a dot, the time, the author, and the text; `#` begins a remark."""
    parts: list[Said] = []
    entries: dict[str, set[str]] = {}
    moments: dict[str, datetime] = {}
    for line in (CASES / f"{name}.txt").read_text().splitlines():
        if line.startswith("#"):
            words = line.split()[1:]
            if words[0] == "started":
                moments = {key: moment(clock) for key, clock in zip(words[::2], words[1::2], strict=True)}
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        bot = bool(match["bot"])
        who = "" if bot else f"U{match['name'].upper()}"
        thread = match["thread"] or ""
        parts.append(said(match["clock"], match["name"], match["text"], thread=thread, bot=bot, user=who))
        if match["entry"] != ".":
            entries.setdefault(match["entry"], set()).add(key(match["clock"]))
    return Case(talk(*parts), entries, moments)


def found(case: Case, chosen: Iterable[Chosen]) -> tuple[float, float]:
    """Precision and recall of what was chosen, each human entry counted once."""
    left = dict(case.entries)
    sources = [set(entry.source) for entry in chosen]
    for source in sources:
        hit = next((letter for letter, keys in left.items() if keys & source), None)
        left.pop(hit or "", None)
    hits = len(case.entries) - len(left)
    return hits / len(sources), hits / len(case.entries)
