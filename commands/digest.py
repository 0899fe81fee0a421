"""Digests: which there are, and when; people add, pause, run and remove them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from pydantic import Field as Arg

from bot.core.command import Args, Click, Command, Context, Filling, Root, ServiceArgs
from bot.core.errors import Conflict, IntegrationError, UsageError
from bot.core.fleet import Fleet, Service
from bot.core.parse import option, words
from bot.core.parts import State
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.prose import Channel, Code, Line, Link, Person, When
from bot.core.records import Slot, Store, Unit
from bot.core.registry import Registry
from bot.core.results import Digest, Field, Fields, Table, Text
from bot.core.schedules import Pause, Template
from bot.core.windows import Zone
from bot.digests.cron import split_zone
from bot.digests.digest import FIRST_SEEN, Digests
from bot.digests.next_steps import ACT, ELSE, INCIDENT, OWN, buttons, help_of, step, worst_of
from bot.digests.schedules import Schedule, Schedules
from bot.incidents.severity import Severity
from bot.operations.engine import Engine

_TITLE = 200
_LONGEST = 40
"""Letters of a name."""


class Nothing(Args):
    """No arguments."""


class Which(Args):
    """One of them."""

    name: str = Arg(description="Its name, as digest list shows it.")


class Add(ServiceArgs):
    """What is wanted, when."""

    template: Template = Arg(description="What it is about.")
    when: str = words(..., 'When: "weekdays 09:00 Europe/Berlin", "1st of the month 08:00", or five cron fields.')
    name: str = option("", "A name of its own; made of the template and the service if not said.")
    holidays: Literal["post", "skip"] = option("post", "Whether it is posted on holidays too.")
    quiet: str = option("", "Hours in which nothing is posted, such as 22:00-07:00.")
    grace: timedelta = option(timedelta(hours=6), "How late a missed one is still posted.")


async def show(ctx: Context, _args: Nothing, *, store: Store, schedules: Schedules) -> Table:
    """List the digests: where each goes, when the next one is due, and what became of the last."""
    async with store.transaction() as tx:
        pauses = await tx.schedules.pauses()
        known = await schedules.known(tx)
        rows = [await _row(ctx, each, pauses.get(each.name), schedules, tx) for each in known]
    return Table(
        title="Digests",
        columns=("Name", "About", "Channel", "When", "Next", "Last", "By"),
        rows=tuple(rows),
        empty="There is none yet: digest add daily weekdays 09:00 Europe/Berlin.",
    )


async def add(
    ctx: Context,
    args: Add,
    *,
    service: Service,
    store: Store,
    schedules: Schedules,
    digests: Digests,
    zone: Zone,
    chat: Chat,
) -> Fields:
    """Have a digest posted to this channel at set times."""
    when, named = split_zone(args.when)
    async with store.transaction() as tx:
        taken = {each.name for each in await schedules.known(tx)}
        schedule = Schedule(
            name=_name(args, service, taken),
            channel=ctx.channel_id,
            service=service.name,
            when=when,
            zone=named or zone.name,
            grace=args.grace,
            template=args.template,
            skips_holidays=args.holidays == "skip",
            quiet=args.quiet,
            by=ctx.actor.user_id,
        )
        try:
            await chat.find(ctx.channel_id, f"digest:{schedule.name}", since=ctx.now)
        except IntegrationError as error:
            raise Conflict(
                f"I cannot read this channel, so I could not post to it: {error.hint or error}.",
                hint="Invite me to it, and type this again.",
            ) from error
        if schedule.name in taken or not await tx.schedules.add(schedule):
            raise Conflict(f"There is a digest {schedule.name}.", hint="Give another one with --name.")
        await digests.begin(schedule, tx)
    return Fields(
        title=f"Digest {schedule.name}",
        fields=(
            Field("About", f"{schedule.template.value}, of {service.name} ({service.environment})"),
            Field("Channel", (Channel(schedule.channel),)),
            Field("When", _when(schedule)),
            Field("Next", _coming(schedule, schedules, ctx)),
        ),
        notes=(("Now: ", Code(f"digest run {schedule.name}"), ". No more: ", Code(f"digest remove {schedule.name}")),),
    )


async def pause(ctx: Context, args: Which, *, store: Store, schedules: Schedules) -> Text:
    """Have a digest rest until it is resumed."""
    async with store.transaction() as tx:
        schedule = await schedules.find(tx, args.name)
        if not await tx.schedules.pause(Pause(schedule.name, ctx.actor.user_id, ctx.now)):
            raise Conflict(f"{schedule.name} is paused already.", hint=f"digest resume {schedule.name} ends that.")
    return Text((("Paused: ", Code(schedule.name), ". ", Code(f"digest resume {schedule.name}"), " has it go on."),))


async def resume(ctx: Context, args: Which, *, store: Store, schedules: Schedules, digests: Digests) -> Text:
    """Have a digest go on from now; what came during the pause is not posted late."""
    async with store.transaction() as tx:
        schedule = await schedules.find(tx, args.name)
        if not await digests.resume(schedule, tx):
            raise Conflict(f"{schedule.name} is not paused.")
    return Text((("Goes on: ", Code(schedule.name), ", next ", *_coming(schedule, schedules, ctx)),))


async def run(_ctx: Context, args: Which, *, store: Store, schedules: Schedules, digests: Digests, chat: Chat) -> Text:
    """Post a digest now; when there was one today already, its message is edited."""
    async with store.transaction() as tx:
        schedule = await schedules.find(tx, args.name)
        slot = await digests.run(schedule, tx)
    where: Line = (Channel(schedule.channel),)
    if slot.message is None:
        return Text((("Looking now; the digest comes to ", *where, "."),))
    there = Link(await chat.permalink(slot.message), "the one of today")
    return Text((("Looking now; then I edit ", there, " in ", *where, "."),))


async def remove(_ctx: Context, args: Which, *, store: Store, schedules: Schedules) -> Text:
    """Have a digest that was added here posted no more."""
    async with store.transaction() as tx:
        schedule = await schedules.find(tx, args.name)
        if not schedule.by:
            raise Conflict(
                f"{schedule.name} stands in the configuration.",
                hint=f"Take it out there, or have it rest: digest pause {schedule.name}.",
            )
        await tx.schedules.remove(schedule.name)
        await tx.slots.forget(schedule.name)
    return Text((("Removed: ", Code(schedule.name), f". It was posted {schedule.when}, {schedule.zone}."),))


async def look_at(ctx: Context, row_id: str, *, store: Store, registry: Registry) -> Digest:
    """Say in the digest who looks at it; the last one who says so."""
    async with store.transaction() as tx:
        slot = await tx.slots.of(row_id)
        if slot.shown is None:
            raise Conflict("This digest is not posted any more.")
        shown = replace(slot.shown, owner=ctx.actor.user_id)
        shown = replace(shown, buttons=buttons(shown, slot.id, registry))
        await tx.slots.show(slot.id, shown)
    return shown


def offered(verb: str) -> Callable[..., Awaitable[Filling | None]]:
    """What helps with the worst check: the plan of a change in the channel, from live state, or a look's form."""

    async def take(
        ctx: Context,
        row_id: str,
        *,
        store: Store,
        schedules: Schedules,
        registry: Registry,
        fleet: Fleet,
        engine: Engine,
    ) -> Filling | None:
        async with store.transaction() as tx:
            slot = await tx.slots.of(row_id)
            schedule = await schedules.find(tx, slot.schedule)
        text = help_of(slot.shown, verb, registry) if slot.shown else None
        if text is None:
            raise Conflict("Nothing is to be done about that any more.", hint="checks says how it is now.")
        service = fleet.pick(schedule.service).name
        then = step(text, service, registry)
        if isinstance(then, Filling):
            return then
        await engine.propose_call(then, replace(ctx, service=service), show=True)
        return None

    return take


