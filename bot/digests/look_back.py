"""What only a look back at weeks shows: the slowest endpoints, the backups of a month, known faults of the packages."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta

from bot.core.access_log import AccessLog, Traffic
from bot.core.dependencies import Dependencies
from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Backups
from bot.core.search import Pattern
from bot.core.signatures import signature
from bot.digests.declaration import Declaration, Family, Finding, Terms

_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)
_REQUESTS = 20_000
"""Newest requests that are looked at: of a busy service less than a week, which is said."""

_REFUSED = Pattern(r'(" |status" *: *"?)(401|403|429)[ ",}]', regex=True)
"""Sorted out where the log is, in both of its formats: so a week of refusals fits where one of requests does not."""

_FEWEST = 5
"""Requests of an endpoint from which on its slowness is no accident."""
_TOP = 5
_DAILY_BACKUPS = 62
_SLOW_PART = 0.95


async def find_slowest(terms: Terms, *, access_log: AccessLog) -> Finding:
    """Endpoints by the time within which 95 of 100 requests to them were answered, the slowest first."""
    traffic = await access_log.newest(since=terms.now - _WEEK, count=_REQUESTS)
    took: dict[str, list[float]] = defaultdict(list)
    for request in traffic.requests:
        if request.took is not None:
            took[f"{request.method} {signature(request.path)}"].append(request.took)
    if not took:
        raise IntegrationError("The access log has no durations: add $request_time to its format.")
    slow = {
        path: sorted(each)[int(_SLOW_PART * (len(each) - 1))] for path, each in took.items() if len(each) >= _FEWEST
    }
    if not slow:
        raise IntegrationError(f"No endpoint was asked {_FEWEST} times.")
    first, *others = sorted(slow, key=lambda path: -slow[path])[:_TOP]
    return Finding(
        State.OK,
        f"{first}: {slow[first]:.2f} s{_since(traffic, terms)}",
        evidence="; ".join(f"{path} {slow[path]:.2f} s of {len(took[path]):,}" for path in others),
        measure=slow[first],
    )


async def find_refused(terms: Terms, *, access_log: AccessLog) -> Finding:
    """How many requests of the week were refused, for their number and for want of a login."""
    traffic = await access_log.newest(since=terms.now - _WEEK, wanted=_REFUSED, count=_REQUESTS)
    if traffic.complete_from is None:
        raise IntegrationError("How far back the access log is complete cannot be told.")
    statuses = Counter(request.status for request in traffic.requests)
    refused = statuses[401] + statuses[403]
    value = f"{statuses[429]:,} for their number, {refused:,} for want of a login{_since(traffic, terms)}"
    return Finding(State.OK, value, measure=statuses[429])


def _since(traffic: Traffic, terms: Terms) -> str:
    """From when on it is, where that is not the whole week."""
    begins = traffic.complete_from or next((request.at for request in traffic.requests), terms.now)
    return f", only since {begins:%Y-%m-%d %H:%M} UTC" if begins > terms.now - _WEEK else ""


async def find_month_of_backups(terms: Terms, *, backups: Backups) -> Finding:
    """Whether each day of the last month has a backup that is whole."""
    found = [each for each in await backups.newest(_DAILY_BACKUPS) if each.made_at > terms.now - _MONTH]
    bad = [each for each in found if each.fault or not each.size]
    days = {(terms.now - each.made_at).days for each in found if each not in bad}
    missing = sorted(set(range(_MONTH.days)) - days)
    value = f"{len(found) - len(bad)} whole ones on {len(days)} of {_MONTH.days} days"
    evidence = "; ".join(f"{each.path}: {each.fault or 'it is empty'}" for each in bad)
    if missing:
        evidence = f"None for {len(missing)} of the days, last {missing[0]} days ago. {evidence}".strip()
    state = State.FAIL if not days else State.WARN if bad or missing else State.OK
    return Finding(state, value, "one a day", evidence, measure=len(days))


async def find_weaknesses(_terms: Terms, *, dependencies: Dependencies) -> Finding:
    """What is known against the packages of the service; nothing is updated."""
    found = await dependencies.weaknesses()
    by_severity = Counter(each.severity for each in found)
    value = ", ".join(f"{count} {severity}" for severity, count in by_severity.items()) or "none known"
    worst = "; ".join(f"{each.package} ({each.severity}): {', '.join(each.titles)[:80]}" for each in found[:_TOP])
    return Finding(State.WARN if found else State.OK, value, "none", worst, measure=len(found))


WEEKLY = (
    Declaration("Slowest endpoints", find_slowest, rows=("L",), unit="s", family=Family.PAYMENTS),
    Declaration("Refused requests", find_refused, rows=("L",), family=Family.SECURITY, then=("access-log 401",)),
)
MONTHLY = (
    Declaration("Backups of the month", find_month_of_backups, rows=("M1",), unit="days", family=Family.DATA),
    Declaration(
        "Packages with known faults",
        find_weaknesses,
        rows=("M2",),
        unit="packages",
        family=Family.SECURITY,
        within=timedelta(minutes=2),
        then=("dependencies",),
    ),
)
