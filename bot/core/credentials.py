"""What may be told of a credential: never its value, nor a part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

SHORTEST = 8
"""Characters below which a value is a word of other texts too, and is taken out beside its own name only."""

_PLACEHOLDER = re.compile(
    r"(?:change.?me|your[-_ ]|x{4,}|<|\$\{?[A-Z]|place.?holder|example|to.?do\b|dummy|insert[-_ ]|\.\.\.).*"
    r"|secret|password|test|none|null",
    re.IGNORECASE | re.DOTALL,
)
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True)
class Credential:
    """One key of an environment file. `length` is in characters, 0 when it is absent or empty.

    `fingerprint` is the same as long as the value is, and empty without one; only this bot can work it out. `lines` are
    all that set the key. `faults` say what is wrong with the value, `broken` whether it cannot work like that.
    """

    key: str
    length: int = 0
    fingerprint: str = ""
    lines: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()
    broken: bool = False


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Who may read the file: its permissions, as in 0o600, its owner, and when it was changed last."""

    mode: int
    owner: str
    changed_at: datetime


class Credentials(Protocol):
    """The keys of a service's environment file that hold secrets."""

    path: str

    async def file(self) -> FileFacts:
        """The file itself, not a link to it."""
        ...

    async def look(self, *keys: str) -> tuple[Credential, ...]:
        """`keys`, or all that are configured or look secret, with what is wrong with each."""
        ...

    async def spilled(self, text: str) -> tuple[Credential, ...]:
        """Those whose value stands in `text`, as it is or encoded."""
        ...


def faults_of(value: str) -> tuple[tuple[str, ...], bool]:
    """What is wrong with a value, without a word of it, and whether that keeps it from working."""
    bare = value.strip()
    if not bare:
        return ("it has no value",), True
    if _PLACEHOLDER.fullmatch(bare):
        return ("it is a placeholder",), True
    found = []
    if bare != value:
        found.append("white space before or after it")
    if bare[:1] in _QUOTES or bare[-1:] in _QUOTES:
        found.append("a quote that has no other side")
    if not bare.isprintable():
        found.append("a character that cannot be seen")
    broken = bool(found)
    if len(bare) < SHORTEST:
        found.append(f"fewer than {SHORTEST} characters: in texts it cannot be told from other words")
    return tuple(found), broken
