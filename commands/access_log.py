"""The access log: who asks for what, and requests that hold a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from bot.core.access_log import AccessLog, Request, Traffic
from bot.core.addresses import mask_addresses
from bot.core.command import Command, Context, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import UsageError
from bot.core.firewall import parse_network
from bot.core.fleet import Service
from bot.core.parse import option
from bot.core.people import Role
from bot.core.prose import Code, Line, When
from bot.core.results import LogLines, Table
from bot.core.search import Pattern
from bot.core.signatures import signature

USUAL = timedelta(hours=24)
_SAMPLE = 1000  # newest requests that match, of which the most frequent are told
_TOP = 5
_MANY = 20  # requests of one address before anything is said of it
_SHARE = 0.25  # of all requests, from which on one address stands out
_REFUSED = 0.8  # of its own requests, from which on it looks for what is not there
_LOGIN = ("login", "signin", "sign-in", "auth", "session", "token", "admin")


class Search(ServiceArgs):
    """What to look for, and since when."""

    pattern: str = Field("", description="A text, in capitals or not; without it: who asks for what, and how often.")
    regex: bool = option(default=False, description="The text is a regular expression.")
    full: bool = option(default=False, description="Show whole addresses of customers; the audit keeps who did.")
    lines: int = option(20, "How many of the newest requests are shown; 500 at most.")
    lasts: timedelta | None = option(None, "How far back: 24h if not said.", alias="for")


async def look(ctx: Context, args: Search, *, service: Service, access_log: AccessLog) -> LogLines | Table:
    """Show who asks for what and how it is answered, or the newest requests that hold a text; addresses are cut."""
    if not 1 <= args.lines <= 500:  # noqa: PLR2004 - a file beyond what anybody reads
        raise UsageError("--lines is from 1 to 500.")
    since = ctx.now - (args.lasts or USUAL)
    if not args.pattern:
        traffic = await access_log.newest(since=since)
        return _overview(traffic, since, service=service, full=args.full)
    wanted = Pattern(args.pattern, regex=args.regex)
    traffic = await access_log.newest(since=since, wanted=wanted, count=max(_SAMPLE, args.lines))
    newest = traffic.entries[-args.lines :]
    return LogLines(
        title=f"{service.name}: {len(newest)} newest requests with {args.pattern}",
        lines=tuple(_shown(entry.line, full=args.full) for entry in newest),
        left_out=traffic.left_out,
        empty=f"No request of the last {format_duration(args.lasts or USUAL)} matches.",
        notes=tuple(_about(traffic, since, full=args.full)) if newest else (),
    )


def _overview(traffic: Traffic, since: datetime, *, service: Service, full: bool) -> Table:
    requests = traffic.requests
    rows = [
        *_rows("address", [(_shown(request.address, full=full), request) for request in requests]),
        *_rows("path", [(signature(request.path), request) for request in requests]),
        *_rows("status", [(str(request.status), request) for request in requests]),
    ]
    notes = [_period(traffic, since), *_rates(requests), *_failed_logins(requests), *_next_steps(requests, full=full)]
    return Table(
        title=f"Requests to {service.name}",
        columns=("By", "Which", "Requests", "Part", "4xx", "5xx"),
        rows=tuple(rows),
        empty="No request is there.",
        notes=(*notes, *_unread(traffic), *([traffic.left_out] if traffic.left_out else [])),
    )


def _rows(kind: str, asked: Sequence[tuple[str, Request]]) -> Iterator[tuple[Line, ...]]:
    """The most frequent of one kind, with how they were answered."""
    total = Counter(name for name, _ in asked)
    classes = Counter((name, request.status // 100) for name, request in asked)
    for name, count in total.most_common(_TOP):
        part = f"{count / len(asked):.1%}"
        yield kind, (Code(name),), f"{count:,}", part, f"{classes[name, 4]:,}", f"{classes[name, 5]:,}"


def _about(traffic: Traffic, since: datetime, *, full: bool) -> Iterator[Line]:
    """Of the requests that match: when, by whom, for what, how answered."""
    requests = traffic.requests
    yield _period(traffic, since)
    for kind, names in (
        ("address", [_shown(request.address, full=full) for request in requests]),
        ("path", [signature(request.path) for request in requests]),
        ("status", [str(request.status) for request in requests]),
    ):
        if names:
            top = Counter(names).most_common(_TOP)
            yield (f"By {kind}: ", *_listed([(Code(name), f" {count:,}") for name, count in top]))
    yield from _next_steps(requests, full=full)
    yield from _unread(traffic)


def _listed(parts: Iterable[tuple[Code, str]]) -> Iterator[str | Code]:
    for number, (name, count) in enumerate(parts):
        yield from ((" · ", name, count) if number else (name, count))


def _period(traffic: Traffic, since: datetime) -> Line:
    """How many requests, and from when on none is missing."""
    start = traffic.complete_from
    count = f"{len(traffic.entries):,} requests"
    if start is None:
        return f"{count}; I do not know how far back they are complete."
    if start > since:
        return f"{count}, complete since ", When(start), " only."
    return f"{count} since ", When(since), "."


def _rates(requests: Sequence[Request]) -> Iterator[Line]:
    if requests:
        parts = [sum(request.status // 100 == kind for request in requests) / len(requests) for kind in (4, 5)]
        yield f"Answered 4xx: {parts[0]:.2%}, 5xx: {parts[1]:.2%}."


def _failed_logins(requests: Iterable[Request]) -> Iterator[Line]:
    failed = [
        request
        for request in requests
        if request.status in {401, 403} and any(word in request.path.lower() for word in _LOGIN)
    ]
    if failed:
        people = len({request.address for request in failed})
        yield f"Failed logins: {len(failed):,} from {people:,} addresses."


def _next_steps(requests: Sequence[Request], *, full: bool) -> Iterator[Line]:
    """Who stands out, as far as the block list would take the address."""
    total = Counter(request.address for request in requests)
    refused = Counter(request.address for request in requests if request.status // 100 == 4)  # noqa: PLR2004 - HTTP's class
    for address, count in total.most_common(_TOP):
        stands_out = count >= _SHARE * len(requests) and len(total) > 1
        if count < _MANY or not (stands_out or refused[address] >= _REFUSED * count) or not _can_be_blocked(address):
            continue
        name = _shown(address, full=full)
        yield (
            Code(name),
            f" stands out: {count:,} requests, {refused[address]:,} of them refused. ",
            *((Code(f"block-ip {address}"), " keeps it out.") if full else (Code("--full"), " shows whom to block.")),
        )


def _can_be_blocked(address: str) -> bool:
    try:
        parse_network(address)
    except UsageError:
        return False
    return True


def _unread(traffic: Traffic) -> Iterator[Line]:
    if odd := len(traffic.entries) - len(traffic.requests):
        yield f"{odd:,} lines are in no format that I read; they are counted nowhere."


def _shown(text: str, *, full: bool) -> str:
    return text if full else mask_addresses(text)


COMMANDS = (
    Command(
        ("access-log",),
        Search,
        run=look,
        role=Role.RESPONDER,
        rows=("I4",),
        examples=("", "sqlmap for 2h", "'/wp-(login|admin)' --regex --full"),
    ),
)
