"""A digest from its slot to its message: claimed by one replica, posted once, missed ones told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from bot.core.clock import Clock
from bot.core.fleet import Fleet
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, MessageRef
from bot.core.records import Slot, Store, Unit
from bot.core.results import Checks
from bot.digests.rounds import take_round
from bot.digests.schedules import Schedule

TASK = "digest"
"""The job that posts one slot, with `schedule` and `slot` as its arguments."""

FIRST_SEEN, CLAIMED, POSTED, SKIPPED = "first seen", "claimed", "posted", "skipped"
"""States of a slot's row; the minute in which a schedule was first seen is a row too, so that a later start knows."""

_LATE = timedelta(minutes=2)
_CLOCKS_APART = timedelta(minutes=5)
"""How far Slack's clock and ours may differ when a post is looked for."""


@dataclass(frozen=True, slots=True)
class Digests:
    """The configured schedules, and what it takes to keep them."""

    schedules: tuple[Schedule, ...]
    store: Store
    fleet: Fleet
    chat: Chat
    clock: Clock

    async def tick(self, now: datetime) -> None:
        """Claim every slot that has come, each with its job in the same transaction; another replica's are left."""
        for schedule in self.schedules:
            async with self.store.transaction() as tx:
                await _claim(schedule, tx, now)

    async def post(self, schedule: str, slot: str) -> None:
        """What the job does: post the digest of a claimed slot once, however often it is called."""
        async with self.store.transaction() as tx:
            recent = await tx.slots.recent(schedule, limit=100)
            head = await tx.audit.head()
        row = next((row for row in recent if row.slot == slot and row.state == CLAIMED), None)
        plan = next((known for known in self.schedules if known.name == schedule), None)
        if row is None:
            return
        if plan is None:
            await self._settle(row, None)
            return
        late = self.clock() - row.due_at
        digest = None
        if late <= plan.grace:
            notes = _missed(recent, row)
            if late > _LATE:
                notes.insert(0, f"Late: this was due at {_words(slot)} ({plan.zone}).")
            if head:
                notes.append(f"Audit chain: {head.seq} rows, head {head.seq}:{head.mac}.")
            checks = await take_round(self.fleet.pick(plan.service), store=self.store, now=self.clock())
            digest = replace(checks, note=" ".join(notes))
        # Looked for last: a replica that fell asleep over the checks finds what its successor posted.
        key = f"{TASK}:{schedule}:{slot}"
        message = await self.chat.find(plan.channel, key, since=row.due_at - _CLOCKS_APART)
        if message is None and digest is not None:
            message = await self.chat.post(plan.channel, digest, key=key)
        await self._settle(row, message, digest)

    async def _settle(self, row: Slot, message: MessageRef | None, digest: Checks | None = None) -> None:
        state = POSTED if message else SKIPPED
        checks = digest.checks if digest else ()
        async with self.store.transaction() as tx:
            await tx.slots.settle(row.schedule, row.slot, state=state, message=message, checks=checks)
            await tx.audit.append(
                at=self.clock(),
                actor=AUTOMATIC.user_id,
                kind="digest",
                data={"schedule": row.schedule, "slot": row.slot, "state": state},
            )


async def _claim(schedule: Schedule, tx: Unit, now: datetime) -> None:
    last = await tx.slots.last(schedule.name)
    if last is None:
        await tx.slots.claim(Slot(schedule.name, schedule.slot_at(now), now, FIRST_SEEN))
        return
    due = tuple(schedule.slots(after=last.slot, until=now))
    for number, (slot, due_at) in enumerate(due, start=1):
        # Of several only the last is worth posting: they would all say how things are now.
        wanted = number == len(due) and now - due_at <= schedule.grace
        won = await tx.slots.claim(Slot(schedule.name, slot, due_at, CLAIMED if wanted else SKIPPED))
        if won and wanted:
            await tx.jobs.defer(TASK, args={"schedule": schedule.name, "slot": slot})


def _missed(recent: tuple[Slot, ...], row: Slot) -> list[str]:
    """A line each on the slots since the one before `row` that was posted: those skipped, and those that got stuck."""
    before = [slot for slot in recent if slot.slot < row.slot]
    unposted = list(takewhile(lambda slot: slot.state in {SKIPPED, CLAIMED}, before))
    skipped = [slot for slot in unposted if slot.state == SKIPPED]
    stuck = [slot for slot in unposted if slot.state == CLAIMED]
    notes = []
    if skipped:
        notes.append(f"Missed and not posted: {len(skipped)} before this, the first of {_words(skipped[-1].slot)}.")
    if stuck:
        notes.append(
            f"Begun and not posted so far: {len(stuck)} before this, the first of {_words(stuck[-1].slot)}; "
            "the bot's log says why under `job failed`."
        )
    return notes


def _words(slot: str) -> str:
    return slot.replace("T", " ")
