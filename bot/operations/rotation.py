"""A rotation of one key: what people say they did, what the bot sees for itself, and the old key revoked last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from bot.core.checklists import ChecklistRow, ItemRow
from bot.core.command import Context
from bot.core.credentials import Credential, Credentials
from bot.core.errors import Conflict, OpsbotError
from bot.core.fleet import Service
from bot.core.parts import Button, Style
from bot.core.people import AUTOMATIC
from bot.core.plan import Verdict
from bot.core.ports import Processes
from bot.core.prose import Line, Person, When
from bot.core.provider import Provider
from bot.core.records import Store, Unit
from bot.core.results import Checklist, ChecklistItem, ChecklistState, StepState
from bot.operations.credentials import Burnt, burnt, remember
from bot.operations.trail import Trail
from bot.operations.workers import online

KIND = "rotation"

TITLES = {
    "made": "A new key is made in the provider's dashboard, and the old one still works",
    "written": "The new value stands in the env file, typed on the host and never in Slack",
    "changed": "The env file has another value, and nothing is wrong with it",
    "loaded": "Every worker was started since: reload does it",
    "answers": "The provider takes the new key",
    "revoked": "The old key is revoked at the provider",
}
"""The items in their order."""

_LABELS = {
    "made": "The new key is made",
    "written": "It is in the env file",
    "answers": "I saw the provider take it",
    "revoked": "The old key is revoked",
}
"""What a person may say; of the rest only the bot's own look counts."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the bot sees of an item; `untold` when only a person can tell, `bad` when it is seen to be wrong."""

    verdict: Verdict
    evidence: str
    untold: bool = False
    bad: bool = False

    @property
    def state(self) -> StepState:
        """The same for the reader of an item that is not ticked."""
        if self.bad:
            return StepState.FAILED
        return StepState.UNVERIFIED if self.verdict is Verdict.UNKNOWN else StepState.WAITING


