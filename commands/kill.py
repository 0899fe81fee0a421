"""End the process manager's daemon with every app that it runs, and bring them back: for an emergency only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bot.core.command import Command, Context, ReasonedArgs
from bot.core.daemon import Act, App, Daemon, Dump
from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Gateway, Processes
from bot.core.prose import Bold
from bot.core.results import Field
from bot.operations.effects import see_steady

PRIVATE = "600"


class Apps(BaseModel):
    """Workers by app: what the daemon runs, or what was saved of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apps: Mapping[str, int]


async def kill(_ctx: Context, _args: ReasonedArgs, *, daemon: Daemon) -> Plan:
    """Save what the daemon runs, and end it with every app of its user: nothing of them answers until a resurrect.

    stop ends this service alone, and is nearly always what is wanted.
    """
    apps = await daemon.apps()
    saved = _to_be_saved(apps)
    if not saved:
        raise Conflict("The daemon runs no app that could be saved, and PM2 saves no empty list.")
    if "pm_id" in os.environ and any(os.getpid() in app.pids for app in apps):
        raise Conflict(
            "I am one of the apps that this daemon runs: I would end with it, and nobody would look what came of it.",
            hint="Run me by another service manager; until then this takes a shell: pm2 save, then pm2 kill.",
        )
    return Plan(
        title="Kill the process manager",
        area=Area.PROCESSES,
        changes=tuple(Field(app.name, _ending(app)) for app in apps),
        actions=(
            Action(SAVE.name, "Save what runs", Apps(apps=saved).model_dump(), daemon.act_argv(Act.SAVE)),
            Action(
                KILL.name, "End the daemon with all of it", Apps(apps=saved).model_dump(), daemon.act_argv(Act.KILL)
            ),
        ),
        preconditions={"the apps": _listed(saved)},
        warnings=(
            (Bold("Every app above stops, not only this service. "), "stop ends this service alone."),
            (Bold("Payments in flight are cut: "), "a worker that has not ended within its kill timeout is killed."),
            "Nothing comes back by itself, not by start either: pm2 resurrect brings back what was saved.",
        ),
        inverse=Call(("pm2", "resurrect")),
        rescue=Call(("pm2", "resurrect")),
        risk=Risk.RISKY,
    )


async def resurrect(_ctx: Context, _args: ReasonedArgs, *, daemon: Daemon) -> Plan:
    """Start the daemon again with every app that was saved, after a kill or a crash of it."""
    pid = await daemon.running()
    if pid and _to_be_saved(await daemon.apps()):  # any `pm2 list` at a shell starts an empty one
        raise Conflict(f"The daemon runs (pid {pid}).", hint="start brings back this service.")
    dump = await daemon.dump()
    if dump is None or not dump.apps:
        raise NotFound("Nothing was saved that could be brought back.", hint="start the apps by hand, at a shell.")
    return Plan(
        title="Bring back what was saved",
        area=Area.PROCESSES,
        changes=tuple(Field(name, _count(count)) for name, count in dump.apps.items()),
        actions=(
            Action(
                RESURRECT.name,
                "Start the daemon with all of it",
                Apps(apps=dump.apps).model_dump(),
                daemon.act_argv(Act.RESURRECT),
            ),
        ),
        preconditions={"what was saved": _listed(dump.apps)},
        warnings=(f"It is as it was saved, {dump.written.partition('.')[0]} by the host's clock.",),
    )


async def remember_dump(_: Apps, *, daemon: Daemon) -> Json:
    """When the file was written that a save will write anew."""
    dump = await _readable(daemon)
    return {"written": dump.written if dump else ""}


async def save(_: Attempt[Apps], *, daemon: Daemon) -> str:
    """Save what runs."""
    return await daemon.act(Act.SAVE)


async def see_saved(attempt: Attempt[Apps], *, daemon: Daemon) -> Observation:
    """The file is a new one, holds every app with as many workers, and nobody else may read it."""
    dump = await daemon.dump()
    if dump is None or dump.written == attempt.before["written"]:
        return Observation(Verdict.NOT_DONE, "Nothing was written.")
    if dict(dump.apps) != dict(attempt.params.apps):
        return Observation(Verdict.NOT_DONE, f"Saved is {_listed(dump.apps)}.")
    if dump.mode != PRIVATE:
        return Observation(Verdict.NOT_DONE, f"What was saved has mode {dump.mode}, and holds secrets.")
    return Observation(Verdict.DONE, f"Saved, for its user alone to read: {_listed(dump.apps)}.")


