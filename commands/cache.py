"""The memory of the service's Redis, and filling its cache."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Arg

from bot.core.cache import Cache, Memory, Policy, Warmth, WarmUp, format_size, parse_size
from bot.core.command import Command, Context, ReasonedArgs, ServiceArgs
from bot.core.errors import Conflict, NotConfigured
from bot.core.fleet import Service
from bot.core.parse import option
from bot.core.parts import State
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Bold, Line
from bot.core.results import Field, Fields

MARGIN = 1.1
"""A limit has to leave a tenth beyond what is used: below that Redis throws keys away, or refuses writes, at once."""
FULL = 0.9


class To(ReasonedArgs):
    """How much, what happens beyond it, and why."""

    size: str = Arg(description="Such as 2gb or 512mb, in Redis's units; 0 for no limit.")
    policy: Policy | None = option(None, "What happens when it is full; stays as it is if not said.")


class Wanted(BaseModel):
    """The limit in bytes, and the policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int
    policy: Policy


class Warm(BaseModel):
    """The cache of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def show(_ctx: Context, _args: ServiceArgs, *, service: Service, cache: Cache) -> Fields:
    """Show how full Redis is, what it does when it is full, and what it has thrown away."""
    seen = await cache.memory()
    full = seen.limit > 0 and seen.used > FULL * seen.limit
    return Fields(
        title=f"Redis of {service.name}",
        fields=(
            Field("Used", _used(seen), State.WARN if full else State.OK),
            Field("Peak", format_size(seen.peak)),
            Field("When full", _policy(seen.policy)),
            Field("Thrown away", f"{seen.evicted:,} keys since it was started"),
            Field("Fragmentation", f"{seen.fragmentation:g}"),
            Field("Configuration", seen.config_file or "no file: what is set lasts until it is started again"),
        ),
        notes=("Nearly full.",) if full else (),
    )


async def set_memory(_ctx: Context, args: To, *, cache: Cache) -> Plan:
    """Set how much memory Redis may take, and what it does beyond that, until it is started again."""
    seen = await cache.memory()
    limit = parse_size(args.size)
    if 0 < limit < MARGIN * seen.used:
        raise Conflict(
            f"Redis holds {format_size(seen.used)}: with a limit of {format_size(limit)} it would throw keys away, "
            "or refuse to write, at once.",
            hint=f"At least {format_size(round(MARGIN * seen.used))}, which leaves a tenth to grow.",
        )
    now = _known(seen.policy)
    policy = args.policy or now
    wanted = Wanted(limit=limit, policy=policy)
    same = (limit, policy.value) == (seen.limit, seen.policy)
    before = Call(("cache", "memory", "set"), {"size": str(seen.limit), "policy": seen.policy})
    return Plan(
        title=f"Limit Redis to {format_size(limit)}" if limit else "Take the memory limit of Redis away",
        area=Area.CACHE,
        changes=(
            Field("Limit", f"{_limit(seen.limit)} -> {_limit(limit)}"),
            Field("When full", f"{now} -> {_policy(policy)}" if policy is not now else f"stays {_policy(policy)}"),
            Field("Used", _used(seen)),
        ),
        actions=() if same else (_action(wanted),),
        undo=() if same else (_action(Wanted(limit=seen.limit, policy=now)),),
        preconditions={"the limit": _limit(seen.limit), "the policy": seen.policy},
        warnings=_warnings(seen, wanted),
        inverse=None if same else before,
        risk=Risk.RISKY if policy.reach > now.reach else Risk.CHANGE,
    )


async def warm(_ctx: Context, _args: ReasonedArgs, *, service: Service, warm_up: WarmUp) -> Plan:
    """Have the service fill its cache: one request, one at a time."""
    if not warm_up.warm_up_argv:
        raise NotConfigured(f"{service.name} has no warm-up configured.", hint="Set gateway.warm_up to its path.")
    return Plan(
        title="Warm the cache",
        area=Area.CACHE,
        changes=(Field("The cache", _count(await _warmth(service))),),
        actions=(Action(WARM.name, "Ask the service to fill its cache", argv=warm_up.warm_up_argv),),
        warnings=("It is a request with load: the service reads all that it caches.",),
    )


async def apply_memory(attempt: Attempt[Wanted], *, cache: Cache) -> str:
    """Set both."""
    await cache.set_memory(limit=attempt.params.limit, policy=attempt.params.policy)
    return "set maxmemory and maxmemory-policy"


async def remember_evicted(_: Wanted, *, cache: Cache) -> Json:
    """How many keys were thrown away until now."""
    return {"evicted": (await cache.memory()).evicted}


async def see_memory(attempt: Attempt[Wanted], *, cache: Cache) -> Observation:
    """What Redis itself says of its limit, and whether it has begun to throw keys away."""
    seen, wanted = await cache.memory(), attempt.params
    before = attempt.before.get("evicted")
    lost = seen.evicted - before if isinstance(before, int) else 0
    evidence = f"Redis says: {_limit(seen.limit)}, {seen.policy}, {format_size(seen.used)} used; "
    evidence += f"{lost:,} keys were thrown away meanwhile." if lost > 0 else "no key was thrown away."
    is_so = (seen.limit, seen.policy) == (wanted.limit, wanted.policy.value)
    return Observation(Verdict.DONE if is_so else Verdict.NOT_DONE, evidence)


async def remember_warmth(_: Warm, *, service: Service) -> Json:
    """What is there of the cache before."""
    seen = await _warmth(service)
    return {"keys": seen.keys, "freshest": seen.freshest} if seen else {}


async def ask_to_warm(_: Attempt[Warm], *, warm_up: WarmUp) -> str:
    """Send the request."""
    return await warm_up.warm_up()


async def see_warm(attempt: Attempt[Warm], *, service: Service) -> Observation:
    """There are more keys of the cache than before, or they were written anew; the service's word is no proof."""
    seen = await _warmth(service)
    keys, freshest = attempt.before.get("keys"), attempt.before.get("freshest")
    if seen is None or not isinstance(keys, int):
        return Observation(
            Verdict.UNKNOWN, "Nothing tells from outside whether the cache is filled: redis.warmed names no keys."
        )
    if seen.left_out:
        return Observation(Verdict.UNKNOWN, f"{_count(seen)} at least. {seen.left_out}")
    if not seen.keys:
        return Observation(Verdict.NOT_DONE, "Redis holds no key of the cache.")
    if seen.keys > keys:
        return Observation(Verdict.DONE, f"Redis holds {seen.keys} keys of the cache, {keys} before.")
    # A key's time only falls by itself: where it has risen, somebody has written.
    if seen.freshest is not None and (not isinstance(freshest, int) or seen.freshest > freshest):
        return Observation(Verdict.DONE, f"The {seen.keys} keys of the cache were written anew.")
    return Observation(Verdict.UNKNOWN, f"{_count(seen)}, as before: nothing tells whether they were written anew.")


