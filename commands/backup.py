"""Backups: make one and see that it is whole; list those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import cast

from pydantic import BaseModel, ConfigDict

from bot.core.backups import BackupMaker, Room
from bot.core.command import Command, Context, ReasonedArgs, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import Conflict
from bot.core.fleet import Service
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Backup, Backups
from bot.core.prose import Bold, Code, Line, When
from bot.core.records import Store
from bot.core.results import Field, OperationState, Table
from bot.core.sizes import format_size
from bot.digests.checks.backups import BACKUP_SIZE_WARN, judge_backups
from bot.digests.declaration import Terms

LIKE = 3
"""So many of the newest backups tell how much room one takes."""

SPARE = 1.1
"""A new one may be so much larger than the largest of them."""

FEWEST_INODES = 10

LOOK_EVERY = 1.0
"""Seconds between two looks at whether a script still runs that somebody else began."""


class Run(BaseModel):
    """The script knows everything by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Before(BaseModel):
    """What there was before: when the script was started by its host's clock, and the backups of then.

    `usual` is their median size, `took` how many seconds the last one took; 0 where that is not known.
    """

    since: datetime
    known: tuple[tuple[str, datetime], ...]
    usual: float
    took: float


async def show(ctx: Context, _args: ServiceArgs, *, service: Service, backups: Backups) -> Table:
    """List the newest backups with age, size and what speaks against them, judged as in the digest."""
    found = await backups.newest()
    judged = judge_backups(Terms(ctx.now, service.limits), found)
    verdict: Line = (Bold(f"{judged.state.value.upper()}: "), f"{judged.value} ({judged.limit}). {judged.evidence}")
    return Table(
        title=f"Backups of {service.name}",
        columns=("Made", "Age", "Size", "File", "Fault"),
        rows=tuple(
            (
                (When(each.made_at, date=True),),
                _span(ctx.now - each.made_at),
                format_size(each.size),
                (Code(each.path),),
                each.fault,
            )
            for each in found
        ),
        empty="The folder holds none.",
        notes=(verdict, "Of all but the newest only the beginning is read." if len(found) > 1 else ""),
    )


async def plan(
    ctx: Context, _args: ReasonedArgs, *, service: Service, backups: Backups, maker: BackupMaker, store: Store
) -> Plan:
    """Make a backup now, and see that a new one is there and whole; nothing else is touched."""
    if not maker.argv:
        raise Conflict(
            f"I know nothing that makes a backup of {service.name}.", hint="Set backups.script in opsbot.yaml."
        )
    found, room, holder, took = await asyncio.gather(
        backups.newest(), maker.room(), maker.holder(), _took(service, store)
    )
    needed = max((each.size for each in found[:LIKE]), default=0) * SPARE
    _refuse_without(room, needed, folder=found[0].path.rpartition("/")[0] if found else "the folder")
    warnings: list[Line] = []
    if holder:
        warnings.append((Bold("One is being made already, and this waits for it: "), holder))
    return Plan(
        title="Make a backup",
        area=Area.BACKUP,
        changes=(
            Field("Newest so far", _newest(found, now=ctx.now)),
            Field("The last one I made took", _span(took) if took else "not known yet"),
            Field("Free where it lands", _free(room, needed)),
            Field("Holds its lock", holder or "nobody"),
            Field("Waited for", f"{format_duration(maker.timeout)}; what takes longer is left running"),
        ),
        actions=(Action(MAKE.name, "Make a backup", argv=maker.argv),),
        warnings=tuple(warnings),
    )


async def remember(_: Run, *, service: Service, backups: Backups, maker: BackupMaker, store: Store) -> Json:
    """What there is, so that a new one is told from it."""
    found, since, took = await asyncio.gather(backups.newest(), maker.now(), _took(service, store))
    before = Before(
        since=since,
        known=tuple((each.path, each.made_at) for each in found),
        usual=median(each.size for each in found) if found else 0,
        took=took.total_seconds() if took else 0,
    )
    return cast("Json", before.model_dump(mode="json"))


async def make(attempt: Attempt[Run], *, maker: BackupMaker) -> str:
    """Run the script, unless it is at it still: then what it does is what is waited for."""
    if await _still_runs(maker, until=_ends(_before(attempt), maker)):
        return "it was at work already"
    return await maker.make()


async def tell(attempt: Attempt[Run], *, maker: BackupMaker) -> str:
    """Bytes and seconds so far, against those of before."""
    before = _before(attempt)
    written, now = await asyncio.gather(maker.written(before.since), maker.now())
    usual = f" of about {format_size(before.usual)}" if before.usual else ""
    took = f" of about {_span(timedelta(seconds=before.took))}" if before.took else ""
    return f"{format_size(written)}{usual} written, {_span(now - before.since)}{took}."