async def open_incident(_ctx: Context, row_id: str, *, store: Store, schedules: Schedules, fleet: Fleet) -> Filling:
    """Open the form of an incident, with what the digest saw filled in."""
    async with store.transaction() as tx:
        slot = await tx.slots.of(row_id)
        schedule = await schedules.find(tx, slot.schedule)
    worst = worst_of(slot.shown) if slot.shown else None
    if worst is None:
        raise Conflict("All was well in this digest.")
    severity = Severity.HIGH if worst.state is State.FAIL else Severity.MEDIUM
    seen = f"{worst.name}: {worst.value}"
    given = {
        "severity": severity.value,
        "title": seen[:_TITLE],
        "impact": worst.evidence[:_TITLE],
        "services": fleet.pick(schedule.service).name,
    }
    return Filling((Root.INCIDENT.value, "open"), given=given, kept={"here": "false", "since": "", "alert": ""})


def _name(args: Add, service: Service, taken: set[str]) -> str:
    if not args.name:
        plain = f"{args.template.value}-{service.name}"
        return next(name for name in (plain, *(f"{plain}-{number}" for number in range(2, 100))) if name not in taken)
    if not args.name.replace("-", "").isalnum() or not args.name.isascii() or len(args.name) > _LONGEST:
        raise UsageError(f'"{args.name[:40]}" is no name.', hint=f"Up to {_LONGEST} letters, digits and dashes.")
    return args.name.lower()


