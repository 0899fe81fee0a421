"""What people do about the rows of a digest: have one rest for a while, or make it somebody's task."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field as Arg

from bot.core.checklists import ItemRow
from bot.core.command import Click, Command, Context, Filling, ServiceArgs
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.fleet import Fleet, Service
from bot.core.incident_results import ActionItems
from bot.core.parse import by_prefix, option, words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.prose import When
from bot.core.records import Slot, Store, Unit
from bot.core.results import Check, Text
from bot.digests.digest import Digests
from bot.digests.handling import DONE, GIVE, finish, give, listed, snooze, tasks, wake
from bot.digests.next_steps import ASSIGN, SNOOZE
from bot.digests.schedules import Schedules
from bot.incidents.tasks import owner_of

LONGEST = timedelta(days=31)
_MOST = 75
"""Letters of an option in a form."""


class Rows(ServiceArgs):
    """Which rows."""

    check: str = Arg(description="Names of checks, with dashes for spaces, or how they begin: backups, success-rate.")


class Snooze(Rows):
    """Which rows, for how long and why."""

    lasts: timedelta = option(timedelta(days=1), "How long: 1d if not said, 31d at most.", alias="for")
    reason: str = words("", "Why; the next digest says it.")


class Assign(Rows):
    """Which rows, and whose they are."""

    owner: str = words(..., "Who sees to it: me, @somebody, or a name.")


class Numbered(ServiceArgs):
    """One of the tasks."""

    number: int = Arg(description="Its number in the list.", ge=1)


async def snooze_rows(ctx: Context, args: Snooze, *, service: Service, store: Store, digests: Digests) -> Text:
    """Keep rows out of what needs eyes in this channel's digests for a while. What gets worse is shown all the same."""
    if args.lasts > LONGEST:
        raise UsageError("That is too long.", hint="31d at most; a limit that is wrong is better changed.")
    until = ctx.now + args.lasts
    where = {"channel": ctx.channel_id, "service": service.name}
    async with store.transaction() as tx:
        seen = await _seen(ctx.channel_id, service, digests, tx)
        chosen = [_bad(check) for check in _chosen(args.check, seen)]
        for check in chosen:
            await snooze(tx, check, **where, until=until, by=ctx.actor.user_id, reason=args.reason)
    await digests.retell(**where)
    said = ", ".join(f"{check.name} ({check.state.value})" for check in chosen)
    return Text((("Snoozed in this channel until ", When(until, date=True), f": {said}."),))


async def wake_rows(ctx: Context, args: Rows, *, service: Service, store: Store, digests: Digests) -> Text:
    """Have rows that were snoozed in this channel shown again."""
    where = {"channel": ctx.channel_id, "service": service.name}
    async with store.transaction() as tx:
        seen = await _seen(ctx.channel_id, service, digests, tx)
        chosen = _chosen(args.check, seen)
        woken = [check.name for check in chosen if await wake(tx, check.name, **where)]
    if not woken:
        raise Conflict(f"{', '.join(check.name for check in chosen)}: not snoozed in this channel.")
    await digests.retell(**where)
    return Text((f"Shown again: {', '.join(woken)}.",))


async def assign_rows(
    ctx: Context, args: Assign, *, service: Service, store: Store, digests: Digests, chat: Chat
) -> ActionItems:
    """Make rows the task of somebody, until it is done; each digest of the channel says so."""
    owner = await owner_of(ctx, args.owner, chat=chat, known=())
    where = {"channel": ctx.channel_id, "service": service.name}
    async with store.transaction() as tx:
        for check in _chosen(args.check, await _seen(ctx.channel_id, service, digests, tx)):
            await give(tx, check, **where, owner=owner, by=ctx.actor.user_id, now=ctx.now)
        _, items = await tasks(tx, **where)
    await digests.retell(**where)
    return listed(service.name, items)


async def show_tasks(ctx: Context, _args: ServiceArgs, *, service: Service, store: Store) -> ActionItems:
    """Show the tasks that were made of rows of this channel's digests."""
    async with store.transaction() as tx:
        _, items = await tasks(tx, channel=ctx.channel_id, service=service.name)
    return listed(service.name, items)


async def done(ctx: Context, args: Numbered, *, service: Service, store: Store, digests: Digests) -> ActionItems:
    """Say that a task is done."""
    async with store.transaction() as tx:
        _, items = await tasks(tx, channel=ctx.channel_id, service=service.name)
        item = next((item for item in items if item.number == args.number), None)
        if item is None:
            raise NotFound(f"There is no task {args.number}.", hint="digest tasks shows those of this channel.")
    return await _finish(ctx, item, store=store, digests=digests)


