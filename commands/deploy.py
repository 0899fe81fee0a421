"""Deploy a release, or go back to the one before: built and tried beside what runs, then switched to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field as Arg
from pydantic import model_validator

from bot.core.command import ChangeArgs, Command, Context, ReasonedArgs, ServiceArgs
from bot.core.errors import Conflict, UsageError
from bot.core.fleet import Service
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.plan import Action, Area, Call, Plan, Risk
from bot.core.ports import Gateway, Processes
from bot.core.prose import Bold, Code, Line, Person, When
from bot.core.records import Operation, Store
from bot.core.releases import Commit, Current, Releases
from bot.core.results import Field, OperationState, Table
from bot.operations.deployments import BUILD, SHORT, SMOKE, SWITCH, Switch, previous
from bot.operations.effects import RELOAD
from bot.operations.freeze import heed_freeze
from bot.operations.windows import heed_window
from bot.operations.workers import gap_while_replaced, summary

LISTED = 10
"""Commits that a plan names one by one."""


class Deploy(ReasonedArgs):
    """What, and why."""

    ref: str = Arg(description="A tag, a branch or a SHA.")
    override: str = option("", "Why local edits, a migration, a freeze or a missing backup are no reason to stop.")


class Rollback(ChangeArgs):
    """To what, and why."""

    reason: str = words("", "Why; begin with `to TAG` to go to another release than the one deployed before.")
    to: str = option("", "A tag or a SHA, if not the release that was deployed before this one.")
    override: str = option("", "Why local edits, a migration or a freeze are no reason to stop.")

    @model_validator(mode="before")
    @classmethod
    def _takes_to_as_a_word(cls, given: dict[str, Any]) -> dict[str, Any]:
        first, _, rest = str(given.get("reason", "")).partition(" ")
        if first.lower() == "to" and rest and not given.get("to"):
            target, _, reason = rest.strip().partition(" ")
            return {**given, "to": target, "reason": reason}
        return given


async def deploy(
    _ctx: Context,
    args: Deploy,
    *,
    service: Service,
    releases: Releases,
    processes: Processes,
    store: Store,
) -> Plan:
    """Build a release beside the one that runs, try it on a spare port, switch, and see its build in every worker."""
    unsaved = await heed_window(store, service, override=args.override)
    target = await releases.resolve(args.ref)
    plan = await _change_to(
        target, args, back=False, service=service, releases=releases, processes=processes, store=store
    )
    return replace(plan, warnings=(*unsaved, *plan.warnings))


async def rollback(
    _ctx: Context,
    args: Rollback,
    *,
    service: Service,
    releases: Releases,
    processes: Processes,
    store: Store,
) -> Plan:
    """Go back to the release that was deployed before, without a moment in which nothing runs."""
    target = await (releases.resolve(args.to) if args.to else _before(service, releases, store))
    return await _change_to(
        target, args, back=True, service=service, releases=releases, processes=processes, store=store
    )


async def show(
    _ctx: Context, _args: ServiceArgs, *, service: Service, releases: Releases, store: Store, gateway: Gateway
) -> Table:
    """List the releases on the host: which is deployed, which was before, and when and by whom."""
    current, there = await asyncio.gather(releases.current(), releases.on_host())
    operations = await _operations(store, service)
    before = previous(operations, current=current.sha) or await releases.before_by_hand()
    deployed = {_switch(each).sha: each for each in reversed(operations) if each.state is OperationState.DONE}
    running = str((await gateway.health()).body.get("sha", "unknown"))
    notes: list[Line] = []
    if running != current.sha:
        notes.append((Bold("What answers is not what is deployed: "), f"a worker tells build {running[:SHORT]}."))
    if current.edited:
        notes.append((Bold("Edited by hand: "), ", ".join(current.edited)))
    rows = []
    for each in there:
        mark = "deployed" if each.folder == current.folder else "before" if each.sha == before else ""
        by = deployed.get(each.sha)
        when: Line = (When(by.proposed_at), " by ", Person(by.requester)) if by else ""
        rows.append(((Code(each.sha[:SHORT]),), ", ".join(await releases.names(each.sha)), mark, when))
    return Table(
        title=f"Releases of {service.name}",
        columns=("Build", "Tags", "", "Deployed"),
        rows=tuple(rows),
        empty="No release is on the host.",
        notes=tuple(notes),
    )


async def _change_to(
    target: str,
    args: Deploy | Rollback,
    *,
    back: bool,
    service: Service,
    releases: Releases,
    processes: Processes,
    store: Store,
) -> Plan:
    current, workers = await asyncio.gather(releases.current(), processes.workers())
    frozen = await heed_freeze(store, service, override=args.override)
    names = await releases.names(target)
    name = names[0] if names else target[:SHORT]
    title = f"{'Roll back' if back else 'Deploy'} {'to ' if back else ''}{name}"
    if target == current.sha:
        return Plan(title=title, area=Area.PROCESSES, changes=(Field("Release", f"stays {name}"),), actions=())
    gone, new, schema = await asyncio.gather(
        releases.between(target, current.sha, most=LISTED + 1),
        releases.between(current.sha, target, most=LISTED + 1),
        releases.migrations(current.sha, target),
    )
    warnings = _stops(current, schema, override=args.override)
    there = Switch(sha=target, folder=releases.folder(target), former=current.sha, back=back)
    former = Switch(sha=current.sha, folder=current.folder, former=target)
    return Plan(
        title=title,
        area=Area.PROCESSES,
        changes=(
            Field("Release", (Code(current.sha[:SHORT]), " becomes ", Code(target[:SHORT]), f" ({name})")),
            *(Field("Leaves", _listed(gone)) for _ in gone[:1]),
            *(Field("Brings", _listed(new)) for _ in new[:1]),
            Field("Workers", summary(workers)),
        ),
        actions=(
            Action(BUILD.name, "Build it beside what runs", {"sha": target}, aside=True),
            Action(SMOKE.name, "Start it on a spare port", {"sha": target}, aside=True),
            Action(SWITCH.name, "Switch to it", there.model_dump()),
            Action(
                RELOAD.name, "Reload, and see its build in every worker", {"build": target}, processes.reload_argv()
            ),
        ),
        undo=(
            Action(SWITCH.name, "Switch back", former.model_dump()),
            Action(RELOAD.name, "Reload what ran before", {"build": current.sha}, processes.reload_argv()),
        ),
        preconditions={"what is deployed": current.sha[:SHORT], "local edits": ", ".join(current.edited) or "none"},
        warnings=(*warnings, *frozen, *gap_while_replaced(workers)),
        inverse=Call(("deploy",), {"ref": current.sha}),
    )


async def _before(service: Service, releases: Releases, store: Store) -> str:
    """What was deployed before this: by the bot's own record, else by what git remembers of the folder."""
    current = await releases.current()
    recorded = previous(await _operations(store, service), current=current.sha)
    found = recorded or await releases.before_by_hand()
    if found is None:
        raise UsageError(
            "I do not know what was deployed before: I deployed nothing here yet, and git remembers nothing else.",
            hint="Name it: rollback to TAG.",
        )
    return found