async def _warmth(service: Service) -> Warmth | None:
    """None where the service has no Redis that is known, or its keys are not."""
    return await service.port(Cache).warmth() if Cache in service.ports else None


def _action(wanted: Wanted) -> Action:
    argv = ("CONFIG", "SET", "maxmemory", str(wanted.limit), "maxmemory-policy", wanted.policy.value)
    return Action(MEMORY.name, f"Set {_limit(wanted.limit)}, {wanted.policy}", wanted.model_dump(mode="json"), argv)


def _warnings(seen: Memory, wanted: Wanted) -> tuple[Line, ...]:
    warnings: list[Line] = []
    if wanted.policy.loses and wanted.limit:
        what = f"When it is full, {wanted.policy} throws away {wanted.policy.loses}: "
        warnings.append((Bold(what), "rate limits, sessions and queued jobs too."))
    if not wanted.limit:
        warnings.append("Without a limit Redis grows until its host has no memory left.")
    if wanted.limit > seen.machine:
        warnings.append(f"Its host has {format_size(seen.machine)} in all.")
    says = f"what {seen.config_file} says: change it there too" if seen.config_file else "the old one: it has no file"
    warnings.append(f"It does not last: the next start of Redis brings back {says}.")
    return tuple(warnings)


def _known(policy: str) -> Policy:
    try:
        return Policy(policy)
    except ValueError:
        raise Conflict(f"Redis has the policy {policy}, which I do not know and could not put back.") from None


def _used(seen: Memory) -> str:
    of = f" of {format_size(seen.limit)} ({seen.used / seen.limit:.0%})" if seen.limit else ", without a limit"
    return f"{format_size(seen.used)}{of}"


def _limit(limit: int) -> str:
    return format_size(limit) if limit else "no limit"


def _policy(policy: str) -> str:
    loses = Policy(policy).loses if policy in set(Policy) else ""
    return f"{policy}, which {f'throws away {loses}' if loses else 'refuses to write'}"


def _count(seen: Warmth | None) -> str:
    return "not known" if seen is None else f"{seen.keys:,} of its keys are there"


MEMORY = Step(
    "cache.memory",
    Wanted,
    observe=see_memory,
    do=apply_memory,
    before=remember_evicted,
    settle=timedelta(seconds=2),
)
WARM = Step(
    "cache.warm",
    Warm,
    observe=see_warm,
    do=ask_to_warm,
    before=remember_warmth,
    settle=timedelta(seconds=3),
    repeatable=False,  # it is asked for once
)
COMMANDS = (
    Command(("cache", "memory"), ServiceArgs, run=show, role=Role.RESPONDER, rows=("P6",), examples=("",)),
    Command(
        ("cache", "memory", "set"),
        To,
        plan=set_memory,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("P6",),
        steps=(MEMORY,),
        examples=("2gb", "2gb --policy volatile-lru sessions grow"),
    ),
    Command(
        ("cache", "warm"),
        ReasonedArgs,
        plan=warm,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("P7",),
        steps=(WARM,),
        examples=("", "after the restart"),
    ),
)
