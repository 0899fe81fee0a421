"""The database: who is connected, who holds up whom, and ending one of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Arg

from bot.core.command import Command, Context, ReasonedArgs, ServiceArgs
from bot.core.database import Backend, Connections, Database
from bot.core.duration import format_duration
from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.fleet import Service
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Bold, Line
from bot.core.results import Field, Table

LONG = timedelta(minutes=5)
"""From when on a query or transaction is called long; the runbook's own measure."""


class Which(ReasonedArgs):
    """Which connection, and why."""

    pid: int = Arg(ge=1, description="Its pid, as db shows it.")


class Connection(BaseModel):
    """One connection by its pid and the time it was made: a pid alone may be another one by now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    started_at: datetime


class Query(Connection):
    """What it runs, by the time at which that began: the next one may be worded alike."""

    since: datetime


class Server(BaseModel):
    """The server."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def show(_ctx: Context, _args: ServiceArgs, *, service: Service, database: Database) -> Table:
    """Show the connections by state against the limit, long and blocking queries, and who replicates."""
    seen = await database.connections()
    return Table(
        title=f"Database of {service.name}",
        columns=("Pid", "Who", "State", "For", "Waits for", "Query"),
        rows=tuple(_row(backend) for backend in seen.backends),
        empty="No connection is busy.",
        notes=_notes(seen),
    )


async def cancel(_ctx: Context, args: Which, *, database: Database) -> Plan:
    """Cancel the query of one connection; the connection stays."""
    backend = await _pick(database, args.pid)
    if backend.state.startswith("idle in transaction"):
        raise Conflict(f"{args.pid} runs no query: it is in an open transaction.", hint="Only db kill ends that.")
    if backend.state != "active" or backend.busy_since is None:
        raise Conflict(f"{args.pid} runs no query.", hint="db shows who does.")
    wanted = Query(pid=backend.pid, started_at=backend.started_at, since=backend.busy_since)
    return _plan("Cancel the query of", backend, CANCEL, wanted)


async def kill(_ctx: Context, args: Which, *, database: Database) -> Plan:
    """End one connection: its transaction is rolled back, and its client sees an error."""
    backend = await _pick(database, args.pid)
    warnings: list[Line] = []
    if backend.state == "active":
        warnings.append("db cancel ends only its query; try that first.")
    wanted = Connection(pid=backend.pid, started_at=backend.started_at)
    return _plan("End", backend, KILL, wanted, warnings=tuple(warnings))


async def restart(_ctx: Context, _args: ReasonedArgs, *, service: Service, database: Database) -> Plan:
    """Restart the server: every connection drops; it is done when a newer server answers a query."""
    if not database.restart_argv:
        raise Conflict(
            f"I know nothing that restarts the database of {service.name}.",
            hint="For a server on this host, set database.restart; one elsewhere is restarted where it runs.",
        )
    seen, since = await asyncio.gather(database.connections(), database.running_since())
    return Plan(
        title="Restart the database",
        area=Area.DATABASE,
        changes=(
            Field("Running since", f"{since:%Y-%m-%d %H:%M:%S} UTC"),
            Field("Connections that drop", str(seen.count)),
        ),
        actions=(Action(RESTART.name, "Restart the server", argv=database.restart_argv),),
        preconditions={"when the server was started": since.isoformat()},
        warnings=((Bold("Payments fail until it is back. "), "maintenance on turns customers away with an answer."),),
    )


async def cancel_query(attempt: Attempt[Query], *, database: Database) -> str:
    """Ask the server to cancel it."""
    wanted = attempt.params
    if not await database.cancel(wanted.pid, started_at=wanted.started_at, since=wanted.since):
        raise Conflict(f"{wanted.pid} does not run that query any more, or is one that is not touched.")
    return f"asked the server to cancel the query of {wanted.pid}"


async def end_connection(attempt: Attempt[Connection], *, database: Database) -> str:
    """Ask the server to end it."""
    wanted = attempt.params
    if not await database.terminate(wanted.pid, started_at=wanted.started_at):
        raise Conflict(f"{wanted.pid} is another connection by now, or one that is not touched.")
    return f"asked the server to end {wanted.pid}"


async def remember_query(params: Query, *, database: Database) -> Json:
    """How the query begins, to tell when the same one is asked anew."""
    backend = await database.backend(params.pid)
    return {"query": backend.query if backend else ""}


async def see_cancelled(attempt: Attempt[Query], *, database: Database) -> Observation:
    """It does not run that query any more."""
    backend = await _same(database, attempt.params)
    if backend is None:
        return Observation(Verdict.DONE, f"{attempt.params.pid} is not connected any more.")
    if backend.busy_since == attempt.params.since:
        return Observation(Verdict.NOT_DONE, f"{backend.pid} still runs it, for {_for(backend.busy)}.")
    if backend.state == "active":
        again = "the same query anew" if backend.query == attempt.before.get("query") else "another query"
        return Observation(Verdict.DONE, f"{backend.pid} runs {again}, for {_for(backend.busy)}.")
    return Observation(Verdict.DONE, f"{backend.pid} is {backend.state}.")


