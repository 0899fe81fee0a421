"""The checks of what the service keeps its data in: database, Redis with its rate limits."""

from __future__ import annotations

from datetime import timedelta

from bot.core.cache import Cache
from bot.core.database import Database, Exhausted
from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.sizes import format_size
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, at_most

QUERY_WARN = Limit("query_seconds_warn_above", 5, "Seconds that a query, or an open transaction, may last.")
CONNECTIONS_WARN = Limit("connections_percent_warn_above", 80, "Percentage of the database's connections in use.")
CONNECTIONS_FAIL = Limit("connections_percent_fail_above", 95, "The same beyond which the next client is refused soon.")
REDIS_WARN = Limit("redis_percent_warn_above", 80, "Percentage of Redis's limit, or of its machine without one.")
REDIS_FAIL = Limit("redis_percent_fail_above", 95, "The same beyond which writes are refused, or keys thrown away.")


async def find_database(terms: Terms, *, database: Database) -> Finding:
    """Connections against the limit, and queries that take long or wait for one another."""
    limit = f"at most {terms[CONNECTIONS_WARN]:g} %"
    try:
        seen = await database.connections()
    except Exhausted as error:
        return Finding(State.FAIL, "no connection is left", limit, str(error), 100)
    patience = timedelta(seconds=terms[QUERY_WARN])
    long = [backend.pid for backend in seen.backends if backend.busy > patience]
    held = [backend.pid for backend in seen.backends if backend.blocked_by]
    percent = 100 * seen.count / seen.limit
    queries = State.FAIL if held else State.WARN if long else State.OK
    state = State.worst((queries, at_most(percent, terms, warn=CONNECTIONS_WARN, fail=CONNECTIONS_FAIL)))
    states = ", ".join(f"{count} {name}" for name, count in seen.by_state.items())
    pids = ", ".join(str(pid) for pid in dict.fromkeys((*held, *long)))
    return Finding(
        state,
        f"{seen.count} of {seen.limit} connections ({states or 'none'}), "
        f"{len(long)} queries longer than {patience.total_seconds():g} s, {len(held)} held up by others",
        limit,
        pids and f"Pids {pids}.",
        percent,
    )


async def find_redis(terms: Terms, *, cache: Cache) -> Finding:
    """What Redis holds of what it may hold."""
    seen = await cache.memory()
    whole = seen.limit or seen.machine
    if not whole:
        raise IntegrationError("Redis tells neither a limit nor what its machine has.")
    percent = 100 * seen.used / whole
    of = "its limit" if seen.limit else "its machine's memory, for it has no limit"
    return Finding(
        at_most(percent, terms, warn=REDIS_WARN, fail=REDIS_FAIL),
        f"{format_size(seen.used)} of {format_size(whole)} ({percent:.0f} %), {seen.evicted:,} keys evicted",
        f"at most {terms[REDIS_WARN]:g} %",
        f"Of {of}; policy {seen.policy}.",
        percent,
    )


async def find_stuck(_terms: Terms, *, cache: Cache) -> Finding:
    """Counts of rate limits that never expire: whoever reached one is kept out for good."""
    found = await cache.rate_limits()
    stuck = sum(limit.is_stuck for limit in found.limits)
    if found.left_out and not stuck:
        raise IntegrationError(f"Not all were looked at: {found.left_out}")
    return Finding(
        State.FAIL if stuck else State.OK,
        f"{stuck} of {len(found.limits)} never expire",
        "0",
        "rate-limits clear --stuck takes them away." if stuck else "",
        stuck,
    )


DATA = (
    Declaration(
        "Database",
        find_database,
        rows=("J2",),
        limits=(QUERY_WARN, CONNECTIONS_WARN, CONNECTIONS_FAIL),
        unit="%",
        family=Family.DATA,
        owner="Infrastructure",
        then=("db", "why slow", "db restart"),
    ),
    Declaration(
        "Redis memory",
        find_redis,
        rows=("P6",),
        limits=(REDIS_WARN, REDIS_FAIL),
        unit="%",
        family=Family.DATA,
        every=timedelta(minutes=2),
        owner="Infrastructure",
        then=("cache memory",),
    ),
    Declaration(
        "Rate limits",
        find_stuck,
        rows=("H3",),
        unit="stuck",
        family=Family.DATA,
        every=timedelta(minutes=5),
        follows=("Redis memory",),
        then=("rate-limits clear --stuck", "rate-limits"),
    ),
)
