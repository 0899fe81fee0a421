"""How audit rows are linked: an HMAC over each row and the one before, under a key from outside the database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from bot.core.errors import Conflict


@dataclass(frozen=True, slots=True)
class Mark:
    """A row's place in the chain: what is published as its head, and what stands for rows that were pruned."""

    seq: int
    mac: str


START = Mark(0, "")


class Draft(NamedTuple):
    """What a row says; `data` is the JSON text as it is stored."""

    at: datetime
    actor: str
    kind: str
    data: str


class Chain:
    """Links rows and signs marks."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def link(self, previous: Mark, draft: Draft) -> Mark:
        """The mark of the row that follows `previous`."""
        seq = previous.seq + 1
        moment = draft.at.astimezone(UTC).isoformat(timespec="microseconds")
        return Mark(seq, self._mac("row", previous.mac, seq, moment, draft.actor, draft.kind, draft.data))

    def follow(self, start: Mark, rows: Iterable[tuple[Mark, Draft]]) -> Iterable[Mark]:
        """The marks of stored rows in order of seq; `Conflict` names the first that does not follow."""
        previous = start
        for mark, draft in rows:
            if mark.seq != previous.seq + 1:
                raise Conflict(f"Audit row {previous.seq + 1} is missing: after {previous.seq} comes {mark.seq}.")
            if mark != self.link(previous, draft):
                raise Conflict(f"Audit row {mark.seq} is not what was written.")
            yield mark
            previous = mark

    def sign(self, name: str, mark: Mark) -> str:
        """What proves that the mark stored under `name` was set by somebody with the key."""
        return self._mac("mark", name, mark.seq, mark.mac)

    def _mac(self, *parts: str | int) -> str:
        # JSON keeps the parts apart: no text can be moved from one column to the next under the same MAC.
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()
