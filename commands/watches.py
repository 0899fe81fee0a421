"""What is watched all the time, and what helps where a watch has found a problem."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import Field as Arg

from bot.core.alert_looks import look_for
from bot.core.alerts import NEXT, OR_ELSE, WATCH, Silence
from bot.core.command import Click, Command, Context, Filling, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import Conflict, NotConfigured, UsageError
from bot.core.fleet import Service
from bot.core.incidents import tellable
from bot.core.parse import by_prefix, option, words
from bot.core.people import Role
from bot.core.prose import Bold, Channel, Line, When
from bot.core.records import Store
from bot.core.registry import Registry
from bot.core.results import Table, Text
from bot.core.watches import Pulse
from bot.digests.next_steps import step
from bot.digests.watches import WatchPlan, WatchPlans, key_of
from bot.operations.engine import Engine

LONGEST = timedelta(days=7)


class Which(ServiceArgs):
    """Which watch."""

    check: str = Arg(description="Name of the check, or how it begins.")


class Snooze(Which):
    """Which watch, for how long and why."""

    lasts: timedelta = option(timedelta(hours=1), "How long: 1h if not said, 7d at most.", alias="for")
    reason: str = words("", "Why; shown on the message.")


async def watches(ctx: Context, _args: ServiceArgs, *, service: Service, store: Store, plans: WatchPlans) -> Table:
    """List what is watched all the time, how it was at the last look, and what is snoozed."""
    plan = _plan_of(service, plans)
    async with store.transaction() as tx:
        pulses = await tx.watches.of(service.name)
        snoozed = {each.key: each for each in await tx.alerts.silences(WATCH, now=ctx.now)}
    return Table(
        f"Watched on {service.name}",
        ("Check", "State", "Last look", "Every", "Snoozed until"),
        tuple(
            (
                check.name,
                *_seen(pulses.get(check.name, Pulse())),
                format_duration(plan.interval(check)),
                _until(snoozed.get(key_of(service.name, check.name))),
            )
            for check in plan.checks(service)
        ),
        notes=(("Problems are told in ", Channel(plan.channel), "; `checks` looks at everything now."),),
    )


async def snooze(ctx: Context, args: Snooze, *, service: Service, store: Store, plans: WatchPlans) -> Text:
    """Tell of no new problem of one watch for a while. It goes on looking; what is still wrong then is told then."""
    if args.lasts > LONGEST:
        raise UsageError("That is too long.", hint="7d at most; services.<name>.watches.off ends a watch for good.")
    name = _chosen(args.check, service, plans)
    until, key = ctx.now + args.lasts, key_of(service.name, name)
    async with store.transaction() as tx:
        why = await tellable(tx.incidents, ctx.channel_id, args.reason)
        await tx.alerts.silence(Silence(WATCH, key, until, ctx.actor.user_id, why))
        await look_for(tx, key, now=ctx.now)
    return Text(((f"{name} of {service.name} is snoozed until ", When(until, date=True), "."),))


async def resume(ctx: Context, args: Which, *, service: Service, store: Store, plans: WatchPlans) -> Text:
    """Have a snoozed watch tell of problems again."""
    name = _chosen(args.check, service, plans)
    key = key_of(service.name, name)
    async with store.transaction() as tx:
        if not await tx.alerts.unsilence(WATCH, key):
            raise Conflict(f"{name} of {service.name} is not snoozed.")
        await look_for(tx, key, now=ctx.now)
    return Text((f"{name} of {service.name} is watched and told of again.",))


async def next_step(ctx: Context, row_id: str, *, store: Store, registry: Registry, engine: Engine) -> Filling | None:
    """The first thing that helps."""
    return await _offered(NEXT, ctx, row_id, store=store, registry=registry, engine=engine)


async def or_else(ctx: Context, row_id: str, *, store: Store, registry: Registry, engine: Engine) -> Filling | None:
    """The second thing that helps."""
    return await _offered(OR_ELSE, ctx, row_id, store=store, registry=registry, engine=engine)


async def _offered(
    label: str, ctx: Context, row_id: str, *, store: Store, registry: Registry, engine: Engine
) -> Filling | None:
    """Put the plan of a change into the channel, for somebody to confirm; open the form of what only looks."""
    async with store.transaction() as tx:
        view = await tx.alerts.view(row_id, now=ctx.now)
    helps = next((row.labels for row in view.worst if label in row.labels), None)
    if helps is None:
        raise Conflict("This is over: nothing is to be done about it any more.", hint="See alerts for what is not.")
    then = step(helps[label], helps["service"], registry)
    if isinstance(then, Filling):
        return then
    await engine.propose_call(then, replace(ctx, service=helps["service"]), show=True)
    return None


def _plan_of(service: Service, plans: WatchPlans) -> WatchPlan:
    for plan in plans.entries:
        if plan.service == service.name:
            return plan
    raise NotConfigured(
        f"Nothing is watched on {service.name}.", hint=f"Set services.{service.name}.watches.channel in opsbot.yaml."
    )


def _chosen(typed: str, service: Service, plans: WatchPlans) -> str:
    names = {check.name.lower(): check.name for check in _plan_of(service, plans).checks(service)}
    return names[by_prefix(names, typed)] if typed.lower() not in names else names[typed.lower()]


def _seen(pulse: Pulse) -> tuple[Line, Line]:
    """How it was, and when that was seen."""
    if pulse.looked_at is None or not pulse.recent:
        return "not looked at yet" if pulse.looked_at is None else "nothing to tell yet", ""
    word = pulse.recent[-1].value
    if pulse.is_open and pulse.bad_since:
        return (Bold("problem"), " since ", When(pulse.bad_since, date=True), f", {word} now"), (When(pulse.looked_at),)
    return word, (When(pulse.looked_at),)


def _until(silence: Silence | None) -> Line:
    return (When(silence.until, date=True),) if silence else ""


COMMANDS = (
    Command(("watches",), ServiceArgs, run=watches, rows=("W",), examples=("",)),
    Command(("watches", "snooze"), Snooze, run=snooze, role=Role.RESPONDER, examples=("backups 2h known",)),
    Command(("watches", "resume"), Which, run=resume, role=Role.RESPONDER, examples=("backups",)),
)
CLICKS = (
    Click("watch.next", next_step, role=Role.RESPONDER),
    Click("watch.or-else", or_else, role=Role.RESPONDER),
)
