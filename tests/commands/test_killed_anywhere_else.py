"""The kinds of change beside the workers, with a replica killed at every boundary and inside, on real tools.

A step that is never done twice by itself (a mail, migrations, a snapshot, a warm-up) ends by the place of the death:
with what can be seen of it, which may be that nothing was done, or that nobody knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.cache import Cache, WarmUp
from bot.core.heap import HeapSnapshots
from bot.core.mail import Mail
from bot.core.results import OperationState
from bot.core.windows import Window, WindowState
from integrations.gateway import Config as GatewayConfig
from integrations.gateway import HttpGateway
from integrations.heap import Config as HeapConfig
from integrations.heap import NodeHeap
from integrations.http import HttpClient
from tests.commands.bench import CHANNEL, give_up_after
from tests.commands.dying import EVERY_WAY, Way
from tests.commands.mortal import Kind, Mortal
from tests.commands.test_backup import GOOD, backing_up
from tests.commands.test_migrate import migrating
from tests.fixtures_gateway import pm2_cli, pm2_list
from tests.mail_server import MailServer, mail_server
from tests.redis_server import PASSWORD, Server

pytestmark = pytest.mark.timeout(180)

DONE, FAILED, UNVERIFIED = OperationState.DONE, OperationState.FAILED, OperationState.UNVERIFIED

DAEMON: Mapping[str, Kind] = {
    "pm2 kill": Kind("pm2 kill it starts what nobody asked for", after=("pm2 resurrect",)),
    "pm2 resurrect": Kind("pm2 resurrect", before=("pm2 kill", "!ping"), alike=True),
}
"""The ping starts a daemon that runs nothing, as anybody does who looks with PM2 after a kill."""

HOST: Mapping[str, Kind] = {"backup": Kind("backup before the update")}
REDIS: Mapping[str, tuple[str, str]] = {
    "cache memory set": ("cache memory set 2gb", "set_memory"),
    "rate-limits clear": ("rate-limits clear 203.0.113.77 locked out", "unlink"),
}
"""What is typed, and what the port does for it."""

MAILED: Mapping[str, tuple[str, WindowState | None, str]] = {
    "maintenance plan": ("maintenance plan 22:00 for 1h Update", None, "planned"),
    "maintenance window cancel": ("maintenance window cancel w1 moved", WindowState.PLANNED, "cancelled"),
    "maintenance window close": ("maintenance window close w1", WindowState.ENDED, "over"),
}
"""What is typed, how the window stands before, and what of it is told."""

ONCE = {"cache warm", "heap-snapshot", "migrate"}


@pytest.fixture
def dumps(mortal: Mortal) -> Iterator[None]:
    """What PM2 saves is not left to other tests."""
    yield
    for name in ("dump.pm2", "dump.pm2.bak"):
        (mortal.bench.live.demo.pm2_home / name).unlink(missing_ok=True)


@pytest.mark.row("C3")
@pytest.mark.usefixtures("dumps")
@pytest.mark.parametrize("kind", DAEMON)
async def test_the_end_of_the_daemon_and_its_way_back_survive_any_death(mortal: Mortal, kind: str) -> None:
    give_up_after(timedelta(seconds=4), "daemon.kill", "daemon.resurrect", registry=mortal.bench.registry)

    await mortal.play(DAEMON[kind])

    assert [status for *_, status in pm2_list(mortal.bench.live.demo)] == ["online"] * 2


@pytest.mark.row("M1")
async def test_a_backup_survives_any_death_and_is_made_once(mortal: Mortal, tmp_path: Path) -> None:
    folder = backing_up(mortal.bench, tmp_path, f'echo run >>"$F/../runs"; sleep 1; {GOOD}')

    await mortal.play(HOST["backup"])

    assert (folder.parent / "runs").read_text() == "run\n"
    assert (folder / "new.sql.gz").exists()


@pytest.mark.row("P6", "H3")
@pytest.mark.parametrize("kind", REDIS)
async def test_what_is_asked_of_redis_survives_any_death_and_is_asked_once(
    mortal: Mortal, redis_service: Server, kind: str
) -> None:
    typed, method = REDIS[kind]
    redis_service.client.set("rate_limit:203.0.113.77", 4812)
    cache = redis_service.service()
    mortal.deaths.come_after(cache, method)
    mortal.bench.ports = {Cache: cache}

    operation, died = await mortal.ask(typed)

    await mortal.assert_ended_once(operation)
    assert died == 7  # taken over, running, begun, nothing done yet, not heard, done, ended
    assert mortal.deaths.asked == [method]
    limit = redis_service.client.config_get("maxmemory")["maxmemory"]
    assert (limit, redis_service.client.dbsize()) == ((str(2 * 1024**3), 1) if method == "set_memory" else ("0", 0))


@pytest.fixture
async def mail(mortal: Mortal) -> AsyncIterator[MailServer]:
    """A mail server, of which a replica may die once it has taken a mail."""
    async with mail_server() as server:
        sender = server.sender(recipients={"partners": ("ann@example.com",)})
        mortal.deaths.come_after(sender, "send")
        mortal.bench.ports = {Mail: sender}
        yield server


@pytest.mark.row("N1", "N6")
@pytest.mark.parametrize("kind", MAILED)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_a_window_is_told_once_whoever_dies_and_no_mail_is_sent_twice(
    mortal: Mortal, mail: MailServer, kind: str, way: Way
) -> None:
    ends, mails = {"before": (DONE, 1), "after": (FAILED, 0), "inside": (UNVERIFIED, 1)}[way]
    typed, stands, told = MAILED[kind]
    if stands:
        await _book(mortal, stands)

    operation, died = await mortal.ask(typed, ways=(way,))

    steps = len(operation.plan.actions)
    assert died == {"before": 3 + 2 * steps, "after": steps, "inside": 1}[way]
    await mortal.assert_ended_once(operation, ends)
    assert len(mail.taken) == mails
    async with mortal.bench.store.transaction() as tx:
        [window] = await tx.windows.of_service("")
        due = await tx.due.take(now=window.ends)
    posts = [posted for posted in mortal.bench.chat.messages.values() if posted.key == f"window:{window.id}:{told}"]
    assert len(posts) == 1
    assert (kind == "maintenance plan") == (window.state is WindowState.PLANNED)
    assert len([row for row in due if row.kind == "window"]) == (window.state is WindowState.PLANNED)


async def _book(mortal: Mortal, stands: WindowState) -> None:
    """A window of the service that stands so."""
    service, start = mortal.bench.service.name, datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    if stands is WindowState.ENDED:
        start -= timedelta(days=1)
    ends = start + timedelta(hours=1)
    window = Window("w1", service, CHANNEL, "U1", "Update", start, ends, "partners", stands, "", start, ends)
    async with mortal.bench.store.transaction() as tx:
        await tx.windows.book(window)


@pytest.mark.row("N5")
@pytest.mark.parametrize(
    ("way", "ends", "applied"), [("before", DONE, 1), ("after", UNVERIFIED, 0), ("inside", UNVERIFIED, 1)]
)
async def test_migrations_are_never_begun_again_and_what_nobody_saw_end_is_unverified(
    mortal: Mortal, tmp_path: Path, way: Way, ends: OperationState, applied: int
) -> None:
    file = migrating(mortal.bench, tmp_path, "sleep 0.5; echo 2 >>$A")

    operation, died = await mortal.ask("migrate new table", ways=(way,))

    assert died == {"before": 5, "after": 1, "inside": 1}[way]
    await mortal.assert_ended_once(operation, ends)
    assert file.read_text() == "1\n" + "2\n" * applied


@pytest.mark.row("Q")
@pytest.mark.parametrize(("way", "ends", "files"), [("before", DONE, 1), ("after", FAILED, 0), ("inside", DONE, 1)])
async def test_a_worker_is_asked_for_its_heap_once_and_done_is_what_the_folder_shows(
    mortal: Mortal, way: Way, ends: OperationState, files: int
) -> None:
    bench, folder = mortal.bench, mortal.bench.live.demo.heap_dir
    bench.ports = {HeapSnapshots: NodeHeap(HeapConfig(folder=str(folder)), host=bench.live.host)}
    if files:  # a worker takes its time
        give_up_after(timedelta(minutes=1), "heap.snapshot", registry=bench.registry)
    before = pm2_list(bench.live.demo)

    operation, died = await mortal.ask("heap-snapshot 0 memory grows", ways=(way,))

    made = list(folder.iterdir())
    for file in made:
        file.unlink()
    assert died == {"before": 5, "after": 1, "inside": 1}[way]
    await mortal.assert_ended_once(operation, ends)
    assert len(made) == files
    assert pm2_list(bench.live.demo) == before


@pytest.mark.row("P7")
async def test_the_cache_is_asked_to_warm_once_and_done_is_what_redis_shows(
    mortal: Mortal, redis_service: Server
) -> None:
    demo = mortal.bench.live.demo
    with demo.env_file.open("a") as file:
        file.write(f"\nREDIS_URL=redis://:{PASSWORD}@127.0.0.1:{redis_service.port}/0\n")
    assert pm2_cli(demo, "restart", "all").returncode == 0
    await mortal.bench.live.gateway.health_by_worker([pid for _, pid, _ in pm2_list(demo)])
    keys = 0
    async with HttpClient() as http:
        service = HttpGateway(GatewayConfig(url=demo.url), http=http)
        mortal.deaths.come_after(service, "warm_up")
        mortal.bench.ports |= {Cache: redis_service.service(), WarmUp: service}
        expected: tuple[tuple[Way, OperationState, int], ...] = (
            ("before", DONE, 5),
            ("inside", DONE, 1),
            ("after", FAILED, 1),
        )
        for way, ends, deaths in expected:
            redis_service.client.flushall()
            redis_service.client.config_resetstat()

            operation, died = await mortal.ask("cache warm after the restart", ways=(way,))

            assert died == deaths
            await mortal.assert_ended_once(operation, ends)
            keys = max(keys, redis_service.client.dbsize())
            assert redis_service.calls("set") == (keys if ends is DONE else 0)
    assert keys
