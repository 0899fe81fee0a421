"""What people have taken care of in a digest: rows that they snoozed in a channel, and tasks that they gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from bot.core.alerts import Silence
from bot.core.checklists import ChecklistRow, ItemRow
from bot.core.incident_results import ActionItem, ActionItems
from bot.core.parts import Button, State
from bot.core.people import AUTOMATIC
from bot.core.prose import Bold, Line, Person, When, whom
from bot.core.records import Unit
from bot.core.registry import Registry
from bot.core.results import Check, ChecklistState, Digest
from bot.digests.edition import eyes, tally
from bot.digests.next_steps import buttons

SNOOZED = "digest"
"""Source of the silences of rows, as the store keeps them."""

TASKS = "digest tasks"
"""Kind of the list that a channel has of a service."""

DONE, GIVE = "digest.task.done", "digest.task.give"
"""Verbs of a task's buttons; the row is the item's."""

_NO_TASK = "There is none in this channel: Assign below a digest makes a row of it somebody's task."

_BADNESS = (State.WARN, State.UNKNOWN, State.FAIL)


async def snooze(tx: Unit, check: Check, *, channel: str, service: str, until: datetime, by: str, reason: str) -> None:
    """Keep a row out of the digests of a service in a channel as long as it is no worse than it is now."""
    await wake(tx, check.name, channel=channel, service=service)
    key = _key(channel, service, check.name, check.state)
    await tx.alerts.silence(Silence(SNOOZED, key, until, by, reason))


async def wake(tx: Unit, check: str, *, channel: str, service: str) -> bool:
    """End that; False when the row was not snoozed."""
    keys = [_key(channel, service, check, state) for state in _BADNESS]
    return any([await tx.alerts.unsilence(SNOOZED, key) for key in keys])


async def give(tx: Unit, check: Check, *, channel: str, service: str, owner: str, by: str, now: datetime) -> None:
    """Make a row the task of `owner` (a Slack id, or a name) until it is done; the one that there is changes hands."""
    row, items = await tasks(tx, channel=channel, service=service)
    there = next((item for item in items if item.name == check.name and item.done_at is None), None)
    if there:
        await tx.checklists.own(there.id, owner=owner)
        return
    seen = f"{check.state.value}, {check.value}, {now:%Y-%m-%d}"
    number = max((item.number for item in items), default=0) + 1
    if row is None:
        row = ChecklistRow(uuid4().hex, TASKS, service, channel, ChecklistState.OPEN, {}, channel, by, now)
        await tx.checklists.open(row, ())
    await tx.checklists.add(ItemRow(uuid4().hex, row.id, number, check.name, evidence=seen, owner=owner))


async def tasks(tx: Unit, *, channel: str, service: str) -> tuple[ChecklistRow | None, tuple[ItemRow, ...]]:
    """The list of the channel, None when there is none, and its items."""
    rows = await tx.checklists.opened(kind=TASKS, service=service)
    row = next((row for row in rows if row.subject == channel), None)
    return row, await tx.checklists.items(row.id) if row else ()


async def finish(tx: Unit, item: ItemRow, *, by: str, now: datetime) -> bool:
    """Say that a task is done; False when it was before. A list without anything to do is closed."""
    if not await tx.checklists.tick(item.id, by=by, at=now, evidence=item.evidence):
        return False
    if all(each.done_at for each in await tx.checklists.items(item.checklist_id)):
        await tx.checklists.end(item.checklist_id, ChecklistState.DONE, by=AUTOMATIC.user_id, at=now)
    return True


def listed(service: str, items: Iterable[ItemRow]) -> ActionItems:
    """The tasks as people see them."""
    return ActionItems(f"Tasks from digests of {service}", tuple(map(_item, items)), empty=_NO_TASK)


async def handled(
    shown: Digest,
    checks: Sequence[Check],
    *,
    slot_id: str,
    channel: str,
    service: str,
    tx: Unit,
    registry: Registry,
    now: datetime,
) -> Digest:
    """A digest of these checks as it is to be shown now: without what is snoozed, which it says, and with the tasks."""
    found = eyes(tuple(checks))
    silences = {each.key: each for each in await tx.alerts.silences(SNOOZED, now=now)}
    snoozed = {check.name: silence for check in found if (silence := _silence(check, channel, service, silences))}
    _, items = await tasks(tx, channel=channel, service=service)
    told = replace(
        shown,
        verdict=f"{tally(tuple(checks))}{f', {len(snoozed)} of them snoozed' if snoozed else ''}",
        eyes=tuple(check for check in found if check.name not in snoozed),
        handled=(
            *(_said(check, snoozed[check.name]) for check in found if check.name in snoozed),
            *(_task(item, checks) for item in items if item.done_at is None),
        ),
    )
    return replace(told, buttons=buttons(told, slot_id, registry))


def _key(channel: str, service: str, check: str, state: State) -> str:
    return f"{channel}/{service}/{check}/{state.value}"


def _silence(check: Check, channel: str, service: str, silences: Mapping[str, Silence]) -> Silence | None:
    """What snoozes a row: it was as bad or worse when it was snoozed."""
    as_bad = _BADNESS[_BADNESS.index(check.state) :]
    keys = [_key(channel, service, check.name, state) for state in as_bad]
    return next((silences[key] for key in keys if key in silences), None)


def _said(check: Check, silence: Silence) -> Line:
    why = f" ({silence.reason})" if silence.reason else ""
    until = ("snoozed until ", When(silence.until, date=True), " by ", Person(silence.by), why)
    return (Bold(check.name), f": {check.state.value}, {check.value} · ", *until)


def _task(item: ItemRow, checks: Sequence[Check]) -> Line:
    now = next((check.state.value for check in checks if check.name == item.name), "not looked at")
    return (f"Task {item.number}: ", Bold(item.name), " · ", *whom(item.owner), f" · since {item.evidence}; now {now}")


def _item(item: ItemRow) -> ActionItem:
    open_ = item.done_at is None
    return ActionItem(
        item.number,
        f"{item.name} ({item.evidence})",
        whom(item.owner),
        done=not open_,
        by=item.done_by,
        at=item.done_at,
        buttons=(Button("Done", DONE, item.id), Button("Assign", GIVE, item.id)) if open_ else (),
    )
