"""Alerts that other systems have sent: what fires, who is on it, what is silenced."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from bot.alerts.answers import ANSWER, ANSWERED
from bot.alerts.cards import group_card, state_of
from bot.core.alert_looks import look
from bot.core.alerts import GroupView, Level, Silence
from bot.core.command import Args, Click, Command, Context, Filling
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.fleet import Fleet
from bot.core.incidents import tellable
from bot.core.parse import by_prefix, option, words
from bot.core.people import Role
from bot.core.prose import Line, Person, When
from bot.core.records import Store, Unit
from bot.core.results import Table, Text

LONGEST = timedelta(days=7)
_SEVERITIES = {Level.CRITICAL: "Critical", Level.WARNING: "High", Level.INFO: "Low"}
_SHOWN = 60


class Which(Args):
    """Arguments of a command about one group of alerts."""

    id: str = Field("", description="Its id, or how that begins, as alerts shows it; needed where several fire.")


class Silenced(Which):
    """What is silenced, for how long and why."""

    lasts: timedelta = option(timedelta(hours=1), "How long: 1h if not said, 7d at most.", alias="for")
    reason: str = words("", "Why; shown on the message.")


async def alerts(ctx: Context, _args: Args, *, store: Store) -> Table:
    """List the alerts of other systems that fire, one row a group."""
    async with store.transaction() as tx:
        views = await tx.alerts.firing(now=ctx.now)
    return Table(
        "Alerts that fire",
        ("Id", "State", "What", "Firing", "Since", "Who"),
        tuple(
            (
                view.group.id[:8],
                state_of(view).value,
                view.group.title,
                f"{view.firing:,}",
                (When(view.group.opened_at, date=True),),
                _who(view),
            )
            for view in views
        ),
        empty="No alert fires, as far as the configured sources have told.",
    )


async def show(ctx: Context, args: Which, *, store: Store) -> Text:
    """Show a group of alerts with all that fire, the worst first."""
    async with store.transaction() as tx:
        view = await _chosen(args.id, ctx, tx)
        return group_card(await tx.alerts.view(view.group.id, now=ctx.now, worst=_SHOWN))


async def acknowledge(ctx: Context, args: Which, *, store: Store) -> Text:
    """Say that you are on it; its message says so, and so do PagerDuty and Jira Service Management.

    Other sources know no acknowledgement: whom they notify, they go on notifying.
    """
    async with store.transaction() as tx:
        view = await _chosen(args.id, ctx, tx)
    return await acknowledged(ctx, view.group.id, store=store)


async def silence(ctx: Context, args: Silenced, *, store: Store) -> Text:
    """Post no new message for a group of alerts for a while; what it sends is stored all the same.

    A message that is there goes on being kept up. What still fires when the silence ends is posted then.
    """
    if args.lasts > LONGEST:
        raise UsageError("That is too long.", hint="7d at most: what should never be posted is better not sent.")
    until = ctx.now + args.lasts
    async with store.transaction() as tx:
        group = (await _chosen(args.id, ctx, tx)).group
        why = await tellable(tx.incidents, ctx.channel_id, args.reason)
        await tx.alerts.silence(Silence(group.source, group.key, until, ctx.actor.user_id, why))
        await look(tx, [group.id], now=ctx.now)
    return Text(((f"{group.title} is silenced until ", When(until, date=True), "."),))


async def unsilence(ctx: Context, args: Which, *, store: Store) -> Text:
    """End a silence now."""
    async with store.transaction() as tx:
        group = (await _chosen(args.id, ctx, tx)).group
        if not await tx.alerts.unsilence(group.source, group.key):
            raise Conflict(f"{group.title} is not silenced.")
        await look(tx, [group.id], now=ctx.now)
    return Text((f"{group.title} is not silenced any more.",))


async def acknowledged(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Somebody is on it."""
    async with store.transaction() as tx:
        if not await tx.alerts.acknowledge(row_id, by=ctx.actor.user_id, at=ctx.now):
            raise Conflict("It was acknowledged before, or is over.", hint="See alerts for how it stands.")
        if (await tx.alerts.view(row_id, now=ctx.now)).group.source in ANSWERED:
            await tx.jobs.defer(ANSWER, args={"group_id": row_id})
        await look(tx, [row_id], now=ctx.now)
        return group_card(await tx.alerts.view(row_id, now=ctx.now))


async def ask_silence(_ctx: Context, row_id: str) -> Filling:
    """How long, and why."""
    return Filling(("alerts", "silence"), given={"lasts": "1h"}, kept={"id": row_id})


async def ask_incident(ctx: Context, row_id: str, *, store: Store, fleet: Fleet) -> Filling:
    """The form of an incident, with what the alert says in it."""
    async with store.transaction() as tx:
        view = await tx.alerts.view(row_id, now=ctx.now)
    if view.group.incident:
        raise Conflict(f"Incident {view.group.incident} was declared for it already.")
    if not view.worst:
        raise Conflict("It is over: nothing fires any more.", hint="Type incident open where it is one all the same.")
    worst, one = view.worst[0], view.firing == 1
    told = worst.text or worst.title
    named = {row.labels.get("service") for row in view.worst}
    services = [service.name for service in fleet.services if service.name in named]
    return Filling(
        ("incident", "open"),
        given={
            "severity": _SEVERITIES[worst.level],
            "title": worst.title if one else view.group.title,
            "impact": (told if one else f"{view.firing:,} alerts fire. {told}")[:500],
            "services": ",".join(services),
        },
        kept={"alert": row_id},
    )


async def _chosen(typed: str, ctx: Context, tx: Unit) -> GroupView:
    views = {view.group.id: view for view in await tx.alerts.firing(now=ctx.now)}
    if not views:
        raise NotFound("No alert fires.")
    return views[by_prefix({id_: view.group.title for id_, view in views.items()}, typed)]


def _who(view: GroupView) -> Line:
    if view.silence:
        return ("silenced until ", When(view.silence.until, date=True))
    return (Person(view.group.acknowledged_by),) if view.group.acknowledged_by else "nobody yet"


COMMANDS = (
    Command(("alerts",), Args, run=alerts, examples=("",)),
    Command(("alerts", "show"), Which, run=show, examples=("3f2a",)),
    Command(("alerts", "acknowledge"), Which, run=acknowledge, role=Role.RESPONDER, examples=("3f2a",)),
    Command(
        ("alerts", "silence"),
        Silenced,
        run=silence,
        role=Role.RESPONDER,
        examples=("3f2a 2h known, fixed by the next release",),
    ),
    Command(("alerts", "unsilence"), Which, run=unsilence, role=Role.RESPONDER, examples=("3f2a",)),
)
CLICKS = (
    Click("alert.acknowledge", acknowledged, role=Role.RESPONDER),
    Click("alert.silence", ask_silence, role=Role.RESPONDER),
    Click("alert.incident", ask_incident, role=Role.RESPONDER),
)