async def remember_all(_: Apps, *, daemon: Daemon) -> Json:
    """The pids of the daemon and of all that it runs."""
    pids = [pid for app in await daemon.apps() for pid in app.pids]
    return {"pids": [await daemon.running(), *pids]}


async def end(_: Attempt[Apps], *, daemon: Daemon) -> str:
    """End the daemon."""
    return await daemon.act(Act.KILL)


async def see_ended(attempt: Attempt[Apps], *, daemon: Daemon, processes: Processes, gateway: Gateway) -> Observation:
    """The daemon is gone, no process of its apps is left, and nobody answers from outside."""
    await processes.wait_idle()
    if pid := await daemon.running():
        return Observation(Verdict.NOT_DONE, f"The daemon runs (pid {pid}).")
    remembered = attempt.before["pids"]
    pids = [pid for pid in remembered if isinstance(pid, int)] if isinstance(remembered, list) else []
    if left := await daemon.left(pids):
        return Observation(Verdict.NOT_DONE, f"Still there: {', '.join(map(str, left))}.")
    gone = f"The daemon and its {len(pids) - 1} processes are gone"
    try:
        answer = await gateway.health()
    except IntegrationError as error:
        return Observation(Verdict.DONE, f"{gone}, and nobody answers: {error}")
    return Observation(Verdict.NOT_DONE, f"{gone}, yet {answer.url} answers {answer.status}.")


async def bring_back(_: Attempt[Apps], *, daemon: Daemon) -> str:
    """Start the daemon with what was saved."""
    return await daemon.act(Act.RESURRECT)


async def see_back(attempt: Attempt[Apps], *, daemon: Daemon, processes: Processes, gateway: Gateway) -> Observation:
    """Every app is there with its workers, and this service serves."""
    await processes.wait_idle()
    if await daemon.running() is None:
        return Observation(Verdict.NOT_DONE, "No daemon runs.")
    there = _to_be_saved(await daemon.apps())
    if there != dict(attempt.params.apps):
        return Observation(Verdict.NOT_DONE, f"There is {_listed(there) or 'no app'}.")
    seen = await see_steady(processes, gateway)
    return Observation(seen.verdict, f"There is {_listed(there)}. {seen.evidence}")


async def _readable(daemon: Daemon) -> Dump | None:
    """What was saved before; what makes no sense is about to be replaced."""
    try:
        return await daemon.dump()
    except IntegrationError:
        return None


def _to_be_saved(apps: Sequence[App]) -> dict[str, int]:
    return {app.name: app.workers for app in apps if not app.module}


def _ending(app: App) -> str:
    if app.module:
        return "a module of the process manager; it comes back with the daemon"
    pids = f" ({', '.join(map(str, app.pids))})" if app.pids else ", none of which runs"
    return f"{_count(app.workers)}{pids}"


def _count(workers: int) -> str:
    return f"{workers} worker{'' if workers == 1 else 's'}"


def _listed(apps: Mapping[str, int]) -> str:
    return ", ".join(f"{name} with {_count(count)}" for name, count in sorted(apps.items()))


_SLOWLY = timedelta(seconds=10)
SAVE = Step("daemon.save", Apps, observe=see_saved, do=save, before=remember_dump)
KILL = Step("daemon.kill", Apps, observe=see_ended, do=end, before=remember_all, settle=_SLOWLY)
RESURRECT = Step("daemon.resurrect", Apps, observe=see_back, do=bring_back, settle=timedelta(seconds=20))

COMMANDS = (
    Command(
        ("pm2", "kill"),
        ReasonedArgs,
        plan=kill,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("C3",),
        steps=(SAVE, KILL),
        examples=("it starts apps that nobody asked for",),
        break_glass=False,
    ),
    Command(
        ("pm2", "resurrect"),
        ReasonedArgs,
        plan=resurrect,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("C3",),
        steps=(RESURRECT,),
        examples=("",),
    ),
)
