"""Two bots on one Postgres, and one of them is hit in the middle: the other finishes, once, whatever it was.

Every kind of change, killed with -9 or paused for seven seconds at a place drawn at random, with everything that Slack
says delivered twice. Each kind is hit once in a run of the tests, and by `make soak` as often as one likes. The same
places, all of them but in one process: tests/commands/test_killed_anywhere.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.app import registry_of
from bot.core.results import OperationState
from bot.core.windows import Window, WindowState
from bot.demo.gateway import Gateway
from bot.demo.outside import Outside, look
from bot.operations.tasks import END_LEASE, REMIND
from bot.settings import Settings
from tests.app.pair import SLOWLY, Pair
from tests.app.soak import EXAMPLES, drawing, explained
from tests.app.stage import ADDRESS, WINDOWS_LIST
from tests.app.trap import Blow, Way
from tests.fixtures_gateway import pm2_cli
from tests.postgres import fresh_database
from tests.redis_server import PASSWORD

pytestmark = pytest.mark.timeout(360)
on_one_loop = pytest.mark.asyncio(loop_scope="module")

ANYWHERE: tuple[Way, ...] = ("before", "after", "inside")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is typed, what has to be there before, and what it does to the systems, counted there.

    What is never begun again (`once`) may end without having been done, or without anybody knowing, by where it was
    hit; `always` is what it does then too. A step of it `takes` about so many seconds, and its end is waited for with
    `patience`. `outside` is asked of the gateway when it is done.
    """

    typed: str
    before: tuple[str, ...] = ()
    does: Mapping[str, int] = field(default_factory=dict)
    once: bool = False
    always: Mapping[str, int] = field(default_factory=dict)
    ways: tuple[Way, ...] = ANYWHERE
    takes: float = 0.3
    patience: float = SLOWLY
    outside: Callable[[Outside], bool] = lambda _: True

    def allowed(self, state: OperationState) -> list[Mapping[str, int]]:
        """What may have been done when it ended so."""
        done, nothing = {**self.does, **self.always}, {**self.always}
        match state:
            case OperationState.DONE:
                return [done]
            case OperationState.UNVERIFIED if self.once:
                return [done, nothing]
            case OperationState.FAILED if self.once:
                return [nothing]
        return []


