"""A digest from its slot to its message: claimed by one replica, posted once, missed ones told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

from bot.core.clock import Clock
from bot.core.errors import Fenced
from bot.core.fleet import Fleet
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, Documents, MessageRef
from bot.core.prose import Line
from bot.core.records import Slot, Store, Unit
from bot.core.registry import Registry
from bot.core.results import Digest
from bot.digests.edition import Order
from bot.digests.editions import edition
from bot.digests.handling import handled
from bot.digests.posting import Posting
from bot.digests.schedules import Schedule, Schedules

TASK = "digest"
"""The job that posts one slot, with `schedule` and `slot` as its arguments, and `again` to edit what was posted."""

FIRST_SEEN, CLAIMED, POSTED, SKIPPED = "first seen", "claimed", "posted", "skipped"
HOLIDAY, PAUSED = "holiday", "paused"
"""States of a slot's row; the minute in which a schedule was first seen is a row too, so that a later start knows."""

_UNWANTED = {FIRST_SEEN, HOLIDAY, PAUSED}
"""States of slots that nobody waits for."""

_LATE = timedelta(minutes=2)
_CLOCKS_APART = timedelta(minutes=5)
"""How far Slack's clock and ours may differ when a post is looked for."""


@dataclass(frozen=True, slots=True)
class Digests:
    """Every schedule, and what it takes to keep them."""

    schedules: Schedules
    store: Store
    fleet: Fleet
    chat: Chat
    clock: Clock
    documents: Documents
    registry: Registry

    async def tick(self, now: datetime) -> None:
        """Claim every slot that has come, each with its job in the same transaction; another replica's are left."""
        async with self.store.transaction() as tx:
            known = await self.schedules.known(tx)
        for schedule in known:
            async with self.store.transaction() as tx:
                paused = schedule.name in await tx.schedules.pauses()
                await self._claim(schedule, tx, now, paused=paused)

    async def begin(self, schedule: Schedule, tx: Unit) -> None:
        """Have a schedule that was just added begin now: no slot of before is missing."""
        now = self.clock()
        await tx.slots.claim(Slot(schedule.name, schedule.slot_at(now), now, FIRST_SEEN))

    async def resume(self, schedule: Schedule, tx: Unit) -> bool:
        """Go on from now: what came during the pause is not posted late. False when it was not paused."""
        await self._claim(schedule, tx, self.clock(), paused=True)
        return await tx.schedules.resume(schedule.name)

    async def run(self, schedule: Schedule, tx: Unit) -> Slot:
        """Post now, and say which slot that is: today's again when there was one, whose message is edited then."""
        now = self.clock()
        today = schedule.slot_at(now)
        last = await tx.slots.last(schedule.name)
        if last is None or last.slot[:10] != today[:10] or last.state in _UNWANTED | {SKIPPED}:
            last = Slot(schedule.name, today, now, CLAIMED)
            if not await tx.slots.claim(last):
                await tx.slots.settle(schedule.name, today, state=CLAIMED, message=None)
        await tx.jobs.defer(TASK, args={"schedule": schedule.name, "slot": last.slot, "again": True})
        return last

    async def post(self, schedule: str, slot: str, *, again: bool = False) -> None:
        """What the job does: post the digest of a claimed slot once, however often it is called.

        With `again` the message of a slot that was posted is edited, and what is in its thread replaced. Whoever
        set about it before posts nothing more.
        """
        async with self.store.transaction() as tx:
            recent = await tx.slots.recent(schedule, limit=100)
            plan = next((known for known in await self.schedules.known(tx) if known.name == schedule), None)
            head = await tx.audit.head()
            row = next((row for row in recent if row.slot == slot), None)
            if row is None or row.state not in ({CLAIMED, POSTED} if again else {CLAIMED}):
                return
            epoch = await tx.slots.take(row.id)
        if plan is None:
            await self._settle(row, None, epoch=epoch)
            return
        late = self.clock() - row.due_at
        made = None
        if again or late <= plan.grace:
            order = Order(plan, self.fleet.pick(plan.service), self.clock(), self.store)
            notes = _missed(recent, row)
            if late > _LATE and not again:
                notes.insert(0, f"Late: this was due at {_words(slot)} ({plan.zone}).")
            if head:
                notes.append(f"Audit chain: head {head.seq}:{head.mac}.")
            made = await edition(order)
            owner = row.shown.owner if row.shown else ""
            shown = replace(made.message, notes=(*notes, *made.message.notes), owner=owner)
            async with self.store.transaction() as tx:
                shown = await self._handled(replace(row, checks=made.checks), shown, plan, tx)
                await tx.slots.show(row.id, shown, checks=made.checks)
            made = replace(made, message=shown)
        posting = Posting(
            chat=self.chat,
            documents=self.documents,
            channel=plan.channel,
            key=f"{TASK}:{schedule}:{slot}",
            since=row.due_at - _CLOCKS_APART,
            permit=partial(self._permit, row.id, epoch),
            again=again,
        )
        try:
            message = await posting.put(made, row.message) if made else await posting.find()
            await self._settle(row, message, epoch=epoch)
        except Fenced:
            return  # another replica posts it, or a later run

    async def _permit(self, slot_id: str, epoch: int) -> None:
        async with self.store.transaction() as tx:
            await tx.slots.permit(slot_id, epoch)

    async def latest(self, tx: Unit, *, channel: str, service: str) -> tuple[Slot, ...]:
        """The last posting of each schedule that tells a channel of a service."""
        return tuple([slot for _, slot in await self._latest(tx, channel, service)])

    async def retell(self, *, channel: str, service: str) -> None:
        """Have the last digests of a service in a channel say what has been snoozed, assigned and done since."""
        async with self.store.transaction() as tx:
            told = []
            for plan, slot in await self._latest(tx, channel, service):
                if slot.shown and slot.message:
                    shown = await self._handled(slot, slot.shown, plan, tx)
                    await tx.slots.show(slot.id, shown)
                    told.append((slot.message, shown))
        for message, shown in told:
            await self.chat.update(message, shown)

    async def _latest(self, tx: Unit, channel: str, service: str) -> list[tuple[Schedule, Slot]]:
        plans = [each for each in await self.schedules.known(tx) if each.channel == channel]
        of_service = [each for each in plans if self.fleet.pick(each.service).name == service]
        found = [(each, await tx.slots.recent(each.name)) for each in of_service]
        posted = [(each, next((slot for slot in recent if slot.state == POSTED), None)) for each, recent in found]
        return [(each, slot) for each, slot in posted if slot]

    async def _handled(self, slot: Slot, shown: Digest, plan: Schedule, tx: Unit) -> Digest:
        return await handled(
            shown,
            slot.checks,
            slot_id=slot.id,
            channel=plan.channel,
            service=self.fleet.pick(plan.service).name,
            tx=tx,
            registry=self.registry,
            now=self.clock(),
        )

    async def _settle(self, row: Slot, message: MessageRef | None, *, epoch: int) -> None:
        state = POSTED if message else SKIPPED
        async with self.store.transaction() as tx:
            await tx.slots.settle(row.schedule, row.slot, state=state, message=message, epoch=epoch)
            await tx.audit.append(
                at=self.clock(),
                actor=AUTOMATIC.user_id,
                kind="digest",
                data={"schedule": row.schedule, "slot": row.slot, "state": state},
            )

    async def _claim(self, schedule: Schedule, tx: Unit, now: datetime, *, paused: bool) -> None:
        last = await tx.slots.last(schedule.name)
        if last is None:
            await self.begin(schedule, tx)
            return
        if schedule.quiet_until(now) and not paused:
            return
        due = tuple(schedule.slots(after=last.slot, until=now))
        free = [slot for slot, _ in due if not self.schedules.holiday(schedule, slot)]
        for slot, due_at in due:
            if paused or slot not in free:
                await tx.slots.claim(Slot(schedule.name, slot, due_at, PAUSED if paused else HOLIDAY))
                continue
            # Of several only the last is worth posting: they would all say how things are now.
            wanted = slot == free[-1] and now - due_at <= schedule.grace
            won = await tx.slots.claim(Slot(schedule.name, slot, due_at, CLAIMED if wanted else SKIPPED))
            if won and wanted:
                await tx.jobs.defer(TASK, args={"schedule": schedule.name, "slot": slot})


def _missed(recent: tuple[Slot, ...], row: Slot) -> list[Line]:
    """A line each on the slots since the one before `row` that was posted: those skipped, and those that got stuck."""
    before = [slot for slot in recent if slot.slot < row.slot and slot.state not in _UNWANTED]
    unposted = list(takewhile(lambda slot: slot.state in {SKIPPED, CLAIMED}, before))
    skipped = [slot for slot in unposted if slot.state == SKIPPED]
    stuck = [slot for slot in unposted if slot.state == CLAIMED]
    notes: list[Line] = []
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
