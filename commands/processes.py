"""Start, stop, restart and reload the workers, and clear away those that gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.core.command import Command, Context, ReasonedArgs, ServiceArgs
from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.fleet import Service
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Gateway, Processes, Voice, Worker
from bot.core.processes import Declared, Supervisor, Verb
from bot.core.prose import Bold, Code, Line, When
from bot.core.releases import Releases
from bot.core.results import Field, Table
from bot.operations.effects import RELOAD, Reload, remember_workers, see_reload
from bot.operations.scaling import remove_actions, scale_action
from bot.operations.workers import gap_while_replaced, mode_of, online, summary


async def show(
    _ctx: Context,
    _args: ServiceArgs,
    *,
    service: Service,
    processes: Processes,
    supervisor: Supervisor,
    gateway: Gateway,
) -> Table:
    """Show every worker with its build, and whether as many run as are declared."""
    workers, declared = await asyncio.gather(processes.workers(), supervisor.declared())
    up, unsaid = online(workers), ""
    builds: dict[Voice, str] = {}
    try:
        answers = await gateway.health_by_worker([worker.voice for worker in up]) if up else {}
        builds = {voice: str(health.body.get("sha", ""))[:12] for voice, health in answers.items()}
    except IntegrationError as error:
        unsaid = f"No worker could be asked for its build: {error}"
    return Table(
        title=f"Workers of {service.name}",
        columns=("Id", "Pid", "Status", "Restarts", "Up since", "Memory", "CPU", "Build"),
        rows=tuple(_row(worker, builds.get(worker.voice, "")) for worker in workers),
        empty="The process manager lists no worker: start brings them back.",
        notes=(*((unsaid,) if unsaid else ()), *_declared(workers, declared)),
    )


async def start(
    _ctx: Context, _args: ReasonedArgs, *, service: Service, processes: Processes, supervisor: Supervisor
) -> Plan:
    """Start the service when nothing of it runs; what runs is left alone, for a second start would restart it."""
    workers = await processes.workers()
    up = online(workers)
    if up and len(up) < len(workers):
        raise Conflict(
            f"{len(up)} of {len(workers)} workers are online, and a start would restart them too.",
            hint="reset brings back the others; restart replaces all of them.",
        )
    action = Action(START.name, "Start the workers", argv=supervisor.change_argv(Verb.START))
    return Plan(
        title="Start the service",
        area=Area.PROCESSES,
        changes=(Field("Workers", f"{len(up)} online" if up else "none runs"),),
        actions=() if up else (action,),
        preconditions=_preconditions(workers),
        inverse=Call(("stop",)),
        rescue=_rescue(service),
    )


async def stop(_ctx: Context, _args: ReasonedArgs, *, processes: Processes, supervisor: Supervisor) -> Plan:
    """Stop every worker: customers get no answer at all until somebody starts them again."""
    workers = await processes.workers()
    up = online(workers)
    action = Action(STOP.name, "Stop the workers", argv=supervisor.change_argv(Verb.STOP))
    return Plan(
        title="Stop the service",
        area=Area.PROCESSES,
        changes=(Field("Workers", summary(up) if up else "none runs"),),
        actions=(action,) if up else (),
        preconditions=_preconditions(workers),
        warnings=(
            (Bold("Payments in flight are cut: "), "a worker that has not ended within its kill timeout is killed."),
            "maintenance on turns customers away with an answer, and lets what is in flight end.",
        ),
        inverse=Call(("start",)),
    )


async def restart(
    _ctx: Context, _args: ReasonedArgs, *, service: Service, processes: Processes, supervisor: Supervisor
) -> Plan:
    """Stop and start every worker at once; reload does it one by one."""
    workers, declared = await asyncio.gather(_there(processes), supervisor.declared())
    return Plan(
        title="Restart the service",
        area=Area.PROCESSES,
        changes=(Field("Workers", summary(workers)),),
        actions=(Action(RESTART.name, "Restart the workers", argv=supervisor.change_argv(Verb.RESTART)),),
        preconditions=_preconditions(workers),
        warnings=(
            (Bold("Open connections are dropped. "), "reload replaces the workers one by one."),
            *((f"Declared is {declared.source}.",) if declared else ()),
        ),
        rescue=_rescue(service),
    )


async def reload(_ctx: Context, _args: ReasonedArgs, *, service: Service, processes: Processes) -> Plan:
    """Replace the workers one by one: each new one is seen to answer health before it counts."""
    workers = await _there(processes)
    return Plan(
        title="Reload the service",
        area=Area.PROCESSES,
        changes=(Field("Workers", summary(workers)),),
        actions=(Action(RELOAD.name, "Reload the workers", argv=processes.reload_argv()),),
        preconditions=_preconditions(workers),
        warnings=gap_while_replaced(workers),
        rescue=_rescue(service),
    )


async def reset(_ctx: Context, _args: ReasonedArgs, *, processes: Processes, supervisor: Supervisor) -> Plan:
    """Take workers that gave up out of the list, and bring back as many as are declared."""
    workers, declared = await asyncio.gather(_there(processes), supervisor.declared())
    up = online(workers)
    lost = [worker for worker in workers if worker not in up]
    if not up:
        raise Conflict(
            "No worker is online: taking them all away would delete the app from the process manager.",
            hint="restart tries this build again; rollback goes back to the one before.",
        )
    actions = list(remove_actions(supervisor, lost))
    wanted = declared.workers if declared else len(workers)
    if lost and declared and len(up) < wanted and not declared.alone:
        actions.append(scale_action(supervisor, wanted))
    return Plan(
        title="Reset the workers",
        area=Area.PROCESSES,
        changes=(
            Field("Given up", ", ".join(f"{worker.id} ({worker.status})" for worker in lost) or "none"),
            Field("Online", f"{len(up)} of {wanted} declared"),
        ),
        actions=tuple(actions),
        preconditions=_preconditions(workers),
    )


async def start_workers(_: Attempt[Reload], *, supervisor: Supervisor) -> str:
    """Start them."""
    return await supervisor.change(Verb.START)


async def stop_workers(_: Attempt[Reload], *, supervisor: Supervisor) -> str:
    """Stop them."""
    return await supervisor.change(Verb.STOP)


async def restart_workers(_: Attempt[Reload], *, supervisor: Supervisor) -> str:
    """Restart them."""
    return await supervisor.change(Verb.RESTART)


async def see_stopped(_: Attempt[Reload], *, processes: Processes, gateway: Gateway) -> Observation:
    """No worker has a process, and nobody answers from outside."""
    await processes.wait_idle()
    if up := [worker.pid for worker in await processes.workers() if worker.pid]:
        return Observation(Verdict.NOT_DONE, f"Still there: {', '.join(map(str, up))}.")
    try:
        answer = await gateway.health()
    except IntegrationError as error:
        return Observation(Verdict.DONE, f"No worker has a process, and nobody answers: {error}")
    return Observation(Verdict.NOT_DONE, f"No worker has a process, yet {answer.url} answers {answer.status}.")


async def _there(processes: Processes) -> tuple[Worker, ...]:
    workers = await processes.workers()
    if not workers:
        raise NotFound("The process manager lists no worker of this service.", hint="start brings them back.")
    return workers


def _rescue(service: Service) -> Call | None:
    """Where a build does not come up, the one before is the way out."""
    return Call(("rollback",)) if Releases in service.ports else None


def _preconditions(workers: Sequence[Worker]) -> dict[str, str]:
    return {"the mode of the workers": mode_of(workers), "workers online": f"{len(online(workers))} of {len(workers)}"}


def _row(worker: Worker, build: str) -> tuple[Line, ...]:
    since: Line = (When(worker.started_at),) if worker.started_at else ""
    memory = "unknown" if worker.memory is None else f"{worker.memory / 1e6:.0f} MB"
    cpu = "unknown" if worker.cpu is None else f"{worker.cpu:.0f} %"
    return (
        str(worker.id),
        str(worker.pid or ""),
        worker.status,
        str(worker.restarts),
        since,
        memory,
        cpu,
        (Code(build),),
    )


def _declared(workers: Sequence[Worker], declared: Declared | None) -> tuple[Line, ...]:
    """What a start from the file would change, and how to make a change last: in the repository, not from chat."""
    if declared is None:
        return ()
    notes: list[Line] = []
    if len(workers) != declared.workers:
        there, wanted = len(workers), declared.workers
        notes.append(f"{wanted} are declared, {there} are there: a start or a reboot brings {wanted} back.")
    if declared.memory_limit:
        notes.append(f"A worker may take {declared.memory_limit / 1e6:.0f} MB; above that it is ended.")
    if declared.source:
        notes.append(f"To change what is declared, deploy another one of {declared.source}.")
    return tuple(notes)


_SLOWLY = timedelta(seconds=10)
START = Step("processes.start", Reload, observe=see_reload, do=start_workers, settle=_SLOWLY)
STOP = Step("processes.stop", Reload, observe=see_stopped, do=stop_workers, settle=_SLOWLY)
RESTART = Step(
    "processes.restart", Reload, observe=see_reload, do=restart_workers, before=remember_workers, settle=_SLOWLY
)

COMMANDS = (
    Command(("processes",), ServiceArgs, run=show, rows=("H5", "P1", "P2"), examples=("",)),
    Command(
        ("start",),
        ReasonedArgs,
        plan=start,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("B1", "B2"),
        steps=(START,),
        examples=("",),
    ),
    Command(
        ("stop",),
        ReasonedArgs,
        plan=stop,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("C1", "C2"),
        steps=(STOP,),
        examples=("break-in suspected",),
    ),
    Command(
        ("restart",),
        ReasonedArgs,
        plan=restart,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("D3", "D4"),
        steps=(RESTART,),
        examples=("memory grows",),
    ),
    Command(
        ("reload",),
        ReasonedArgs,
        plan=reload,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("D1", "D2"),
        examples=("new fees",),
    ),
    Command(
        ("reset",),
        ReasonedArgs,
        plan=reset,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("H4",),
        examples=("errored after the deploy",),
    ),
)
