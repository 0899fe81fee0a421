"""Action items of an incident: told in the conversation or typed, carried until they are done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.command import Context
from bot.core.errors import Conflict, NotFound
from bot.core.incident_results import ActionItem, ActionItems
from bot.core.incidents import Incident
from bot.core.parts import Button
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat
from bot.core.prose import whom
from bot.core.records import Store
from bot.core.reports import OPEN, Task
from bot.incidents.chosen import Selection
from bot.incidents.people import names_of

TICK, ASSIGN, REWORD, ADD = (f"incident.action.{verb}" for verb in ("done", "assign", "edit", "add"))
"""Verbs of the buttons of action items."""

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def tasks_of(incident: int, selection: Selection, *, at: datetime) -> tuple[Task, ...]:
    """The action items that the conversation of an incident (its number) tells.

    Several in one message are told apart by their order.
    """
    seen: Counter[str] = Counter()
    found = []
    for item in selection.action_items:
        first = item.source[0] if item.source else ""
        seen[first] += 1
        found.append(
            Task(
                id=f"{incident}:{first}:{seen[first]}",
                incident=incident,
                number=0,
                text=item.text,
                owner=item.owner,
                source=item.source,
                added_by=AUTOMATIC.user_id,
                added_at=at,
            )
        )
    return tuple(found)


async def add_task(ctx: Context, incident: Incident, *, text: str, owner: str, key: str, store: Store) -> None:
    """Keep what a person typed, once however often the request with this `key` is delivered."""
    task = Task(
        id=f"{incident.number}:{key}",
        incident=incident.number,
        number=0,
        text=text,
        owner=owner,
        source=(),
        added_by=ctx.actor.user_id,
        added_at=ctx.now,
        edited=True,
    )
    async with store.transaction() as tx:
        await tx.tasks.add(task)


async def find_task(incident: Incident, number: int, *, store: Store) -> Task:
    """The task of that number; `NotFound` says which there are."""
    async with store.transaction() as tx:
        tasks = await tx.tasks.of_incident(incident.number)
    found = next((task for task in tasks if task.number == number), None)
    if found is None:
        there = ", ".join(str(task.number) for task in tasks)
        raise NotFound(
            f"Incident {incident.number} has no action item {number}.", hint=f"There are: {there}." if there else ""
        )
    return found


async def change_task(
    ctx: Context, was: Task, *, store: Store, text: str = "", owner: str | None = None, state: str = ""
) -> None:
    """Change what is given of a task; `Conflict` when somebody else changed it at the same moment."""
    task = replace(was, text=text or was.text, owner=was.owner if owner is None else owner, state=state or was.state)
    ended = task.state != OPEN
    task = replace(task, ended_by=ctx.actor.user_id if ended else "", ended_at=ctx.now if ended else None)
    async with store.transaction() as tx:
        if not await tx.tasks.change(task, was=was):
            raise Conflict("Somebody changed this action item at the same moment.", hint="Look at it and try again.")


async def owner_of(ctx: Context, typed: str, *, chat: Chat, known: Sequence[str]) -> str:
    """Whom `typed` means: `me`, a mention, or the name of one of `known` (Slack ids); any other name as it is."""
    typed = typed.strip()
    if match := _MENTION.fullmatch(typed):
        return match[1]
    name = typed.removeprefix("@")
    if name.casefold() == "me":
        return ctx.actor.user_id
    names = await names_of(known, chat)
    return next((user for user, known_as in names.items() if known_as.casefold() == name.casefold()), name)


def listed(title: str, tasks: Sequence[Task], *, links: Mapping[str, str], incident: Incident | None) -> ActionItems:
    """Tasks as people see them; with buttons, and one to add another where they are of one incident."""
    return ActionItems(
        title=title,
        items=tuple(_item(task, links, named=incident is None) for task in tasks),
        buttons=(Button("Add an action item", ADD, str(incident.number)),) if incident else (),
    )


def _item(task: Task, links: Mapping[str, str], *, named: bool) -> ActionItem:
    is_open = task.state == OPEN
    buttons = (
        Button("Done", TICK, task.id),
        Button("Assign", ASSIGN, task.id),
        Button("Edit", REWORD, task.id),
    )
    return ActionItem(
        number=task.number,
        text=task.text,
        owner=whom(task.owner),
        done=not is_open,
        incident=task.incident if named else 0,
        by=task.ended_by,
        at=task.ended_at,
        permalink=links.get(task.source[0], "") if task.source else "",
        buttons=buttons if is_open else (),
    )