async def ask_snooze(_ctx: Context, row_id: str, *, store: Store, schedules: Schedules, fleet: Fleet) -> Filling:
    """Which rows, for how long, and why."""
    return await _asked("snooze", row_id, store=store, schedules=schedules, fleet=fleet)


async def ask_owner(_ctx: Context, row_id: str, *, store: Store, schedules: Schedules, fleet: Fleet) -> Filling:
    """Which rows, and whose they are."""
    return await _asked("assign", row_id, store=store, schedules=schedules, fleet=fleet)


async def click_done(ctx: Context, row_id: str, *, store: Store, digests: Digests) -> ActionItems:
    """Tick it."""
    async with store.transaction() as tx:
        item = await tx.checklists.item(row_id)
    return await _finish(ctx, item, store=store, digests=digests)


async def click_give(_ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask whose it is now."""
    async with store.transaction() as tx:
        item = await tx.checklists.item(row_id)
        row = await tx.checklists.get(item.checklist_id)
    return Filling(("digest", "assign"), kept={"check": _slug(item.name), "service": row.service})


async def _finish(ctx: Context, item: ItemRow, *, store: Store, digests: Digests) -> ActionItems:
    async with store.transaction() as tx:
        row = await tx.checklists.get(item.checklist_id)
        if not await finish(tx, item, by=ctx.actor.user_id, now=ctx.now):
            raise Conflict(f"{item.name} is done already.")
        items = await tx.checklists.items(row.id)
    await digests.retell(channel=row.subject, service=row.service)
    return listed(row.service, items)


async def _asked(verb: str, row_id: str, *, store: Store, schedules: Schedules, fleet: Fleet) -> Filling:
    """The form of a command on the rows that need eyes in a digest."""
    async with store.transaction() as tx:
        slot = await tx.slots.of(row_id)
        schedule = await schedules.find(tx, slot.schedule)
    rows = slot.shown.eyes if slot.shown else ()
    if not rows:
        raise Conflict("Nothing in this digest needs eyes any more.")
    offered = tuple((_slug(check.name), f"{check.name}: {check.value}"[:_MOST]) for check in rows)
    first = {"check": offered[0][0]} if len(offered) == 1 else {}
    kept = {"service": fleet.pick(schedule.service).name}
    return Filling(("digest", verb), given=first, kept=kept, offered={"check": offered})


async def _seen(channel: str, service: Service, digests: Digests, tx: Unit) -> dict[str, Check]:
    """What the last digests of a service in a channel said, by what is typed for it; the newest word on each check."""
    slots: tuple[Slot, ...] = await digests.latest(tx, channel=channel, service=service.name)
    seen = {_slug(check.name): check for slot in sorted(slots, key=lambda slot: slot.due_at) for check in slot.checks}
    if not seen:
        raise NotFound(f"No digest of {service.name} was posted in this channel.", hint="digest list shows them.")
    return seen


def _chosen(typed: str, seen: dict[str, Check]) -> list[Check]:
    names = {slug: check.name for slug, check in seen.items()}
    return [seen[slug if (slug := word.lower()) in seen else by_prefix(names, slug)] for word in typed.split()]


def _bad(check: Check) -> Check:
    if not check.needs_eyes:
        raise Conflict(f"{check.name} was well in the last digest: there is nothing to snooze.")
    return check


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


CLICKS = (
    Click(SNOOZE, ask_snooze, role=Role.RESPONDER),
    Click(ASSIGN, ask_owner, role=Role.RESPONDER),
    Click(DONE, click_done, role=Role.RESPONDER),
    Click(GIVE, click_give, role=Role.RESPONDER),
)
COMMANDS = (
    Command(
        ("digest", "snooze"), Snooze, run=snooze_rows, role=Role.RESPONDER, rows=("K5",), examples=("backups 2d known",)
    ),
    Command(("digest", "unsnooze"), Rows, run=wake_rows, role=Role.RESPONDER, examples=("backups",)),
    Command(("digest", "assign"), Assign, run=assign_rows, role=Role.RESPONDER, rows=("K5",), examples=("backups me",)),
    Command(("digest", "tasks"), ServiceArgs, run=show_tasks, examples=("",)),
    Command(("digest", "done"), Numbered, run=done, role=Role.RESPONDER, examples=("1",)),
)
