"""Log more for a few minutes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bot.core.command import ChangeArgs, Command, Context, ReasonedArgs
from bot.core.duration import format_duration
from bot.core.errors import UsageError
from bot.core.fleet import Service
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, LeaseTerms, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import EnvFile, EnvKey, Gateway, Processes, Worker
from bot.core.prose import Bold, When
from bot.core.records import Store
from bot.core.results import Field
from bot.operations.effects import ENV_SET, RELOAD
from bot.operations.workers import gap_while_replaced, online, summary

KIND = "debug"
DEBUG = "debug"
LONGEST = timedelta(minutes=15)
"""Hard cap: a debug log holds payments and queries, and fills the disk."""


class On(ReasonedArgs):
    """How long and why."""

    lasts: timedelta | None = option(None, "How long: 15m if not said, which is the most.", alias="for")


class Off(ChangeArgs):
    """Back to which level, and why."""

    reason: str = words("", "Why it ends.")
    level: str = option("", "Level to go back to, if not the one from before.")


class Level(BaseModel):
    """What every worker has to tell of its log level; empty for anything but debug."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: str = ""


async def turn_on(ctx: Context, args: On, *, service: Service, env: EnvFile, processes: Processes) -> Plan:
    """Set the log level to debug, reload, and see it in every worker; it goes back by itself."""
    lasts = args.lasts or LONGEST
    if lasts > LONGEST:
        raise UsageError(
            f"{format_duration(lasts)} is too long.", hint=f"At most {format_duration(LONGEST)} at a time."
        )
    key, workers = await asyncio.gather(env.read(service.log_level_key), processes.workers())
    before = "" if key.value in {None, DEBUG} else str(key.value)
    actions, undo = _actions(key, workers, processes, wanted=DEBUG)
    return Plan(
        title="Turn debug logging on",
        area=Area.PROCESSES,
        changes=(
            Field(key.key, f"{key.value or 'absent'} becomes {DEBUG}" if key.value != DEBUG else f"stays {DEBUG}"),
            Field("Ends by itself", (f"after {format_duration(lasts)}, about ", When(ctx.now + lasts))),
            Field("Workers", summary(workers)),
        ),
        actions=actions,
        undo=undo,
        preconditions={key.key: key.value or "absent", "the number of workers": str(len(workers))},
        warnings=(
            (Bold("Payments and queries are written to the logs. "), "Whoever reads those reads them."),
            *gap_while_replaced(workers),
        ),
        lease=LeaseTerms(
            kind=KIND,
            target=env.path,
            owner="operations",
            lasts=lasts,
            inverse=Call(("debug", "off"), {"level": before, "service": service.name}),
        ),
    )


async def turn_off(
    _ctx: Context, args: Off, *, service: Service, env: EnvFile, processes: Processes, store: Store
) -> Plan:
    """Put the log level back to what it was, reload, and see it in every worker."""
    key, workers = await asyncio.gather(env.read(service.log_level_key), processes.workers())
    async with store.transaction() as tx:
        held = await tx.leases.active(service=service.name, kind=KIND)
    before = next((str(lease.inverse.args.get("level", "")) for lease in held), "")
    wanted = (args.level or before) or None
    actions, undo = _actions(key, workers, processes, wanted=wanted) if key.value == DEBUG else ((), ())
    return Plan(
        title="Turn debug logging off",
        area=Area.PROCESSES,
        changes=(Field(key.key, f"{key.value or 'absent'} becomes {wanted or 'absent'}"),),
        actions=actions,
        undo=undo,
        preconditions={key.key: key.value or "absent"},
        warnings=gap_while_replaced(workers),
        ends=tuple(lease.id for lease in held),
    )


def _actions(
    key: EnvKey, workers: tuple[Worker, ...], processes: Processes, *, wanted: str | None
) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """To the wanted level and back; the look comes last, and workers that run are reloaded in any case."""
    reload = Action(RELOAD.name, "Reload the workers", argv=processes.reload_argv())
    look = Action(
        SEE_LEVEL.name, f"See the level {wanted or 'that is not debug'} in every worker", {"level": wanted or ""}
    )
    if key.value == wanted:
        return ((reload, look) if online(workers) else ()), ()
    there = Action(ENV_SET.name, f"Set {key.key}", {"key": key.key, "old": key.value, "new": wanted})
    back = Action(ENV_SET.name, f"Put {key.key} back", {"key": key.key, "old": wanted, "new": key.value})
    return (there, reload, look), (back, reload)


async def see_level(attempt: Attempt[Level], *, processes: Processes, gateway: Gateway) -> Observation:
    """What each worker tells of its log level; without that nobody knows."""
    wanted = attempt.params.level
    pids = [worker.voice for worker in online(await processes.workers())]
    answers = await gateway.health_by_worker(pids, kind="detailed")
    told = {pid: str(answers[pid].body["log_level"]) for pid in answers if "log_level" in answers[pid].body}
    if len(told) < len(pids) or not pids:
        return Observation(
            Verdict.UNKNOWN, f"{len(pids) - len(told)} of {len(pids)} workers do not tell their log level."
        )
    is_so = all(level == wanted if wanted else level != DEBUG for level in told.values())
    said = ", ".join(f"worker {pid}: {level}" for pid, level in told.items())
    return Observation(Verdict.DONE if is_so else Verdict.NOT_DONE, f"{said[:1].upper()}{said[1:]}.")


SEE_LEVEL = Step("debug.observe", Level, observe=see_level, settle=timedelta(seconds=10))
COMMANDS = (
    Command(
        ("debug", "on"),
        On,
        plan=turn_on,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("R",),
        steps=(SEE_LEVEL,),
        examples=("--for 10m webhooks get lost",),
    ),
    Command(
        ("debug", "off"),
        Off,
        plan=turn_off,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("R",),
        examples=("seen enough",),
    ),
)
