"""Errors of the service by what they say, and how many they are for its traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bot.core.access_log import AccessLog, Traffic
from bot.core.addresses import mask_addresses
from bot.core.command import Command, Context, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import IntegrationError, OpsbotError
from bot.core.fleet import Service
from bot.core.leaks import mask_emails
from bot.core.log_search import LogLine, LogSearch, Matches
from bot.core.parse import option
from bot.core.people import Role
from bot.core.prose import Bold, Line, When
from bot.core.results import Table
from bot.core.signatures import WANTED, Group, grouped, is_error
from bot.digests.checks.logs import ERRORS_WARN, error_rate
from bot.digests.declaration import Terms

USUAL = timedelta(hours=1)
_BEFORE = timedelta(hours=24)  # what was there in that time before is not new
_SHOWN = 15


class Since(ServiceArgs):
    """How far back."""

    lasts: timedelta | None = option(None, "How far back: 1h if not said.", alias="for")


async def errors(ctx: Context, args: Since, *, service: Service, logs: LogSearch) -> Table:
    """Show the errors in the logs by what they say, the most frequent first, and how many they are for the traffic."""
    lasts = args.lasts or USUAL
    since = ctx.now - lasts
    found, traffic = await asyncio.gather(logs.matching(WANTED, since=since - _BEFORE), _traffic(service, since))
    lines = [line for line in found.lines if is_error(line.text)]
    recent = [line for line in lines if line.at is None or line.at >= since]
    groups = grouped(recent)
    earlier = {group.signature for group in grouped(line for line in lines if line.at and line.at < since)}
    knows_before = found.complete_from is not None and found.complete_from <= since - _BEFORE
    terms = Terms(ctx.now, service.limits)
    notes = [_rate(recent, traffic, found=found, since=since, terms=terms), *_limits_of_it(recent, found, since)]
    if len(groups) > _SHOWN:
        notes.append(f"{len(groups) - _SHOWN} more kinds of error are not shown.")
    return Table(
        title=f"{service.name}: {len(recent):,} error lines in the last {format_duration(lasts)}",
        columns=("Times", "First", "Last", "What it says"),
        rows=tuple(_row(group, is_new=knows_before and group.signature not in earlier) for group in groups[:_SHOWN]),
        empty="No line says that it is an error.",
        notes=tuple(notes),
    )


async def _traffic(service: Service, since: datetime) -> Traffic | str:
    """What the access log has, or why it has nothing."""
    try:
        return await service.port(AccessLog).newest(since=since)
    except OpsbotError as error:
        return str(error)


def _rate(errors: Sequence[LogLine], traffic: Traffic | str, *, found: Matches, since: datetime, terms: Terms) -> Line:
    """Errors for the requests of the time that both logs cover; unknown when it cannot be told."""
    if isinstance(traffic, str):
        return Bold("Rate unknown: "), traffic
    try:
        rate = error_rate(errors, traffic, found=found, since=since)
    except IntegrationError as error:
        return Bold("Rate unknown: "), str(error)
    return (
        Bold(f"Rate {rate.state(terms)}: "),
        f"{rate.errors:,} error lines for {rate.requests:,} requests since ",
        When(rate.since),
        f", {rate.lines_percent:.2f} %; answered 5xx: {rate.failed_percent:.2f} %. At most {terms[ERRORS_WARN]:g} %.",
    )


def _limits_of_it(errors: Sequence[LogLine], found: Matches, since: datetime) -> Iterator[Line]:
    """What these figures do not cover."""
    if undated := sum(line.at is None for line in errors):
        yield f"{undated:,} of them carry no time and may be older."
    if found.complete_from is None or found.complete_from > since - _BEFORE:
        yield "What is new since yesterday is unknown: the logs do not reach back a day more."
    if found.complete_from and found.complete_from > since:
        yield ("The logs are complete since ", When(found.complete_from), " only.")
    if found.left_out:
        yield found.left_out


def _row(group: Group, *, is_new: bool) -> tuple[Line, ...]:
    sample = mask_emails(mask_addresses(group.sample))
    times: Line = (f"{group.count:,} ", Bold("new")) if is_new else f"{group.count:,}"
    return times, _when(group.first_at), _when(group.last_at), sample


def _when(at: datetime | None) -> Line:
    return (When(at),) if at else "no time"


COMMANDS = (
    Command(
        ("errors",),
        Since,
        run=errors,
        role=Role.RESPONDER,
        rows=("H1", "F3"),
        examples=("", "for 6h"),
    ),
)
