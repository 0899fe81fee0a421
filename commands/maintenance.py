"""Keep customers out while the service is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import StringConstraints

from bot.core.command import ChangeArgs, Command, Context, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import Conflict, IntegrationError, UsageError
from bot.core.fleet import Service
from bot.core.parse import option, words
from bot.core.parts import Button, State
from bot.core.people import Role
from bot.core.plan import Action, Area, Call, LeaseTerms, Plan, Risk, Verdict
from bot.core.ports import EnvFile, EnvKey, Gateway, Processes, Voice, Worker
from bot.core.prose import Bold, Code, Inline, Line, Person, When
from bot.core.records import Lease, Store
from bot.core.results import Field, Fields, Result
from bot.operations.effects import ENV_SET, MAINTENANCE, RELOAD, see_steady
from bot.operations.workers import gap_while_replaced, mode_of, summary

KIND = "maintenance"
SECURITY = "security"
ON, OFF = "true", "false"
USUAL = timedelta(minutes=30)
LONGEST = timedelta(hours=12)

Owner = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Show(ServiceArgs):
    """Nothing but the service."""


class On(ChangeArgs):
    """How long, why, and for whom."""

    reason: str = words("", "Why; shown in the status and told to the channel.")
    lasts: timedelta | None = option(None, "How long: 30m if not said, 12h at most.", alias="for")
    owner: Owner = option("operations", "Who holds it: operations, or security, which needs an approval.")


class Off(ChangeArgs):
    """Whose maintenance ends, and why."""

    reason: str = words("", "Why it ends.")
    override: str = option("", "Why customers are let in though health is not good.")
    owner: Owner = option("operations", "Whose maintenance ends; the flag stays on while another owner holds it.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """Maintenance as it stands: the key in the file, what each worker says (with why not), and who holds it."""

    key: EnvKey
    handed: str | None
    workers: tuple[Worker, ...]
    said: Mapping[Voice, bool]
    unsaid: str
    holders: tuple[Lease, ...]

    @property
    def is_set(self) -> bool:
        return self.key.value == ON

    def held_by(self, owner: str) -> tuple[Lease, ...]:
        return tuple(lease for lease in self.holders if lease.owner == owner)

    def held_by_others(self, owner: str) -> tuple[Lease, ...]:
        return tuple(lease for lease in self.holders if lease.owner != owner)


async def show(
    _ctx: Context, _args: Show, *, service: Service, env: EnvFile, processes: Processes, gateway: Gateway, store: Store
) -> Result:
    """Show whether customers are kept out: what the file says, what each worker says, and who holds it."""
    seen = await _look(service, env=env, processes=processes, gateway=gateway, store=store)
    said = [f"worker {worker.id}: {_told(seen, worker)}" for worker in seen.workers]
    fields = [
        Field("Environment file", _standing(seen.key)),
        Field("Workers", "; ".join(said) or "none", _agreement(seen)),
        *(Field(f"Held by {lease.owner}", _held(lease)) for lease in seen.holders),
    ]
    if seen.is_set and not seen.holders:
        fields.append(Field("Held by", "nobody: it was turned on by hand, and does not end by itself"))
    return Fields(
        title=f"Maintenance of {service.name}",
        fields=tuple(fields),
        state=_agreement(seen),
        notes=(seen.unsaid,) if seen.unsaid else (),
        buttons=tuple(Button(f"End for {lease.owner}", "lease.undo", lease.id) for lease in seen.holders),
    )


async def turn_on(
    ctx: Context, args: On, *, service: Service, env: EnvFile, processes: Processes, gateway: Gateway, store: Store
) -> Plan:
    """Turn customers away until the time is over or somebody ends it: set the key, reload, and look from outside."""
    lasts = args.lasts or USUAL
    if lasts > LONGEST:
        raise UsageError(
            f"{format_duration(lasts)} is too long.", hint=f"At most {format_duration(LONGEST)} at a time."
        )
    seen = await _look(service, env=env, processes=processes, gateway=gateway, store=store)
    warnings = _warnings(seen, wanted=ON)
    if seen.is_set and not seen.holders:
        warnings.append("It is on already, turned on by hand: this takes it over, so that it ends by itself.")
    warnings += [(f"{lease.owner} holds it too: ", *_held(lease)) for lease in seen.held_by_others(args.owner)]
    for lease in seen.held_by(args.owner):
        warnings.append((f"{lease.owner} holds it already: ", *_held(lease), " This takes its place."))
    actions, undo = _actions(seen, processes, on=True)
    return Plan(
        title="Turn maintenance on",
        area=Area.PROCESSES,
        changes=(
            *_changes(seen, wanted=ON),
            Field("Ends by itself", (f"after {format_duration(lasts)}, about ", When(ctx.now + lasts))),
            Field("Held by", args.owner),
        ),
        actions=actions,
        undo=undo,
        preconditions=_preconditions(seen),
        warnings=tuple(warnings),
        lease=LeaseTerms(
            kind=KIND,
            target=env.path,
            owner=args.owner,
            lasts=lasts,
            inverse=Call(("maintenance", "off"), {"owner": args.owner, "service": service.name}),
        ),
        risk=_risk(args.owner),
    )


async def turn_off(
    _ctx: Context, args: Off, *, service: Service, env: EnvFile, processes: Processes, gateway: Gateway, store: Store
) -> Plan:
    """Let customers in again, unless another owner still keeps them out."""
    seen = await _look(service, env=env, processes=processes, gateway=gateway, store=store)
    own, others = seen.held_by(args.owner), seen.held_by_others(args.owner)
    if others and not own:
        raise Conflict(
            f"{args.owner} holds no maintenance of {service.name}; {_owners(others)} does, and it stays on.",
            hint=f"To end that one: maintenance off --owner {others[0].owner}.",
        )
    ends = tuple(lease.id for lease in own)
    if others:
        return Plan(
            title=f"End maintenance for {args.owner}",
            area=Area.PROCESSES,
            changes=(Field(seen.key.key, f"stays {ON}: {_owners(others)} keeps customers out"),),
            actions=(),
            warnings=tuple((f"{lease.owner} still holds it: ", *_held(lease)) for lease in others),
            ends=ends,
            risk=_risk(args.owner),
        )
    warnings = _warnings(seen, wanted=OFF)
    if seen.is_set:
        warnings += await _heed_health(processes, gateway, override=args.override)
    if seen.is_set and not own:
        warnings.append("Nobody holds it: it was turned on by hand.")
    actions, undo = _actions(seen, processes, on=False)
    return Plan(
        title="Turn maintenance off",
        area=Area.PROCESSES,
        changes=(*_changes(seen, wanted=OFF), *await _pending(gateway)),
        actions=actions if own or len(actions) > 1 else (),
        undo=undo,
        preconditions=_preconditions(seen),
        warnings=tuple(warnings),
        ends=ends,
        risk=_risk(args.owner),
    )


async def _look(service: Service, *, env: EnvFile, processes: Processes, gateway: Gateway, store: Store) -> _Seen:
    key, workers, handed = await asyncio.gather(
        env.read(service.maintenance_key), processes.workers(), processes.handed_value(service.maintenance_key)
    )
    async with store.transaction() as tx:
        holders = await tx.leases.active(service=service.name, kind=KIND)
    said: Mapping[Voice, bool] = {}
    unsaid = ""
    try:
        said = await gateway.in_maintenance([worker.voice for worker in workers if worker.pid])
    except IntegrationError as error:
        unsaid = f"The workers could not be asked: {error}"
    return _Seen(key, handed, workers, said, unsaid, holders)


def _actions(seen: _Seen, processes: Processes, *, on: bool) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """What has to be done, and what puts it back; a look from outside comes last, and is all when nothing is to do."""
    key, wanted = seen.key, ON if on else OFF
    look = Action(MAINTENANCE.name, f"See from outside that customers are {'kept out' if on else 'let in'}", {"on": on})
    reload = Action(RELOAD.name, "Reload the workers", argv=processes.reload_argv())
    if seen.is_set is not on:
        edit = Action(ENV_SET.name, f"Set {key.key} to {wanted}", {"key": key.key, "old": key.value, "new": wanted})
        back = Action(ENV_SET.name, f"Put {key.key} back", {"key": key.key, "old": wanted, "new": key.value})
        look_back = Action(MAINTENANCE.name, "See from outside that all is as before", {"on": not on})
        return (edit, reload, look), (back, reload, look_back)
    if (not on) in seen.said.values():  # the file was changed by hand, and the workers never read it
        return (reload, look), ()
    return (look,), ()


def _changes(seen: _Seen, *, wanted: str) -> tuple[Field, ...]:
    if seen.is_set is (wanted == ON):
        change: Line = f"stays {_value(seen.key)}"
    else:
        change = (Code(_value(seen.key)), " becomes ", Code(wanted), f" {_where(seen.key)}")
    return Field(seen.key.key, change), Field("Workers", summary(seen.workers))


def _where(key: EnvKey) -> str:
    if not key.lines:
        return "on a new line"
    if len(key.lines) == 1:
        return f"on line {key.lines[0]}"
    return f"on line {key.lines[-1]}; its other lines ({', '.join(map(str, key.lines[:-1]))}) go"


def _warnings(seen: _Seen, *, wanted: str) -> list[Line]:
    warnings: list[Line] = []
    if seen.unsaid:
        warnings.append(seen.unsaid)
    warnings += gap_while_replaced(seen.workers)
    if seen.handed is not None and (seen.handed == ON) is not (wanted == ON):
        warnings.append(
            f"The process manager itself hands {seen.key.key}={seen.handed} to the workers, and that beats the file. "
            "The reload will show no effect until the app is deleted and started again by hand."
        )
    return warnings


def _preconditions(seen: _Seen) -> Mapping[str, str]:
    return {
        seen.key.key: _value(seen.key),
        "the mode of the workers": mode_of(seen.workers),
        "the number of workers": str(len(seen.workers)),
    }


async def _heed_health(processes: Processes, gateway: Gateway, *, override: str) -> tuple[Line, ...]:
    """`Conflict` while not every worker is well: customers would be the first to notice."""
    seen = await see_steady(processes, gateway)
    if seen.verdict is Verdict.DONE:
        return ()
    if not override:
        raise Conflict(
            f"Customers stay out, for health is not good: {seen.evidence}",
            hint='Mend it first, or let them in all the same with --override "why".',
        )
    return ((Bold("Overridden, though health is not good: "), seen.evidence),)


async def _pending(gateway: Gateway) -> tuple[Field, ...]:
    """Payments whose callbacks from the provider may have been lost while customers were kept out."""
    try:
        count = await gateway.pending_payments()
    except IntegrationError as error:
        return (Field("Payments still pending", f"unknown: {error}", State.UNKNOWN),)
    return () if count is None else (Field("Payments still pending", str(count), State.WARN if count else State.OK),)


def _risk(owner: str) -> Risk:
    return Risk.RISKY if owner == SECURITY else Risk.CHANGE


def _value(key: EnvKey) -> str:
    return "absent" if key.value is None else key.value or "empty"


def _standing(key: EnvKey) -> Line:
    if not key.lines:
        return (Code(key.key), " is absent")
    return (Code(key.key), " is ", Code(_value(key)), f" (line {', '.join(map(str, key.lines))})")


def _told(seen: _Seen, worker: Worker) -> str:
    return {True: "on", False: "off", None: "does not say"}[seen.said.get(worker.voice)]


def _agreement(seen: _Seen) -> State:
    """Good when every worker does what the file says."""
    if len(seen.said) < len(seen.workers) or not seen.workers:
        return State.UNKNOWN
    return State.OK if set(seen.said.values()) == {seen.is_set} else State.WARN


def _held(lease: Lease) -> tuple[Inline, ...]:
    end: tuple[Inline, ...] = (" until ", When(lease.until)) if lease.until else (" with no end",)
    return ("since ", When(lease.since), *end, " by ", Person(lease.by), f": {lease.reason or 'no reason given'}.")


def _owners(leases: tuple[Lease, ...]) -> str:
    return " and ".join(sorted({lease.owner for lease in leases}))


_STEPS = (ENV_SET, RELOAD, MAINTENANCE)
COMMANDS = (
    Command(("maintenance", "show"), Show, run=show, rows=("G7",), direct=True, examples=("",)),
    Command(
        ("maintenance", "on"),
        On,
        plan=turn_on,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("F5", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "I1"),
        steps=_STEPS,
        examples=("30m provider is down", "--for 2h --owner security break-in suspected"),
        direct=True,
    ),
    Command(
        ("maintenance", "off"),
        Off,
        plan=turn_off,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("G3", "G7", "G8", "N6"),
        steps=_STEPS,
        examples=("provider is back",),
        direct=True,
    ),
)
