"""Apply the migrations of the deployed release to the database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from bot.core.clock import now
from bot.core.command import Command, Context, ReasonedArgs
from bot.core.fleet import Service
from bot.core.migrations import Migrations
from bot.core.parse import option
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Bold, Code
from bot.core.records import Store
from bot.core.releases import Releases
from bot.core.results import Field
from bot.operations.deployments import SHORT
from bot.operations.freeze import heed_freeze
from bot.operations.windows import heed_window

_KEPT = timedelta(days=7)


class Migrate(ReasonedArgs):
    """Why."""

    override: str = option("", "Why a freeze or a missing backup are no reason to stop.")


class Run(BaseModel):
    """The migrations of one release by its full SHA."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha: str


async def plan(
    _ctx: Context, args: Migrate, *, service: Service, releases: Releases, migrations: Migrations, store: Store
) -> Plan:
    """Change the database's schema as the deployed release wants it; there is no way back but a backup."""
    frozen = await heed_freeze(store, service, override=args.override)
    unsaved = await heed_window(store, service, override=args.override)
    current, last = await asyncio.gather(releases.current(), migrations.last_migration())
    return Plan(
        title="Migrate the database",
        area=Area.DATABASE,
        changes=(
            Field("Release", (Code(current.sha[:SHORT]), f" in {current.folder}")),
            Field("Last migration", "not known: releases.last_migration is not set" if last is None else last),
        ),
        actions=(Action(MIGRATE.name, "Run the migrations", {"sha": current.sha}, argv=migrations.migrate_argv),),
        preconditions={"what is deployed": current.sha[:SHORT], "the last migration": last or "not known"},
        warnings=(
            (Bold("There is no way back: "), "rollback does not undo it; only a backup from before does."),
            *unsaved,
            *frozen,
        ),
    )


async def remember(_: Run, *, migrations: Migrations) -> Json:
    """What was applied last, and a name for this run."""
    return {"last": await migrations.last_migration(), "run": uuid4().hex}


async def migrate(attempt: Attempt[Run], *, migrations: Migrations, store: Store) -> str:
    """Run them, and write down that they ended well."""
    said = await migrations.migrate()
    async with store.transaction() as tx:
        await tx.remembered.put(_row(attempt), said, at=now())
    return said


async def see(attempt: Attempt[Run], *, releases: Releases, migrations: Migrations, store: Store) -> Observation:
    """It ended well, and another migration is the last one; what cannot be told is unknown."""
    await migrations.migrated()  # an orphan of a dead replica may be at it still
    last, before = await migrations.last_migration(), attempt.before.get("last")
    async with store.transaction() as tx:
        ended = await tx.remembered.get(_row(attempt), within=_KEPT, now=now())
    seen = f"The last migration was {before} and is {last}." if last else "What was applied last is not known."
    if (await releases.current()).sha != attempt.params.sha:
        return Observation(Verdict.UNKNOWN, f"Another release is deployed by now. {seen}")
    if ended is None:
        return Observation(Verdict.UNKNOWN, f"Whether all were applied is not known: nobody saw the end. {seen}")
    if last is None:
        return Observation(Verdict.UNKNOWN, f"The command ended with 0. {seen}")
    if last == before:
        return Observation(Verdict.UNKNOWN, f"The last migration is {last} as before: perhaps none was pending.")
    return Observation(Verdict.DONE, seen)


def _row(attempt: Attempt[Run]) -> str:
    return f"migrate:{attempt.before.get('run')}"


# Never done twice by itself: what stopped in the middle is for a person to look at.
MIGRATE = Step(
    "database.migrate", Run, observe=see, do=migrate, before=remember, settle=timedelta(seconds=2), repeatable=False
)
COMMANDS = (
    Command(
        ("migrate",),
        Migrate,
        plan=plan,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("N5",),
        steps=(MIGRATE,),
        examples=("v1.5.0 needs the new table",),
    ),
)
