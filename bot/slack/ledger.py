"""Claims and audit rows of many requests, committed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.clock import Clock
from bot.core.plan import Json
from bot.core.records import Store, Unit
from bot.store.batch import Batcher


@dataclass(slots=True)
class _Claim:
    """A key to be claimed; `won` once it is known."""

    key: str
    won: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    at: datetime
    actor: str
    kind: str
    data: Json


class Ledger:
    """Each method returns when its row is durable, and raises what the store raised when it is not."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._batches: Batcher[_Claim | _Row, None] = Batcher(store, self._write)

    async def claim(self, key: str) -> bool:
        """False when the key was claimed before, by this replica or another."""
        claim = _Claim(key)
        await self._batches.add(claim)
        return claim.won

    async def taken(self, key: str) -> bool:
        """Whether the key is claimed, without claiming it."""
        async with self._store.transaction() as tx:
            return await tx.claims.taken(key)

    async def audit(self, kind: str, *, actor: str, data: Json) -> None:
        """Append to the audit chain; `data` is redacted already."""
        await self._batches.add(_Row(self._clock(), actor, kind, data))

    async def _write(self, tx: Unit, entries: Sequence[_Claim | _Row]) -> None:
        claims: dict[str, _Claim] = {}
        for entry in entries:
            if isinstance(entry, _Claim):
                claims.setdefault(entry.key, entry)  # of two copies in one batch the first has it
            else:
                await tx.audit.append(at=entry.at, actor=entry.actor, kind=entry.kind, data=entry.data)
        if claims:
            for key in await tx.claims.claim_all(tuple(claims), at=self._clock()):
                claims[key].won = True
