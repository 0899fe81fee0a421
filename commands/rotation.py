"""Give a service a new key, in the order in which nothing breaks."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import Field

from bot.core.command import Click, Command, Context, ServiceArgs
from bot.core.credentials import Credential, Credentials
from bot.core.errors import NotFound
from bot.core.fleet import Fleet, Service
from bot.core.people import Role
from bot.core.prose import Code, Line, Person, When
from bot.core.records import Store
from bot.core.results import Checklist, Result, Table
from bot.operations.credentials import burnt
from bot.operations.engine import Engine
from bot.operations.rotation import KIND, Rotations


class Rotate(ServiceArgs):
    """Which key."""

    key: str = Field("", pattern=r"^[A-Za-z0-9_.-]*$", description="Name of the key, never its value; empty lists all.")


async def rotate(
    ctx: Context, args: Rotate, *, service: Service, credentials: Credentials, store: Store, engine: Engine
) -> Result:
    """Lead through the rotation of a key: what people do is ticked by them, the rest when it is seen.

    The new value is typed into the environment file on the host. It is never asked for here, and the old one is
    revoked last.
    """
    found = await credentials.look()
    if not args.key:
        return await _all(ctx, service, found, store)
    credential = next((each for each in found if each.key == args.key), None)
    if credential is None:
        near = get_close_matches(args.key, [each.key for each in found], 1)
        hint = f"Did you mean {near[0]}?" if near else "creds rotate lists them."
        # Without what was typed: it may have been a value by mistake.
        raise NotFound(f"{credentials.path} has no credential of that name.", hint=hint)
    return await Rotations(store=store, trail=engine.trail).open(ctx, service, credential)


async def begin(ctx: Context, row_id: str, *, store: Store, fleet: Fleet, engine: Engine) -> Checklist:
    """Begin the rotation that a warning offers, or show the one that is open."""
    async with store.transaction() as tx:
        offered = (await tx.pending.get(row_id)).data
    service = fleet.pick(str(offered["service"]))
    [credential] = await service.port(Credentials).look(str(offered["key"]))
    return await Rotations(store=store, trail=engine.trail).open(ctx, service, credential)


async def look(ctx: Context, row_id: str, *, store: Store, fleet: Fleet, engine: Engine) -> Checklist:
    """Look again at what can be observed."""
    async with store.transaction() as tx:
        row = await tx.checklists.get(row_id)
    return await Rotations(store=store, trail=engine.trail).show(ctx, row_id, fleet.pick(row.service))


async def tick(ctx: Context, row_id: str, *, store: Store, fleet: Fleet, engine: Engine) -> Checklist:
    """Somebody says that it is done."""
    async with store.transaction() as tx:
        row = await tx.checklists.get((await tx.checklists.item(row_id)).checklist_id)
    return await Rotations(store=store, trail=engine.trail).tick(ctx, row_id, fleet.pick(row.service))


async def cancel(ctx: Context, row_id: str, *, store: Store, engine: Engine) -> Checklist:
    """Close the list."""
    return await Rotations(store=store, trail=engine.trail).cancel(ctx, row_id)


async def _all(ctx: Context, service: Service, found: tuple[Credential, ...], store: Store) -> Table:
    async with store.transaction() as tx:
        opened = {row.subject: row for row in await tx.checklists.opened(kind=KIND, service=service.name)}
        out = {each.key: await burnt(tx, service.name, each, now=ctx.now) for each in found}
    rows: list[tuple[Line, ...]] = []
    for each in found:
        row, fire = opened.get(each.key), out[each.key]
        since: Line = ("since ", When(row.opened_at), " by ", Person(row.opened_by)) if row else "none"
        rows.append(((Code(each.key),), since, ("BURNT, ", When(fire.at, date=True)) if fire else ""))
    return Table(f"Credentials of {service.name}", ("Key", "Rotation", "Seen in Slack"), tuple(rows))


COMMANDS = (
    Command(
        ("creds", "rotate"),
        Rotate,
        run=rotate,
        role=Role.RESPONDER,
        rows=("I3",),
        examples=("", "CROSSMINT_API_KEY"),
        public=True,
    ),
)
CLICKS = (
    Click("rotation.open", begin, role=Role.RESPONDER),
    Click("rotation.look", look, role=Role.RESPONDER),
    Click("rotation.tick", tick, role=Role.RESPONDER),
    Click("rotation.cancel", cancel, role=Role.RESPONDER),
)
