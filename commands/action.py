"""Action items of incidents: picked from the conversation or typed, assigned, and carried until they are done."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Click, Command, Context, Filling, Root
from bot.core.errors import Conflict
from bot.core.incident_results import ActionItems
from bot.core.incidents import Incident
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.records import Store
from bot.core.reports import DONE, DROPPED, OPEN, Task
from bot.incidents.asking import Which
from bot.incidents.lookup import find_incident
from bot.incidents.pages import Pages
from bot.incidents.report import pick_tasks, redraft_tasks
from bot.incidents.rules import IncidentRules
from bot.incidents.tasks import (
    ADD,
    ASSIGN,
    REWORD,
    TICK,
    add_task,
    change_task,
    find_task,
    listed,
    owner_of,
)
from bot.incidents.timeline import read_people


class Some(Which):
    """Which action items."""

    everywhere: bool = option(default=False, description="Those of all incidents that are still to be done.")
    mine: bool = option(default=False, description="Mine alone, of all incidents.")


class Add(Which):
    """Something to be done."""

    text: str = words(..., "What is to be done.", prose=True)
    owner: str = option("", "Who does it: me, @somebody, or a name.")


class Numbered(Which):
    """One action item."""

    number: int = Field(description="Its number in the list.", ge=1)


class Assign(Numbered):
    """Whose it is."""

    owner: str = words(..., "Who does it: me, @somebody, or a name.")


class Reword(Numbered):
    """What it is."""

    text: str = words(..., "What is to be done.", prose=True)


async def actions(ctx: Context, args: Some, *, store: Store, chat: Chat, rules: IncidentRules) -> ActionItems:
    """List the action items of an incident, those that its conversation tells too; or all that are still to be done."""
    if args.mine or args.everywhere:
        owner = ctx.actor.user_id if args.mine else ""
        async with store.transaction() as tx:
            tasks = await tx.tasks.open(owner=owner)
        return listed(
            "My action items" if args.mine else "Action items still to be done", tasks, links={}, incident=None
        )
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await pick_tasks(ctx, incident, store=store, chat=chat, zone=rules.zone, mark=rules.mark)
    return await _list(incident, store)


async def add(ctx: Context, args: Add, *, store: Store, chat: Chat) -> ActionItems:
    """Add an action item to an incident by hand."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    owner = await _owner(ctx, incident, args.owner, store=store, chat=chat) if args.owner else ""
    key = ctx.trigger_id or f"{ctx.actor.user_id}:{ctx.now.isoformat()}"
    await add_task(ctx, incident, text=args.text, owner=owner, key=key, store=store)
    return await _changed(ctx, incident, store=store, chat=chat)


async def assign(ctx: Context, args: Assign, *, store: Store, chat: Chat) -> ActionItems:
    """Say whose an action item is."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    task = await find_task(incident, args.number, store=store)
    owner = await _owner(ctx, incident, args.owner, store=store, chat=chat)
    await change_task(ctx, task, owner=owner, store=store)
    return await _changed(ctx, incident, store=store, chat=chat)


async def reword(ctx: Context, args: Reword, *, store: Store, chat: Chat) -> ActionItems:
    """Put an action item in other words; what the conversation says of it has no say any more."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await change_task(ctx, await find_task(incident, args.number, store=store), text=args.text, store=store)
    return await _changed(ctx, incident, store=store, chat=chat)


async def done(ctx: Context, args: Numbered, *, store: Store, chat: Chat) -> ActionItems:
    """Say that an action item is done."""
    return await _move(ctx, args, DONE, store=store, chat=chat)


async def reopen(ctx: Context, args: Numbered, *, store: Store, chat: Chat) -> ActionItems:
    """Say that an action item is not done after all."""
    return await _move(ctx, args, OPEN, store=store, chat=chat)


async def drop(ctx: Context, args: Numbered, *, store: Store, chat: Chat) -> ActionItems:
    """Take an action item off the list for good, because nobody is going to do it."""
    return await _move(ctx, args, DROPPED, store=store, chat=chat)