async def see(attempt: Attempt[Run], *, service: Service, backups: Backups, maker: BackupMaker) -> Observation:
    """A backup is there that was not, made since, as large as they are, and whole; what the script said is no proof."""
    before = _before(attempt)
    if holder := await _still_runs(maker, until=_ends(before, maker)):
        return Observation(Verdict.UNKNOWN, f"It still runs, and is left to its end: {holder}.")
    known = set(before.known)
    made = [
        each
        for each in await backups.newest()
        if each.made_at >= before.since and (each.path, each.made_at) not in known
    ]
    if not made:
        return Observation(Verdict.NOT_DONE, "No new backup is there.")
    proven = [(each, await maker.prove(each.path)) for each in made if each.size]
    faults = [f"{each.path}: {each.fault}" for each in made if each.fault]
    faults += [f"{each.path}: {proof.fault}" for each, proof in proven if proof.fault and not each.fault]
    if faults:
        return Observation(Verdict.NOT_DONE, f"What was made is no backup: {'; '.join(faults)}.")
    newest, how = proven[0][0], proven[0][1].how
    seen = f"{newest.path}, {format_size(newest.size)}"
    least = Terms(before.since, service.limits)[BACKUP_SIZE_WARN] * before.usual
    if newest.size < least:
        return Observation(Verdict.UNKNOWN, f"{seen}, which is little: usual are {format_size(before.usual)}.")
    whole = f"{how} finds it whole" if how else "nothing is known that tests this kind of file"
    return Observation(Verdict.DONE, f"{seen}; {whole}.")


async def _took(service: Service, store: Store) -> timedelta | None:
    """How long the last backup took that the bot made and saw."""
    async with store.transaction() as tx:
        recent = await tx.operations.recent(service=service.name, limit=500)
    for each in recent:
        is_one = any(action.step == MAKE.name for action in each.plan.actions)
        if is_one and each.state is OperationState.DONE and each.started_at and each.ended_at:
            return each.ended_at - each.started_at
    return None


async def _still_runs(maker: BackupMaker, *, until: datetime) -> str:
    """What holds the lock, once nothing does or the time is over; a dead replica's script goes on without it."""
    while (holder := await maker.holder()) and await maker.now() < until:  # noqa: ASYNC110 - it is no task of this loop
        await asyncio.sleep(LOOK_EVERY)
    return holder


def _before(attempt: Attempt[Run]) -> Before:
    return Before.model_validate(dict(attempt.before))


def _ends(before: Before, maker: BackupMaker) -> datetime:
    return before.since + maker.timeout


def _refuse_without(room: Room, needed: float, *, folder: str) -> None:
    if room.size < needed:
        raise Conflict(
            f"{folder} has {format_size(room.size)} free, and a backup takes about {format_size(needed)}.",
            hint="Make room first: backups lists what is there.",
        )
    if room.inodes is not None and room.inodes < FEWEST_INODES:
        raise Conflict(f"{folder} has {room.inodes} inodes free: no file can be made.", hint="Make room first.")


def _newest(found: Sequence[Backup], *, now: datetime) -> Line:
    if not found:
        return "none"
    newest = found[0]
    fault = f"; {newest.fault}" if newest.fault else ""
    return (Code(newest.path), f", {format_size(newest.size)}, {_span(now - newest.made_at)} old{fault}")


def _free(room: Room, needed: float) -> str:
    inodes = "" if room.inodes is None else f", {room.inodes:,} inodes"
    takes = f"one takes about {format_size(needed)}" if needed else "how much one takes is not known yet"
    return f"{format_size(room.size)}{inodes}; {takes}"


def _span(span: timedelta) -> str:
    """A span of time in two units at most."""
    step = 60 if span >= timedelta(hours=1) else 1
    return format_duration(timedelta(seconds=round(span.total_seconds() / step) * step))


MAKE = Step(
    "backup.make",
    Run,
    observe=see,
    do=make,
    before=remember,
    progress=tell,
    settle=timedelta(),  # what the script left when it ended is what there is
)
COMMANDS = (
    Command(
        ("backup",),
        ReasonedArgs,
        plan=plan,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("M1", "N2"),
        steps=(MAKE,),
        examples=("before the update",),
    ),
    Command(("backups",), ServiceArgs, run=show, rows=("K4",), examples=("",)),
)