async def see_ended(attempt: Attempt[Connection], *, database: Database) -> Observation:
    """It is not connected any more."""
    backend = await _same(database, attempt.params)
    if backend is None:
        return Observation(Verdict.DONE, f"{attempt.params.pid} is not connected any more.")
    return Observation(Verdict.NOT_DONE, f"{backend.pid} is still connected, and {backend.state}.")


async def remember_start(_: Server, *, database: Database) -> Json:
    """When the server that runs now was started."""
    return {"since": (await database.running_since()).isoformat()}


async def restart_server(_: Attempt[Server], *, database: Database) -> str:
    """Restart it."""
    return await database.restart()


async def see_restarted(attempt: Attempt[Server], *, database: Database) -> Observation:
    """A server that was started later answers a query; that a service manager is content says nothing."""
    try:
        since = await database.running_since()
    except IntegrationError as error:
        return Observation(Verdict.NOT_DONE, f"The database does not answer: {error}")
    if since.isoformat() == attempt.before.get("since"):
        return Observation(Verdict.NOT_DONE, "The server from before still runs: nothing was restarted.")
    return Observation(Verdict.DONE, f"The server answers, running since {since:%H:%M:%S} UTC.")


async def _pick(database: Database, pid: int) -> Backend:
    backend = await database.backend(pid)
    if backend is None:
        raise NotFound(f"No client's connection has the pid {pid}.", hint="The server's own processes are not ended.")
    if backend.protected:
        raise Conflict(f"{pid} is not touched: {backend.protected}.")
    return backend


async def _same(database: Database, wanted: Connection) -> Backend | None:
    backend = await database.backend(wanted.pid)
    return backend if backend and backend.started_at == wanted.started_at else None


def _plan(verb: str, backend: Backend, step: Step, wanted: Connection, *, warnings: tuple[Line, ...] = ()) -> Plan:
    return Plan(
        title=f"{verb} connection {backend.pid}",
        area=Area.DATABASE,
        changes=(
            Field("Who", f"{backend.user}, {backend.application or 'no name'}"),
            Field("State", f"{backend.state} for {_for(backend.busy)}"),
            Field("Query", backend.query or "none"),
        ),
        actions=(Action(step.name, f"{verb} {backend.pid}", wanted.model_dump(mode="json")),),
        preconditions={f"what {backend.pid} is": str(wanted)},
        warnings=warnings,
    )


def _row(backend: Backend) -> tuple[Line, ...]:
    holds = f"held up by {', '.join(map(str, backend.blocked_by))}" if backend.blocked_by else backend.waits_for
    who = f"{backend.user}, {backend.application}" if backend.application else backend.user
    return (str(backend.pid), who, backend.state, _for(backend.busy), holds, backend.query[:80])


def _notes(seen: Connections) -> tuple[Line, ...]:
    states = ", ".join(f"{count} {state}" for state, count in seen.by_state.items())
    notes: list[Line] = [f"{seen.count} of {seen.limit} connections: {states or 'none'}."]
    holding = {pid for backend in seen.backends for pid in backend.blocked_by}
    if holding:
        notes.append((Bold("Hold up others: "), ", ".join(map(str, sorted(holding)))))
    if long := [backend for backend in seen.backends if backend.busy >= LONG]:
        notes.append(f"{len(long)} busy for more than {format_duration(LONG)}; db cancel and db kill end one each.")
    for replica in seen.replicas:
        behind = "unknown" if replica.behind is None else f"{replica.behind / 1e6:.1f} MB"
        notes.append(f"{replica.name} replicates: {replica.state}, {behind} behind.")
    return tuple(notes)


def _for(busy: timedelta) -> str:
    return format_duration(timedelta(seconds=round(busy.total_seconds()))) if busy.total_seconds() >= 1 else "under 1s"


# Again is no harm: it is this one query and this one connection, by the times at which they began, or none.
CANCEL = Step(
    "database.cancel",
    Query,
    observe=see_cancelled,
    do=cancel_query,
    before=remember_query,
    settle=timedelta(seconds=5),
)
KILL = Step("database.kill", Connection, observe=see_ended, do=end_connection, settle=timedelta(seconds=5))
RESTART = Step(
    "database.restart",
    Server,
    observe=see_restarted,
    do=restart_server,
    before=remember_start,
    settle=timedelta(seconds=30),
)
COMMANDS = (
    Command(("db",), ServiceArgs, run=show, role=Role.RESPONDER, rows=("J1", "J2"), examples=("",)),
    Command(
        ("db", "cancel"),
        Which,
        plan=cancel,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("J3",),
        steps=(CANCEL,),
        examples=("4711 report runs for an hour",),
    ),
    Command(
        ("db", "kill"),
        Which,
        plan=kill,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("J3",),
        steps=(KILL,),
        examples=("4711 holds up payments",),
    ),
    Command(
        ("db", "restart"),
        ReasonedArgs,
        plan=restart,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("J4",),
        steps=(RESTART,),
        examples=("does not answer",),
    ),
)