async def _operations(store: Store, service: Service) -> Sequence[Operation]:
    """Those that switched releases, the newest first."""
    async with store.transaction() as tx:
        recent = await tx.operations.recent(service=service.name, limit=1000)
    return [each for each in recent if any(action.step == SWITCH.name for action in each.plan.actions)]


def _switch(operation: Operation) -> Switch:
    params = next(action.params for action in operation.plan.actions if action.step == SWITCH.name)
    return Switch.model_validate(dict(params))


def _stops(current: Current, schema: Sequence[str], *, override: str) -> tuple[Line, ...]:
    """What is no reason to stop, because of `override`; `Conflict` when there is none."""
    stops = []
    if current.edited:
        stops.append(
            f"files were edited by hand where it is deployed, and would be lost: {', '.join(current.edited[:5])}"
        )
    if schema:
        stops.append(f"the database's schema changes between the two, which is not undone: {', '.join(schema[:5])}")
    if stops and not override:
        why = "; ".join(stops)
        raise Conflict(f"{why[0].upper()}{why[1:]}.", hint='Go on with --override "why that is right".')
    return tuple((Bold("Overridden: "), f"{stop}.") for stop in stops)


def _listed(commits: Sequence[Commit]) -> Line:
    lines = [f"{commit.sha[:SHORT]} {commit.subject}" for commit in commits[:LISTED]]
    return "\n".join([*lines, "and more"] if len(commits) > LISTED else lines)


_STEPS = (BUILD, SMOKE, SWITCH)
COMMANDS = (
    Command(
        ("deploy",),
        Deploy,
        plan=deploy,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("N2", "N3", "N4", "N5"),
        steps=_STEPS,
        examples=("v1.4.1 new fees",),
    ),
    Command(
        ("rollback",),
        Rollback,
        plan=rollback,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("O1", "O2", "O3", "O4"),
        examples=("payments fail since the deploy", "to v1.1.0 fees are wrong"),
        direct=True,
    ),
    Command(("releases",), ServiceArgs, run=show, rows=("O2",), examples=("",)),
)
