"""Whom the service's rate limits keep out, and clearing one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Arg

from bot.core.cache import Cache, RateLimit, RateLimits, masked
from bot.core.command import Command, Context, ReasonedArgs, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import UsageError
from bot.core.fleet import Service
from bot.core.parse import option
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Bold, Code, Line
from bot.core.results import Field, Table

SHOWN = 15
AT_ONCE = 50
"""So many stuck ones are cleared by one plan at most: each is named in it."""


class Whose(ServiceArgs):
    """Whose."""

    address: str = Arg("", description="One customer's address, in full; without it others are masked.")


class Clear(ReasonedArgs):
    """Whose, and why."""

    address: str = Arg("", description="The customer's address, in full.")
    stuck: bool = option(default=False, description="All that never expire, in place of an address.")


class Keys(BaseModel):
    """Exactly these keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[str, ...]


async def show(_ctx: Context, args: Whose, *, service: Service, cache: Cache) -> Table:
    """Show the counts of the rate limits with the time each has yet, the ones that never expire first.

    Addresses are masked unless one is asked for in full.
    """
    if args.address:
        limits = await cache.rate_limits_of(args.address)
        notes: tuple[Line, ...] = ()
    else:
        seen = await cache.rate_limits()
        limits, notes = _worst_first(seen.limits), _notes(seen)
    return Table(
        title=f"Rate limits of {service.name}",
        columns=("Address", "Count", "Ends"),
        rows=tuple(_row(limit, in_full=bool(args.address)) for limit in limits[:SHOWN]),
        empty=f"No rate limit counts for {args.address}." if args.address else "No rate limit counts for anybody.",
        notes=notes,
    )


async def clear(_ctx: Context, args: Clear, *, cache: Cache) -> Plan:
    """Let one customer in again: take away the count of exactly this address, or with --stuck all that never expire."""
    if bool(args.address) is args.stuck:
        raise UsageError("Whose?", hint="Give one address in full, or --stuck; a reason with --stuck takes --reason.")
    if args.stuck:
        seen = await cache.rate_limits()
        found, left_out = tuple(limit for limit in seen.limits if limit.is_stuck), seen.left_out
        title = "Clear the rate limits that never expire"
    else:
        found, left_out = await cache.rate_limits_of(args.address), ""
        title = f"Clear the rate limit of {args.address}"
    chosen = sorted(found, key=lambda limit: limit.key)[:AT_ONCE]
    keys = Keys(keys=tuple(limit.key for limit in chosen))
    return Plan(
        title=title,
        area=Area.CACHE,
        changes=tuple(Field(_whose(limit, in_full=not args.stuck), f"{_standing(limit)} -> gone") for limit in chosen),
        actions=(_action(keys, in_full=not args.stuck),) if chosen else (),
        preconditions={"keys to take away": str(len(chosen))},
        warnings=_warnings(len(found), len(chosen), left_out),
    )


async def remember_limits(params: Keys, *, cache: Cache) -> Json:
    """Counts and times of the keys."""
    return {limit.key: [limit.count, limit.ttl] for limit in await cache.read_limits(params.keys)}


async def take_away(attempt: Attempt[Keys], *, cache: Cache) -> str:
    """Unlink the keys."""
    return f"unlinked {await cache.unlink(attempt.params.keys)} keys"


async def see_cleared(attempt: Attempt[Keys], *, cache: Cache) -> Observation:
    """Each key is gone, or counts anew from its beginning because its customer came again."""
    there = await cache.read_limits(attempt.params.keys)
    old = [limit for limit in there if not _is_fresh(limit, attempt.before.get(limit.key))]
    count = len(attempt.params.keys)
    if old:
        return Observation(Verdict.NOT_DONE, f"{len(old)} of {count} keys count on: {_standing(old[0])}.")
    fresh = [f"counts anew since then ({_standing(limit)})" for limit in there]
    gone = [f"{count - len(there)} of {count} keys gone"] if len(there) < count else []
    return Observation(Verdict.DONE, f"{'; '.join((*gone, *fresh)).capitalize()}.")


def _is_fresh(limit: RateLimit, before: object) -> bool:
    """Whether it was made after the old one: a count never falls by itself, and its time never rises."""
    match before:
        case [int(count), _] if limit.count is not None and limit.count < count:
            return True
        case [_, None]:
            return limit.ttl is not None
        case [_, int(ttl)]:
            return limit.ttl is not None and limit.ttl > ttl
    return before is None


def _action(keys: Keys, *, in_full: bool) -> Action:
    """Whoever typed an address knows it; the others' stay out of the card."""
    count = len(keys.keys)
    argv = ("UNLINK", *keys.keys) if in_full else ()
    return Action(CLEAR.name, f"Take away {count} key{'' if count == 1 else 's'}", keys.model_dump(mode="json"), argv)


def _worst_first(limits: Sequence[RateLimit]) -> tuple[RateLimit, ...]:
    return tuple(sorted(limits, key=lambda limit: (not limit.is_stuck, -(limit.count or 0), limit.key)))


def _row(limit: RateLimit, *, in_full: bool) -> tuple[Line, ...]:
    ends: Line = (Bold("never"), " (stuck)") if limit.is_stuck else f"in {_left(limit)}"
    return ((Code(_whose(limit, in_full=in_full)),), _count(limit), ends)


def _whose(limit: RateLimit, *, in_full: bool) -> str:
    return limit.address if in_full else masked(limit.address)


def _standing(limit: RateLimit) -> str:
    return f"count {_count(limit)}, {'never expires' if limit.is_stuck else f'{_left(limit)} left'}"


def _count(limit: RateLimit) -> str:
    return "no number" if limit.count is None else f"{limit.count:,}"


def _left(limit: RateLimit) -> str:
    return format_duration(timedelta(seconds=limit.ttl or 0))


def _notes(seen: RateLimits) -> tuple[Line, ...]:
    stuck = sum(limit.is_stuck for limit in seen.limits)
    notes: list[Line] = [f"{seen.looked_at:,} keys were looked at, {stuck:,} never expire."]
    if stuck:
        notes.append("Whoever reached such a limit is kept out for good: rate-limits clear --stuck ends that.")
    if seen.gone:
        notes.append(f"{seen.gone:,} expired while I looked.")
    if len(seen.limits) > SHOWN:
        notes.append(f"{len(seen.limits) - SHOWN:,} more are not shown.")
    if seen.left_out:
        notes.append((Bold("Not everything was looked at. "), seen.left_out))
    return tuple(notes)


def _warnings(found: int, chosen: int, left_out: str) -> tuple[Line, ...]:
    if chosen:
        lines = [
            "There is no way back: the count begins anew with the next request, and an old one would punish twice."
        ]
    else:
        lines = ["No rate limit of that kind counts now."]
    if found > chosen:
        lines.append(f"{found - chosen} more stay for now: ask again.")
    return (*lines, (Bold("Not everything was looked at. "), left_out)) if left_out else tuple(lines)


CLEAR = Step(
    "cache.unlink", Keys, observe=see_cleared, do=take_away, before=remember_limits, settle=timedelta(seconds=2)
)
COMMANDS = (
    Command(("rate-limits",), Whose, run=show, role=Role.RESPONDER, rows=("H3",), examples=("", "203.0.113.77")),
    Command(
        ("rate-limits", "clear"),
        Clear,
        plan=clear,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("H3",),
        steps=(CLEAR,),
        examples=("203.0.113.77 locked out for good", "--stuck"),
    ),
)
