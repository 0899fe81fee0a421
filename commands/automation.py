"""What the bot does by itself: how it stands, and the switch that stops all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field as Arg
from pydantic import JsonValue

from bot.automation.holds import DAY, Budget, off_of
from bot.automation.policy import Policies, Policy
from bot.automation.rules import rules
from bot.core.automation import Case, Off
from bot.core.command import Args, Click, Command, Context
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.fleet import Fleet
from bot.core.incidents import tellable
from bot.core.parse import option, words
from bot.core.parts import Button
from bot.core.people import AUTOMATIC, Role
from bot.core.prose import Bold, Inline, Line, Person, When
from bot.core.records import Store, Unit
from bot.core.results import Table, Text
from bot.operations.engine import Engine
from bot.operations.tasks import queue_card

_SHOWN = 12


class Some(Args):
    """Of which service."""

    service: str = option("", "Only this service.")


class TurnOff(Args):
    """Which, and why."""

    reason: str = words("", "Why; shown to everybody who asks.")
    rule: str = option("", "Only this automation, such as heal; all of them if not said.")
    service: str = option("", "The service of that automation; needed only where there are several.")


class TurnOn(Args):
    """Which."""

    rule: str = Arg("", description="An automation that failed and is off, such as heal; all if not said.")
    service: str = option("", "The service of that automation; needed only where there are several.")


async def automation(ctx: Context, args: Some, *, store: Store, policies: Policies) -> Table:
    """Show what the bot may do by itself, what it did in 24 hours, what is left, and why something was not done."""
    shown = [policy for policy in policies.entries if args.service in {"", policy.service}]
    async with store.transaction() as tx:
        offs = await tx.automation.offs()
        cases = await tx.automation.cases(service=args.service, since=ctx.now - DAY)
    off = next((each for each in offs if not each.rule), None)
    notes: list[Line] = [_off(off, "All automation is off")] if off else []
    notes += [_case(case) for case in cases[:_SHOWN]]
    if (more := len(cases) - _SHOWN) > 0:
        notes.append(f"… and {more} more; history lists what was done.")
    return Table(
        "What is done by itself",
        ("Automation", "Service", "State", "Acts in 24 h", "Left of the budget"),
        tuple(row for policy in shown for row in _rows(policy, offs, cases, ctx)),
        empty="Nothing is watched, so nothing is done by itself: set services.<name>.watches.channel in opsbot.yaml.",
        notes=tuple(notes),
        buttons=tuple(
            Button(f"Plan: {case.does}", "automation.plan", case.id)
            for case in cases[:_SHOWN]
            if not case.operation_id and not case.over_at
        ),
    )


async def turn_off(ctx: Context, args: TurnOff, *, store: Store, engine: Engine, fleet: Fleet) -> Text:
    """Have nothing be done by itself from now on, on any service; what is under way stops before its next step."""
    off = Off(_service(args.rule, args.service, fleet), args.rule, ctx.now, ctx.actor.user_id, args.reason)
    async with store.transaction() as tx:
        off = replace(off, reason=await tellable(tx.incidents, ctx.channel_id, args.reason))
        await tx.automation.lock()
        if not await tx.automation.turn_off(off):
            found = await tx.automation.offs()
            before = next(each for each in found if (each.service, each.rule) == (off.service, off.rule))
            return Text((_off(before, "It was off already"),))
        await engine.trail.add(tx, "automation", actor=ctx.actor.user_id, data=_data("off", off))
        stopped = await _stop(off, tx)
    lines: tuple[Line, ...] = ((Bold(f"{_what(off)} is off. "), "Watches go on looking, and propose with a button."),)
    return Text((*lines, *(f"It stops before its next step: {title}." for title in stopped)))


async def turn_on(ctx: Context, args: TurnOn, *, store: Store, engine: Engine, fleet: Fleet) -> Text:
    """Let the bot do again by itself what the configuration allows; with a name, one that failed and is off since."""
    off = Off(_service(args.rule, args.service, fleet), args.rule, ctx.now, ctx.actor.user_id, "")
    async with store.transaction() as tx:
        await tx.automation.lock()
        if not await tx.automation.turn_on(off.service, off.rule):
            others = [f"automation on {each.rule} --service {each.service}" for each in await tx.automation.offs()]
            raise Conflict(f"{_what(off)} is not off.", hint=f"What is off: {', '.join(others)}." if others else "")
        await engine.trail.add(tx, "automation", actor=ctx.actor.user_id, data=_data("on", off))
    return Text(((Bold(f"{_what(off)} is on. "), "automation shows what is allowed, and what is left of the budget."),))


async def plan(ctx: Context, row_id: str, *, store: Store, engine: Engine) -> None:
    """Put the plan of what was not done by itself before whoever clicked."""
    async with store.transaction() as tx:
        case = await tx.automation.get(row_id)
    if case.over_at or case.operation_id:
        raise Conflict("There is no reason for it any more.", hint="See automation for what was done.")
    await engine.propose_call(case.call, replace(ctx, service=case.service), show=True)


async def _stop(off: Off, tx: Unit) -> list[str]:
    """Have what was begun by itself and has not ended stop before its next step."""
    stopped = []
    for case in await tx.automation.cases(since=off.at):
        mine = not off.rule or (case.service, case.rule) == (off.service, off.rule)
        if not case.operation_id or case.settled_at or not mine:
            continue
        if await tx.operations.ask_cancel(case.operation_id, by=off.by):
            await queue_card(tx, case.operation_id)
            stopped.append((await tx.operations.get(case.operation_id)).plan.title)
    return stopped


def _service(rule: str, service: str, fleet: Fleet) -> str:
    """The service of one automation; empty for all of them."""
    if not rule:
        if service:
            raise UsageError("The switch is for all services.", hint="For one of them name the automation too: heal.")
        return ""
    if rule not in (names := [each.name for each in rules()]):
        raise NotFound(f"No automation is called {rule}.", hint=f"There are: {', '.join(names)}.")
    return fleet.pick(service).name


def _data(act: str, off: Off) -> dict[str, JsonValue]:
    return {"act": act, "service": off.service, "rule": off.rule, "reason": off.reason}


def _what(off: Off) -> str:
    return f"Automation {off.rule} of {off.service}" if off.rule else "All automation"


def _off(off: Off, what: str) -> Line:
    by: Inline = "itself" if off.by == AUTOMATIC.user_id else Person(off.by)
    return (Bold(what), " since ", When(off.at, date=True), ", by ", by, f": {off.reason}" if off.reason else ".")


def _rows(policy: Policy, offs: Sequence[Off], cases: Sequence[Case], ctx: Context) -> list[tuple[Line, ...]]:
    own = [case for case in cases if case.service == policy.service]
    budget = Budget(policy, own, ctx.now)
    rows: list[tuple[Line, ...]] = []
    for rule in rules():
        acts = sum(case.rule == rule.name and bool(case.operation_id) for case in own)
        allowed = rule.name in policy.allowed
        state: Line = "acts by itself" if allowed else "only proposes"
        if allowed and (off := off_of(offs, policy.service, rule.name)):
            state = "off, like all" if not off.rule else _off(off, "off")
        left = f"{budget.left} of {policy.budget}" if allowed else ""
        rows.append((f"{rule.name}: {rule.summary}", policy.service, state, str(acts), left))
    return rows


def _case(case: Case) -> Line:
    """What was done or not done, and why."""
    what = f"{case.rule} of {case.service}: {case.does}"
    if case.operation_id:
        ended = case.outcome or "under way"
        return (When(case.acted_at or case.at, date=True), " ", Bold(what), f", {ended}. {case.why}.")
    return (When(case.at, date=True), " ", Bold(f"{what} was not done: "), f"{case.held}. {case.why}.")


COMMANDS = (
    Command(("automation",), Some, run=automation, rows=("W",), examples=("",)),
    Command(
        ("automation", "off"),
        TurnOff,
        run=turn_off,
        role=Role.RESPONDER,
        rows=("W",),
        examples=("it restarts what I look at", "--rule heal it hides the leak"),
    ),
    Command(("automation", "on"), TurnOn, run=turn_on, role=Role.COMMANDER, rows=("W",), examples=("", "heal")),
)
CLICKS = (Click("automation.plan", plan, role=Role.RESPONDER),)
