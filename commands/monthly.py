"""The monthly review: what is to be looked through, by whom, and what is done of it."""

from __future__ import annotations

from pydantic import Field as Arg

from bot.core.checklists import ItemRow
from bot.core.command import Click, Command, Context, Filling, ServiceArgs
from bot.core.errors import NotFound
from bot.core.fleet import Service
from bot.core.incident_results import ActionItems
from bot.core.parse import words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.records import Store, Unit
from bot.digests.monthly import ASSIGN, TAKE, TICK, current, shown, tick
from bot.incidents.tasks import owner_of


class Numbered(ServiceArgs):
    """One of the things."""

    number: int = Arg(description="Its number in the list.", ge=1)


class Whose(Numbered):
    """Whose it is."""

    owner: str = words(..., "Who does it: me, @somebody, or a name.")


async def show(_ctx: Context, _args: ServiceArgs, *, service: Service, store: Store) -> ActionItems:
    """Show the list of the monthly review: what is done, what is not, and whose it is."""
    async with store.transaction() as tx:
        return shown(*await current(tx, service.name))


async def done(ctx: Context, args: Numbered, *, service: Service, store: Store) -> ActionItems:
    """Say that one of them is done."""
    async with store.transaction() as tx:
        item = await _numbered(tx, service.name, args.number)
        await tick(tx, item, by=ctx.actor.user_id, at=ctx.now)
        return shown(*await current(tx, service.name))


async def assign(ctx: Context, args: Whose, *, service: Service, store: Store, chat: Chat) -> ActionItems:
    """Say whose one of them is; it stays theirs when it is carried over."""
    owner = await owner_of(ctx, args.owner, chat=chat, known=())
    async with store.transaction() as tx:
        item = await _numbered(tx, service.name, args.number)
        await tx.checklists.own(item.id, owner=owner)
        return shown(*await current(tx, service.name))


async def click_done(ctx: Context, row_id: str, *, store: Store) -> ActionItems:
    """Tick it."""
    async with store.transaction() as tx:
        item = await tx.checklists.item(row_id)
        await tick(tx, item, by=ctx.actor.user_id, at=ctx.now)
        return await _of(tx, item)


async def click_take(ctx: Context, row_id: str, *, store: Store) -> ActionItems:
    """Make it that of whoever clicks."""
    async with store.transaction() as tx:
        item = await tx.checklists.item(row_id)
        await tx.checklists.own(item.id, owner=ctx.actor.user_id)
        return await _of(tx, item)


async def click_assign(_ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask whose it is."""
    async with store.transaction() as tx:
        item = await tx.checklists.item(row_id)
        row = await tx.checklists.get(item.checklist_id)
    return Filling(("monthly", "assign"), kept={"number": str(item.number), "service": row.service})


async def _of(tx: Unit, item: ItemRow) -> ActionItems:
    row = await tx.checklists.get(item.checklist_id)
    return shown(row, await tx.checklists.items(row.id))


async def _numbered(tx: Unit, service: str, number: int) -> ItemRow:
    _, items = await current(tx, service)
    for item in items:
        if item.number == number:
            return item
    raise NotFound(f"There is no {number}.", hint=f"They are numbered from 1 to {len(items)}.")


CLICKS = (
    Click(TICK, click_done, role=Role.RESPONDER),
    Click(TAKE, click_take, role=Role.RESPONDER),
    Click(ASSIGN, click_assign, role=Role.RESPONDER),
)
COMMANDS = (
    Command(("monthly",), ServiceArgs, run=show, rows=("V", "M3"), examples=("",)),
    Command(("monthly", "done"), Numbered, run=done, role=Role.RESPONDER, rows=("V", "M3"), examples=("3",)),
    Command(("monthly", "assign"), Whose, run=assign, role=Role.RESPONDER, rows=("V",), examples=("3 me",)),
)