async def click_done(ctx: Context, row_id: str, *, store: Store, chat: Chat) -> ActionItems:
    """Tick an action item."""
    incident, task = await _clicked(ctx, row_id, store)
    if task.state != OPEN:
        raise Conflict("It was ticked before.")
    await change_task(ctx, task, state=DONE, store=store)
    return await _changed(ctx, incident, store=store, chat=chat)


async def click_assign(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask whose it is."""
    incident, task = await _clicked(ctx, row_id, store)
    return Filling(("incident", "action", "assign"), kept=_kept(incident, task))


async def click_reword(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask for other words."""
    incident, task = await _clicked(ctx, row_id, store)
    return Filling(("incident", "action", "edit"), given={"text": task.text}, kept=_kept(incident, task))


async def click_add(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask what is to be done, and by whom."""
    incident = await find_incident(store, channel=ctx.channel_id, number=int(row_id))
    return Filling(("incident", "action", "add"), kept={"incident": str(incident.number)})


def _kept(incident: Incident, task: Task) -> dict[str, str]:
    return {"incident": str(incident.number), "number": str(task.number)}


async def _clicked(ctx: Context, row_id: str, store: Store) -> tuple[Incident, Task]:
    async with store.transaction() as tx:
        task = await tx.tasks.get(row_id)
    return await find_incident(store, channel=ctx.channel_id, number=task.incident), task


async def _owner(ctx: Context, incident: Incident, typed: str, *, store: Store, chat: Chat) -> str:
    return await owner_of(ctx, typed, chat=chat, known=await read_people(incident, store))


async def _move(ctx: Context, args: Numbered, state: str, *, store: Store, chat: Chat) -> ActionItems:
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await change_task(ctx, await find_task(incident, args.number, store=store), state=state, store=store)
    return await _changed(ctx, incident, store=store, chat=chat)


async def _changed(ctx: Context, incident: Incident, *, store: Store, chat: Chat) -> ActionItems:
    """The list as it is now, which the draft of the report shows too."""
    if await redraft_tasks(ctx, incident, store=store, chat=chat):
        await Pages(store, chat).show(incident, at=ctx.now)
    return await _list(incident, store)


async def _list(incident: Incident, store: Store) -> ActionItems:
    async with store.transaction() as tx:
        tasks = await tx.tasks.of_incident(incident.number)
        last = await tx.reports.get(incident.number)
    links = dict(last.links) if last else {}
    return listed(f"Action items of incident {incident.number}", tasks, links=links, incident=incident)


COMMANDS = (
    Command(("actions",), Some, run=actions, root=Root.INCIDENT, rows=("T",), examples=("", "--mine", "--everywhere")),
    Command(
        ("action", "add"),
        Add,
        run=add,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("Probe the provider each minute --owner @ana", "Renew the certificate --incident 12 --owner me"),
    ),
    Command(
        ("action", "assign"),
        Assign,
        run=assign,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("2 @ben", "2 me --incident 12"),
    ),
    Command(
        ("action", "edit"),
        Reword,
        run=reword,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("2 Probe the provider each minute",),
    ),
    Command(("action", "done"), Numbered, run=done, role=Role.RESPONDER, root=Root.INCIDENT, examples=("2",)),
    Command(("action", "reopen"), Numbered, run=reopen, role=Role.RESPONDER, root=Root.INCIDENT, examples=("2",)),
    Command(("action", "drop"), Numbered, run=drop, role=Role.RESPONDER, root=Root.INCIDENT, examples=("2",)),
)
CLICKS = (
    Click(TICK, click_done, role=Role.RESPONDER),
    Click(ASSIGN, click_assign, role=Role.RESPONDER),
    Click(REWORD, click_reword, role=Role.RESPONDER),
    Click(ADD, click_add, role=Role.RESPONDER),
)