class Rotations:
    """Opens, shows and moves rotations; every transition is a compare-and-swap and leaves an audit row."""

    def __init__(self, *, store: Store, trail: Trail) -> None:
        self._store = store
        self._trail = trail

    async def open(self, ctx: Context, service: Service, credential: Credential) -> Checklist:
        """Show the open rotation of the key, or begin one with the value as it is now."""
        async with self._store.transaction() as tx:
            found = await tx.checklists.opened(kind=KIND, service=service.name)
            row = next((each for each in found if each.subject == credential.key), None)
            if row is None:
                row = ChecklistRow(
                    id=uuid4().hex,
                    kind=KIND,
                    service=service.name,
                    subject=credential.key,
                    state=ChecklistState.OPEN,
                    data={"before": credential.fingerprint},
                    channel=ctx.channel_id,
                    opened_by=ctx.actor.user_id,
                    opened_at=ctx.now,
                )
                items = [ItemRow(uuid4().hex, row.id, number, name) for number, name in enumerate(TITLES, 1)]
                await tx.checklists.open(row, items)
                await self._note(tx, row, by=ctx.actor.user_id, what="opened")
        return await self.show(ctx, row.id, service)

    async def show(self, ctx: Context, checklist_id: str, service: Service) -> Checklist:
        """Show the list, with what can be observed looked at anew."""
        async with self._store.transaction() as tx:
            row = await tx.checklists.get(checklist_id)
            items = await tx.checklists.items(row.id)
        if row.state is not ChecklistState.OPEN:
            return _card(row, items, {})
        items, looks = await self._refresh(row, items, service, now=ctx.now)
        return _card(row, items, looks)

    async def tick(self, ctx: Context, item_id: str, service: Service) -> Checklist:
        """Take a person's word for an item; the last one ends the rotation."""
        async with self._store.transaction() as tx:
            item = await tx.checklists.item(item_id)
            row = await tx.checklists.get(item.checklist_id)
            items = await tx.checklists.items(row.id)
        if row.state is not ChecklistState.OPEN:
            return _card(row, items, {})
        items, looks = await self._refresh(row, items, service, now=ctx.now)
        if open_before := [each for each in items if each.number < item.number and each.done_at is None]:
            raise Conflict(f"Before that: {TITLES[open_before[0].name]}.", hint="creds rotate shows how far it is.")
        if (look := looks.get(item.name)) and not look.untold:
            raise Conflict(f"Nobody has to say that: I look for myself. {look.evidence}")
        [present] = await service.port(Credentials).look(row.subject)
        async with self._store.transaction() as tx:
            if await tx.checklists.tick(item_id, by=ctx.actor.user_id, at=ctx.now, evidence=""):
                await self._note(tx, row, by=ctx.actor.user_id, what=f"said: {item.name}")
            items = await tx.checklists.items(row.id)
            if all(each.done_at for each in items) and await tx.checklists.end(
                row.id, ChecklistState.DONE, by=ctx.actor.user_id, at=ctx.now
            ):
                await remember(tx, row.service, present, now=ctx.now)
                await self._note(tx, row, by=ctx.actor.user_id, what="done")
            row = await tx.checklists.get(row.id)
        return _card(row, items, looks)

    async def cancel(self, ctx: Context, checklist_id: str) -> Checklist:
        """Close it; what was done stays done."""
        async with self._store.transaction() as tx:
            row = await tx.checklists.get(checklist_id)
            if await tx.checklists.end(row.id, ChecklistState.CANCELLED, by=ctx.actor.user_id, at=ctx.now):
                await self._note(tx, row, by=ctx.actor.user_id, what="cancelled")
            return _card(await tx.checklists.get(row.id), await tx.checklists.items(row.id), {})

    async def _refresh(
        self, row: ChecklistRow, items: Sequence[ItemRow], service: Service, *, now: datetime
    ) -> tuple[tuple[ItemRow, ...], Mapping[str, Look]]:
        """Look, and have the observed items say what was seen; what was seen may be gone again."""
        [present] = await service.port(Credentials).look(row.subject)
        async with self._store.transaction() as tx:
            out = await burnt(tx, row.service, present, now=now)
        looks = await _look(row, service, present, out=out)
        async with self._store.transaction() as tx:
            for item in items:
                look = looks.get(item.name)
                if look is None or item.done_by:
                    continue
                if look.verdict is Verdict.DONE and item.done_at is None:
                    if await tx.checklists.tick(item.id, by="", at=now, evidence=look.evidence):
                        await self._note(tx, row, by="", what=f"observed: {item.name}")
                elif look.verdict is Verdict.NOT_DONE and item.done_at is not None:
                    await tx.checklists.untick(item.id)
            return await tx.checklists.items(row.id), looks

    async def _note(self, tx: Unit, row: ChecklistRow, *, by: str, what: str) -> None:
        data = {"service": row.service, "key": row.subject, "checklist": row.id, "what": what}
        await self._trail.add(tx, "rotation", actor=by or AUTOMATIC.user_id, data=data)


async def _look(row: ChecklistRow, service: Service, present: Credential, *, out: Burnt | None) -> Mapping[str, Look]:
    """What there is to see of the file, of the workers and of the provider; each can be seen once the former is."""
    looks = {"changed": _changed(present, before=str(row.data.get("before", "")), out=out)}
    if looks["changed"].verdict is not Verdict.DONE:
        later = Look(Verdict.NOT_DONE, "")
        return {**looks, "loaded": later, "answers": later}
    for name, looking in (("loaded", _loaded(row.subject, service)), ("answers", _answers(row, service))):
        try:
            looks[name] = await looking
        except OpsbotError as error:
            looks[name] = Look(Verdict.UNKNOWN, f"Cannot be seen: {error}")
    return looks


def _changed(present: Credential, *, before: str, out: Burnt | None) -> Look:
    if not present.length or present.broken:
        return Look(Verdict.NOT_DONE, f"{present.key}: {'; '.join(present.faults)}.", bad=True)
    if present.fingerprint == before:
        return Look(Verdict.NOT_DONE, f"It is the same value still, fingerprint {before}.")
    if out:
        return Look(Verdict.NOT_DONE, "The new value stood in Slack as well: make another one.", bad=True)
    was = f"fingerprint {before}" if before else "no value"
    return Look(Verdict.DONE, f"{was} before, fingerprint {present.fingerprint} now, {present.length} characters")