async def _row(
    ctx: Context, schedule: Schedule, pause: Pause | None, schedules: Schedules, tx: Unit
) -> tuple[Line, ...]:
    last = next((slot for slot in await tx.slots.recent(schedule.name) if slot.state != FIRST_SEEN), None)
    coming: Line = _coming(schedule, schedules, ctx)
    if pause:
        coming = ("paused by ", Person(pause.by), " since ", When(pause.at, date=True))
    return (
        (Code(schedule.name),),
        f"{schedule.template.value} of {schedule.service}" if schedule.service else schedule.template.value,
        (Channel(schedule.channel),),
        _when(schedule),
        coming,
        _last(last),
        (Person(schedule.by),) if schedule.by else "configuration",
    )


def _when(schedule: Schedule) -> str:
    quiet = f", not {schedule.quiet}" if schedule.quiet else ""
    return f"{schedule.when}, {schedule.zone}{quiet}{', not on holidays' if schedule.skips_holidays else ''}"


def _coming(schedule: Schedule, schedules: Schedules, ctx: Context) -> tuple[str | When, ...]:
    """The next one that is posted, and the holiday for which the one before it is left out."""
    slot, due_at = schedule.coming(after=ctx.now)
    holiday = schedules.holiday(schedule, slot)
    return (When(due_at, date=True), f" is left out: {holiday}" if holiday else "")


def _last(slot: Slot | None) -> Line:
    if slot is None:
        return "none yet"
    return (f"{slot.state}, ", When(slot.due_at, date=True))


CLICKS = (
    Click(OWN, look_at, role=Role.RESPONDER),
    *(Click(verb, offered(verb), role=Role.RESPONDER) for verb in (ACT, ELSE)),
    Click(INCIDENT, open_incident),
)
COMMANDS = (
    Command(("digest", "list"), Nothing, run=show, rows=("K5",), examples=("",)),
    Command(
        ("digest", "add"),
        Add,
        run=add,
        role=Role.RESPONDER,
        rows=("K5",),
        examples=("daily weekdays 09:00 Europe/Berlin", "daily every day 8am --holidays skip --quiet 22:00-07:00"),
    ),
    Command(("digest", "pause"), Which, run=pause, role=Role.RESPONDER, examples=("daily",)),
    Command(("digest", "resume"), Which, run=resume, role=Role.RESPONDER, examples=("daily",)),
    Command(("digest", "run"), Which, run=run, role=Role.RESPONDER, rows=("K5", "U"), examples=("daily",)),
    Command(("digest", "remove"), Which, run=remove, role=Role.RESPONDER, examples=("daily",)),
)
