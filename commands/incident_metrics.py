"""How long incidents take."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.command import Args, Command, Context, Root
from bot.core.duration import format_duration
from bot.core.errors import IntegrationError
from bot.core.parse import option
from bot.core.ports import Chat
from bot.core.prose import Line, When
from bot.core.records import Store
from bot.core.results import Table
from bot.incidents.figures import Known, Measured, measured_since, shown, summary, trend
from bot.incidents.rules import IncidentRules

_USUAL = timedelta(days=90)
_SHOWN = 30


class Span(Args):
    """How far back, and for whom."""

    last: timedelta | None = option(None, "How far back: 90d if not said.")
    here: bool = option(default=False, description="Share the chart in this channel; else only you get it.")


async def metrics(ctx: Context, args: Span, *, store: Store, chat: Chat, rules: IncidentRules) -> Table:
    """Show how long incidents took to be acknowledged, mitigated and resolved, with a chart of the trend.

    Each moment says how it is known; what is not known is counted and never guessed. Private incidents have no part.
    """
    last = args.last or _USUAL
    since = ctx.now - last
    async with store.transaction() as tx:
        measured = await measured_since(tx, since)
    notes: list[Line] = [
        summary("To acknowledge (MTTA)", [each.to_acknowledge for each in measured]),
        summary("To mitigate", [each.to_mitigate for each in measured]),
        summary("To resolve (MTTR)", [each.to_resolve for each in measured]),
    ]
    if measured:
        notes.append(await _share(ctx, measured, here=args.here, since=since, zone=rules.zone, chat=chat))
    if len(measured) > _SHOWN:
        notes.append(f"Shown are the last {_SHOWN} of {len(measured)}; the figures are of all.")
    return Table(
        f"Incidents of the last {format_duration(last)}",
        ("Number", "Severity", "Started", "Detected", "Acknowledged", "Mitigated", "Resolved", "Took"),
        tuple(map(_row, measured[:_SHOWN])),
        empty="No incident was declared in that time.",
        notes=tuple(notes) if measured else (),
    )


async def _share(
    ctx: Context, measured: tuple[Measured, ...], *, here: bool, since: datetime, zone: str, chat: Chat
) -> str:
    """Post the chart where it was asked for; the sentence that says where, or its words where Slack takes none."""
    chart = trend(measured, since=since, until=ctx.now, zone=zone)
    try:
        channel = ctx.channel_id if here else await chat.direct(ctx.actor.user_id)
        await chat.picture(channel, "incidents.png", chart)
    except IntegrationError as error:
        return f"The chart could not be shared ({error.hint or error}). {chart.words}"
    return "The chart is in this channel." if here else "The chart is in your direct messages."


def _row(measured: Measured) -> tuple[Line, ...]:
    moments = (
        measured.started,
        measured.detected,
        measured.acknowledged,
        measured.mitigated,
        measured.resolved,
    )
    incident = measured.incident
    return (str(incident.number), incident.severity, *map(_moment, moments), shown(measured.to_resolve))


def _moment(known: Known) -> Line:
    return (When(known.at, date=True), f" ({known.how})") if known.at else known.how


COMMANDS = (Command(("metrics",), Span, run=metrics, root=Root.INCIDENT, examples=("", "--last 30d", "--here")),)