async def _loaded(key: str, service: Service) -> Look:
    """Whether each worker was started after the file had the new value: that is when dotenv reads it."""
    processes, credentials = service.port(Processes), service.port(Credentials)
    workers, file = await asyncio.gather(processes.workers(), credentials.file())
    if await processes.handed_value(key) is not None:
        words = f"The process manager itself hands {key} to the workers, which beats the env file: a reload changes"
        return Look(
            Verdict.NOT_DONE, f"{words} nothing. Take it out of the ecosystem file, delete and start.", bad=True
        )
    since = file.changed_at + timedelta(seconds=1)  # that time is in whole seconds
    up = online(workers)
    old = [worker for worker in up if worker.started_at is None or worker.started_at < since]
    if not up or old:
        words = f"{len(old)} of {len(up)} workers run since before: reload." if up else "No worker is online."
        return Look(Verdict.NOT_DONE, words)
    return Look(Verdict.DONE, f"{len(up)} workers (pids {', '.join(str(worker.pid) for worker in up)}) started since")


async def _answers(row: ChecklistRow, service: Service) -> Look:
    provider = service.port(Provider) if Provider in service.ports else None
    if provider is None or row.subject not in provider.keys:
        return Look(Verdict.UNKNOWN, f"No probe sends {row.subject}: look at payments, then say so.", untold=True)
    probed = await provider.probe()
    assert probed is not None  # there are keys only where there is a probe
    if probed.accepts is None:
        words = f"{provider.name} is {probed.words}, and does not let on: look at payments, then say so."
        return Look(Verdict.UNKNOWN, words, untold=True)
    if not probed.accepts:
        return Look(Verdict.NOT_DONE, f"{provider.name} is {probed.words}.", bad=True)
    return Look(Verdict.DONE, f"{provider.name} takes it and refuses an invented one ({probed.status})")


def _card(row: ChecklistRow, items: Sequence[ItemRow], looks: Mapping[str, Look]) -> Checklist:
    is_open = row.state is ChecklistState.OPEN
    shown = tuple(_item(item, looks.get(item.name)) for item in items)
    notes: tuple[Line, ...] = (("Opened by ", Person(row.opened_by), ", ", When(row.opened_at, date=True)),)
    if not is_open:
        notes += (
            ("Ended by ", Person(row.ended_by), *((", ", When(row.ended_at, date=True)) if row.ended_at else ())),
        )
    return Checklist(
        title=f"Rotation of {row.subject} of {row.service}",
        state=row.state,
        items=shown,
        notes=notes,
        buttons=_buttons(row, items, looks) if is_open else (),
    )


def _item(item: ItemRow, look: Look | None) -> ChecklistItem:
    if item.done_at:
        return ChecklistItem(TITLES[item.name], StepState.DONE, item.done_by, item.done_at, item.evidence)
    if look is None:
        return ChecklistItem(TITLES[item.name], StepState.WAITING)
    return ChecklistItem(TITLES[item.name], look.state, evidence=look.evidence)


def _buttons(row: ChecklistRow, items: Sequence[ItemRow], looks: Mapping[str, Look]) -> tuple[Button, ...]:
    """What a person may say next, if it is a person's turn."""
    found: list[Button] = []
    waiting = next((item for item in items if item.done_at is None), None)
    if waiting and waiting.name in _LABELS and (waiting.name not in looks or looks[waiting.name].untold):
        found.append(Button(_LABELS[waiting.name], "rotation.tick", waiting.id, Style.PRIMARY))
    found.append(Button("Look again", "rotation.look", row.id))
    question = "Close this list? What was done stays done."
    return (*found, Button("Close the rotation", "rotation.cancel", row.id, Style.DANGER, confirm=question))