MAINTENANCE, RELOADED = "maintenance on 30m provider down", {"reload": 1}
KINDS: Mapping[str, Kind] = {
    "backup": Kind(typed="backup before the update", does={"backup": 1}, takes=1.5),
    "block-ip": Kind(typed=f"block-ip {ADDRESS} scanning", does={"block": 1}),
    "cache memory set": Kind(typed="cache memory set 2gb", does={"set memory": 1}),
    "cache warm": Kind(typed="cache warm after the restart", does={"warmed": 1}, once=True),
    "db cancel": Kind(typed="db cancel {client} runs for an hour", does={"cut": 1}),
    "db kill": Kind(typed="db kill {client} holds up payments", does={"cut": 1}),
    "db restart": Kind(typed="db restart does not answer", does={"restart-database": 1}, takes=0.5),
    "debug off": Kind(typed="debug off", before=("debug on --for 10m lost webhooks",), does=RELOADED, takes=2),
    "debug on": Kind(typed="debug on --for 10m lost webhooks", does=RELOADED, takes=2),
    "deploy": Kind(typed="deploy v1.1.0 fees", does=RELOADED, outside=lambda seen: seen.serves_customers, takes=2),
    "freeze": Kind(typed="freeze --for 2h audit"),
    "freeze off": Kind(typed="freeze off", before=("freeze --for 2h audit",)),
    # One that is hit before it has asked waits for three minutes: tests/commands shows that with less patience, and
    # here it is rare.
    "heap-snapshot": Kind(
        typed="heap-snapshot 0 memory grows", does={"heap": 1}, once=True, ways=("before",), patience=240
    ),
    "maintenance off": Kind(
        typed="maintenance off",
        before=(MAINTENANCE,),
        does=RELOADED,
        outside=lambda seen: seen.serves_customers,
        takes=2,
    ),
    "maintenance on": Kind(
        typed=MAINTENANCE, does=RELOADED, outside=lambda seen: seen.keeps_customers_out and len(seen.key) == 1, takes=2
    ),
    "maintenance plan": Kind(
        typed='maintenance plan "tomorrow 22:00" for 1h Update', does={"mail": 1}, once=True, always={"told planned": 1}
    ),
    "maintenance window cancel": Kind(
        typed="maintenance window cancel {window} moved", does={"mail": 1}, once=True, always={"told cancelled": 1}
    ),
    "maintenance window close": Kind(
        typed="maintenance window close {window}", does={"mail": 1}, once=True, always={"told over": 1}
    ),
    "migrate": Kind(typed="migrate new table", does={"migrate": 1}, once=True, takes=1.2),
    "pm2 kill": Kind(typed="pm2 kill it starts what nobody asked for", does={"save": 1, "kill": 1}, takes=1.5),
    "pm2 resurrect": Kind(typed="pm2 resurrect", before=("!save", "!kill"), does={"resurrect": 1}, takes=1.5),
    "rate-limits clear": Kind(typed="rate-limits clear 203.0.113.77 locked out", does={"unlink": 1}),
    "reload": Kind(typed="reload", does=RELOADED, takes=2.5),
    "reset": Kind(typed="reset", before=("!stop 0",), does={"delete": 1, "scale": 1}, takes=1.5),
    "restart": Kind(typed="restart memory grows", does={"restart": 1}, takes=2),
    "rollback": Kind(typed="rollback fees", before=("deploy v1.1.0 fees",), does=RELOADED, takes=2),
    "scale": Kind(typed="scale 3 traffic", does={"scale": 1}, outside=lambda seen: len(seen.online) == 3, takes=1.5),
    "start": Kind(typed="start", before=("!stop all",), does={"start": 1}, takes=1.5),
    "stop": Kind(typed="stop break-in", does={"stop": 1}, outside=lambda seen: not seen.online, takes=1.5),
    "unblock-ip": Kind(typed=f"unblock-ip {ADDRESS}", before=(f"block-ip {ADDRESS} scanning",), does={"unblock": 1}),
}
STANDS = {"maintenance window cancel": WindowState.PLANNED, "maintenance window close": WindowState.ENDED}
"""How the window stands that some are for."""


