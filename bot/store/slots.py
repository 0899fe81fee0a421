"""Digest slots: claimed by one replica, then posted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from bot.core.errors import Fenced, NotFound
from bot.core.ports import MessageRef
from bot.core.records import Slot
from bot.core.results import Check, Digest
from bot.store.rows import dump, row_of

_TAKEN = "Another replica posts this digest, or its schedule was removed."


class Slots:
    """Table `slots`, one row for each posting of a schedule."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def last(self, schedule: str) -> Slot | None:
        """The one furthest on by its `slot`, whatever its state."""
        recent = await self.recent(schedule, limit=1)
        return recent[0] if recent else None

    async def recent(self, schedule: str, *, limit: int = 20) -> tuple[Slot, ...]:
        """The last ones by their `slot`, newest first."""
        async with self._connection.cursor(row_factory=row_of(Slot)) as cursor:
            # By clock time, not by moment: where the clocks skip an hour several slots are due at once.
            await cursor.execute(
                "select * from slots where schedule = %s order by slot desc limit %s", [schedule, limit]
            )
            return tuple(await cursor.fetchall())

    async def claim(self, slot: Slot) -> bool:
        """False when the slot was claimed before."""
        claimed = await self._connection.execute(
            """insert into slots (schedule, slot, due_at, state, message, checks) values (%s, %s, %s, %s, %s, %s)
               on conflict do nothing""",
            [
                *(slot.schedule, slot.slot, slot.due_at, slot.state),
                *(dump(MessageRef, slot.message) if slot.message else None, dump(Sequence[Check], slot.checks)),
            ],
        )
        return claimed.rowcount == 1

    async def settle(
        self,
        schedule: str,
        slot: str,
        *,
        state: str,
        message: MessageRef | None,
        epoch: int | None = None,
    ) -> None:
        """Write down what became of it; `Fenced` when its epoch is not `epoch` any more, where that is given."""
        settled = await self._connection.execute(
            """update slots set state = %s, message = %s
               where schedule = %s and slot = %s and epoch = coalesce(%s, epoch)""",
            [state, dump(MessageRef, message) if message else None, schedule, slot, epoch],
        )
        if epoch is not None and not settled.rowcount:
            raise Fenced(_TAKEN)

    async def take(self, slot_id: str) -> int:
        """Set about posting it, and have nobody else post it who did so before: the new epoch."""
        taken = await self._connection.execute(
            "update slots set epoch = epoch + 1 where id = %s returning epoch", [slot_id]
        )
        if row := await taken.fetchone():
            return int(row[0])
        raise Fenced(_TAKEN)

    async def permit(self, slot_id: str, epoch: int) -> None:
        """`Fenced` when somebody else has taken it since."""
        held = await self._connection.execute("select from slots where id = %s and epoch = %s", [slot_id, epoch])
        if not held.rowcount:
            raise Fenced(_TAKEN)

    async def of(self, slot_id: str) -> Slot:
        """The one with this id; `NotFound` when it is gone."""
        async with self._connection.cursor(row_factory=row_of(Slot)) as cursor:
            await cursor.execute("select * from slots where id = %s", [slot_id])
            slot = await cursor.fetchone()
        if slot is None:
            raise NotFound("This digest is not known any more.", hint="Its schedule was removed: digest list.")
        return slot

    async def show(self, slot_id: str, shown: Digest, *, checks: Sequence[Check] | None = None) -> None:
        """Write down what its message says now, and what was looked at for it, where that is new."""
        looked = None if checks is None else dump(Sequence[Check], checks)
        await self._connection.execute(
            "update slots set shown = %s, checks = coalesce(%s, checks) where id = %s",
            [dump(Digest, shown), looked, slot_id],
        )

    async def forget(self, schedule: str) -> None:
        """Drop all of a schedule that was removed."""
        await self._connection.execute("delete from slots where schedule = %s", [schedule])
