"""The checks of the logs: how many errors there are for the traffic, and who fails to log in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.access_log import AccessLog, Traffic
from bot.core.duration import format_duration
from bot.core.errors import IntegrationError
from bot.core.log_search import LogLine, LogSearch, Matches
from bot.core.parts import State
from bot.core.signatures import WANTED, is_error
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, Unusual, at_most

ERRORS_WARN = Limit("error_percent_warn_above", 1, "Percentage of error lines, or of answers 5xx, for the requests.")
ERRORS_FAIL = Limit("error_percent_fail_above", 5, "The same percentage beyond which customers are hit for sure.")
LOGINS_WARN = Limit("failed_logins_warn_above", 20, "Refused log-ins (401 and 403) within the hour.")
LOGINS_FAIL = Limit(
    "failed_logins_fail_above", 200, "Refused log-ins within the hour beyond which somebody tries keys."
)
HITS_WARN = Limit("rate_limit_hits_warn_above", 50, "Requests refused with 429 within the hour.")
HITS_FAIL = Limit("rate_limit_hits_fail_above", 1000, "The same, when customers are kept out in numbers.")

_LATELY = timedelta(minutes=5)
_HOUR = timedelta(hours=1)
_SERVER_FAULT = 5  # HTTP's class of answers


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Error lines and answers 5xx for the requests since a moment that both logs cover; `undated` may be older."""

    since: datetime
    errors: int
    failed: int
    requests: int
    undated: int

    @property
    def lines_percent(self) -> float:
        """Error lines for each hundred requests."""
        return 100 * self.errors / self.requests

    @property
    def failed_percent(self) -> float:
        """Answers 5xx of each hundred requests."""
        return 100 * self.failed / self.requests

    def state(self, terms: Terms) -> State:
        """The worse of the two; lines without a time leave it unknown where it would be good."""
        worst = max(self.lines_percent, self.failed_percent)
        if worst > terms[ERRORS_FAIL]:
            return State.FAIL
        if worst > terms[ERRORS_WARN]:
            return State.WARN
        return State.UNKNOWN if self.undated else State.OK


def error_rate(errors: Sequence[LogLine], traffic: Traffic, *, found: Matches, since: datetime) -> ErrorRate:
    """What both logs say of the time that both cover; `IntegrationError` with the reason when it cannot be told."""
    if found.complete_from is None or traffic.complete_from is None:
        which = "logs are" if found.complete_from is None else "access log is"
        raise IntegrationError(f"How far back the {which} complete cannot be told.")
    start = max(since, found.complete_from, traffic.complete_from).replace(microsecond=0)  # as access logs have it
    requests = [request for request in traffic.requests if request.at >= start]
    if not requests:
        raise IntegrationError(f"The access log has no request since {start:%Y-%m-%d %H:%M} UTC.")
    return ErrorRate(
        since=start,
        errors=sum(line.at is not None and line.at >= start for line in errors),
        failed=sum(request.status // 100 == _SERVER_FAULT for request in requests),
        requests=len(requests),
        undated=sum(line.at is None for line in errors),
    )


async def find_errors(terms: Terms, *, log_search: LogSearch, access_log: AccessLog) -> Finding:
    """Errors for the traffic of the last minutes."""
    since = terms.now - _LATELY
    found, traffic = await asyncio.gather(log_search.matching(WANTED, since=since), access_log.newest(since=since))
    errors = [line for line in found.lines if is_error(line.text) and (line.at is None or line.at >= since)]
    rate = error_rate(errors, traffic, found=found, since=since)
    value = (
        f"{rate.errors:,} error lines for {rate.requests:,} requests ({rate.lines_percent:.2f} %), "
        f"answered 5xx: {rate.failed_percent:.2f} %"
    )
    evidence = f"{rate.undated:,} error lines carry no time and may be older." if rate.undated else ""
    worst = max(rate.lines_percent, rate.failed_percent)
    return Finding(rate.state(terms), value, f"at most {terms[ERRORS_WARN]:g} %", evidence, worst)


def refused_with(*statuses: int, warn: Limit, fail: Limit) -> Callable[..., Awaitable[Finding]]:
    """How many requests of the last hour were answered so, and how many addresses they came from."""

    async def find(terms: Terms, *, access_log: AccessLog) -> Finding:
        traffic = await access_log.newest(since=terms.now - _HOUR)
        if traffic.complete_from is None:
            raise IntegrationError("How far back the access log is complete cannot be told.")
        since = max(terms.now - _HOUR, traffic.complete_from)
        refused = [request for request in traffic.requests if request.at >= since and request.status in statuses]
        addresses = Counter(request.address for request in refused)
        most = max(addresses.values(), default=0)
        return Finding(
            at_most(len(refused), terms, warn=warn, fail=fail),
            f"{len(refused):,} from {len(addresses):,} addresses in {format_duration(terms.now - since)}",
            f"at most {terms[warn]:g} an hour",
            f"One address at most {most:,}; access-log {statuses[0]} shows them." if most else "",
            len(refused),
        )

    return find


LOGS = (
    Declaration(
        "Error rate",
        find_errors,
        rows=("H1",),
        limits=(ERRORS_WARN, ERRORS_FAIL),
        unit="%",
        unusual=Unusual.ABOVE,
        family=Family.PAYMENTS,
        follows=("Workers", "Health", "Database", "Provider status", "Provider API"),
        then=("rollback", "errors", "changes"),
    ),
    Declaration(
        "Failed log-ins",
        refused_with(401, 403, warn=LOGINS_WARN, fail=LOGINS_FAIL),
        rows=("L",),
        limits=(LOGINS_WARN, LOGINS_FAIL),
        unit="an hour",
        unusual=Unusual.ABOVE,
        family=Family.SECURITY,
        every=timedelta(minutes=5),
        owner="Security",
        then=("access-log 401", "blocked"),
    ),
    Declaration(
        "Rate-limit hits",
        refused_with(429, warn=HITS_WARN, fail=HITS_FAIL),
        rows=("L",),
        limits=(HITS_WARN, HITS_FAIL),
        unit="an hour",
        unusual=Unusual.ABOVE,
        family=Family.SECURITY,
        every=timedelta(minutes=5),
        then=("why 429", "access-log 429", "rate-limits"),
    ),
)