def test_no_kind_of_change_is_missing_here() -> None:
    registry = registry_of(Settings.model_construct())

    assert {" ".join(path) for path, command in registry.commands.items() if command.plan} == set(KINDS), (
        "type it into the table, and see it survive"
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    running_gateway: Gateway, cluster: str, redis_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    """The two bots, and all that they act on."""
    with fresh_database(cluster) as conninfo:
        folder = tmp_path_factory.mktemp("pair")
        async with Pair.open(folder, demo=running_gateway, conninfo=conninfo, redis_port=redis_port) as pair:
            yield pair


@pytest_asyncio.fixture(loop_scope="module")
async def pair(world: Pair, demo: Gateway) -> AsyncIterator[Pair]:
    """Both alive, nothing done yet; the gateway is put back afterwards."""
    await world.reset()
    await world.complete()
    yield world
    pm2_cli(demo, "ping")  # what is put back is put back in a daemon
    world.stage.unblock()


@on_one_loop
@pytest.mark.parametrize("example", range(EXAMPLES))
@pytest.mark.parametrize("kind", KINDS)
async def test_the_other_bot_finishes_what_one_was_hit_in(
    pair: Pair, demo: Gateway, kind: str, example: int, request: pytest.FixtureRequest
) -> None:
    how, random = KINDS[kind], drawing(request, f"{kind} {example}")
    if kind in {"block-ip", "unblock-ip"} and not pair.stage.helper:
        pytest.skip("no packet filter on this machine")
    window = await prepare(pair, kind, demo)
    for line in how.before:
        await pair.settle(line)
    client = (await pair.stage.connect()).pid if "{client}" in how.typed else 0
    before = pair.stage.effects() + told_of_windows(pair)
    operation = await pair.ask(how.typed.format(client=client, window=window))
    steps = len(operation.plan.actions)
    blow = Blow.drawn(random, ways=how.ways, places=3 + 2 * steps, begun=steps, takes=how.takes)

    with explained(blow, request):
        await pair.trap.set(blow)
        await pair.agree(operation)
        await pair.strike(blow)
        operation = await pair.end_of(operation.id, within=how.patience)

        await pair.assert_told_once(operation)
        counted = pair.stage.effects() + told_of_windows(pair) - before
        assert counted in how.allowed(operation.state), (operation.state, operation.why, counted)
        if operation.state is OperationState.DONE:
            assert how.outside(await look(demo))


@pytest.mark.row("G7")
@on_one_loop
@pytest.mark.parametrize("example", range(EXAMPLES))
async def test_the_other_bot_ends_a_lease_whose_time_is_over(
    pair: Pair, demo: Gateway, example: int, request: pytest.FixtureRequest
) -> None:
    random = drawing(request, f"lease end {example}")
    await pair.settle(MAINTENANCE)
    before, moment = pair.stage.effects(), datetime.now(UTC)
    blow = Blow.drawn(random, ways=("due before", "due after"), places=12)  # taken, planned, and 10 of the change

    with explained(blow, request):
        await pair.trap.set(blow)
        await pair.admin.execute("update leases set until = now()")
        await pair.admin.execute("update due set due_at = now() where kind = %s", [END_LEASE])
        await pair.strike(blow)
        await pair.quiet()

        [operation] = await pair.automatic_since(moment)
        assert operation.state is OperationState.DONE, operation.why
        await pair.assert_told_once(operation)
        assert pair.stage.effects() - before == Counter(RELOADED)
        assert (await look(demo)).serves_customers
        async with pair.store.transaction() as tx:
            assert await tx.leases.active() == ()


@pytest.mark.row("G7")
@on_one_loop
@pytest.mark.parametrize("example", range(EXAMPLES))
async def test_the_other_bot_reminds_of_a_lease_that_ends_soon(
    pair: Pair, example: int, request: pytest.FixtureRequest
) -> None:
    random = drawing(request, f"reminder {example}")
    await pair.settle("freeze --for 2h audit")
    async with pair.store.transaction() as tx:
        [lease] = await tx.leases.active()
    blow = Blow.drawn(random, ways=("due before", "due after", "due inside"), places=1, begun=1, takes=1)

    with explained(blow, request):
        pair.installation.workspace.faults.slow("chat.postMessage", 0.5)
        await pair.trap.set(blow)
        await pair.admin.execute("update due set due_at = now() where kind = %s", [REMIND])
        await pair.strike(blow)
        await pair.quiet()
        pair.installation.workspace.faults.slow("chat.postMessage", 0)

        assert len(pair.posts(f"{REMIND}:{lease.id}")) == 1


async def prepare(pair: Pair, kind: str, demo: Gateway) -> str:
    """What has to be there for a kind that nobody types; the id of a window that is there."""
    if kind == "cache warm":
        with demo.env_file.open("a") as file:
            port = pair.stage.redis.connection_pool.connection_kwargs["port"]
            file.write(f"\nREDIS_URL=redis://:{PASSWORD}@127.0.0.1:{port}/0\n")
        assert pm2_cli(demo, "restart", "all").returncode == 0
    if kind == "rate-limits clear":
        pair.stage.redis.set("rate_limit:203.0.113.77", 4812)
    if not (stands := STANDS.get(kind)):
        return ""
    start = datetime.now(UTC) + timedelta(hours=-24 if stands is WindowState.ENDED else 24)
    ends, [service] = start + timedelta(hours=1), pair.installation.settings["services"]
    channel = pair.installation.channel.id
    async with pair.store.transaction() as tx:
        name = f"w{len(await tx.windows.of_service(service, limit=500))}"
        await tx.windows.book(
            Window(name, service, channel, "U1", "Update", start, ends, WINDOWS_LIST, stands, "", start, ends)
        )
    return name


def told_of_windows(pair: Pair) -> Counter[str]:
    """What was posted about windows, by what it tells."""
    seen = pair.installation.ana.sees(pair.installation.channel)
    keys = [str((each.metadata or {}).get("event_payload", {}).get("key")) for each in seen]
    return Counter(f"told {key.rpartition(':')[2]}" for key in keys if key.startswith("window:"))
