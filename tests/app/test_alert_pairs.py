"""Two bots on one Postgres, and one of them is hit in the middle of an alert: one message tells it rightly.

Problems that a watch finds, and groups that Alertmanager sends, begin, change and end while one of the bots is killed
with -9 or paused for seven seconds at a place drawn at random. What is not taken comes again, as from Alertmanager, at
whichever bot answers.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from bot.core.alert_looks import SHOW
from bot.demo.workspace import Person, Seen, Workspace
from bot.demo.workspace.records import Channel
from bot.digests.checks import CHECKS
from bot.jobs.queue import defer
from bot.store.postgres import Postgres
from tests.app.pair import RETRIES, Bots, without_gateway
from tests.app.soak import EXAMPLES, drawing, explained
from tests.app.trap import ALERTS, Blow, Trap, Way
from tests.commands.test_backup import keep
from tests.postgres import fresh_database
from tests.waiting import until

pytestmark = pytest.mark.timeout(360)
on_one_loop = pytest.mark.asyncio(loop_scope="module")

SLOWLY = 60.0
TOKEN = "s3cr3t-of-alertmanager-in-tests"
SERVICE = "shop"
HOUR = 3600


@dataclass(slots=True)
class Channels:
    """Where alerts come from, and where they are told."""

    bots: Bots
    backups: Path
    seen: frozenset[str] = frozenset()

    def age(self, hours: float) -> None:
        """Have the newest backup be so old, by which a watch knows a problem."""
        (newest,) = self.backups.iterdir()
        moment = time.time() - hours * HOUR
        os.utime(newest, (moment, moment))

    async def send(self, **states: str) -> None:
        """Have Alertmanager send a group of alerts, each `firing` or `resolved`, until a bot has taken it."""
        body = {
            "version": "4",
            "groupKey": "{}:{}",
            "groupLabels": {"job": "probes"},
            "status": "firing" if "firing" in states.values() else "resolved",
            "alerts": [
                {
                    "status": state,
                    "labels": {"alertname": name, "severity": "critical"},
                    "startsAt": "2026-03-02T09:00:00Z",
                    "fingerprint": name,
                }
                for name, state in states.items()
            ],
        }
        await until(lambda: self._sent(body), within=SLOWLY)

    async def _sent(self, body: Mapping[str, Any]) -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        timeout = aiohttp.ClientTimeout(total=5)
        for bot in list(self.bots.bots.values()):
            url = f"http://127.0.0.1:{bot.port}/webhooks/alertmanager"
            try:
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.post(url, json=body, headers=headers) as answer,
                ):
                    if answer.ok:
                        return True
            except (aiohttp.ClientError, TimeoutError):
                continue
        return False

    def messages(self) -> list[Seen]:
        """What stands in the channel of alerts since the test began."""
        seen = self.bots.installation.ana.sees(self.bots.installation.channel)
        return [each for each in seen if _key(each).startswith(f"{SHOW}:") and each.ts not in self.seen]

    async def told(self, *words: str) -> None:
        """Return when there is one message, and it says all of that."""
        await until(lambda: self.is_told(*words), within=SLOWLY)

    def is_told(self, *words: str) -> bool:
        said = [each.plain() for each in self.messages()]
        return len(said) == 1 and all(word in said[0] for word in words)

    async def stored(self) -> tuple[int, int, int]:
        """How many groups there are, how many alerts fire, and how many have ended."""
        found = await self.bots.admin.execute(
            """select (select count(*) from alert_groups), count(*) filter (where ended_at is null),
                   count(*) filter (where ended_at is not null) from alerts"""
        )
        [(groups, firing, ended)] = await found.fetchall()
        return groups, firing, ended


Act = Callable[[Channels], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What happens, what was before, what the message says then, and how many alerts of it fire and have ended."""

    act: Act
    before: tuple[Act, ...] = ()
    says: tuple[str, ...]
    stored: tuple[int, int]
    watched: bool = False


def aged(hours: float) -> Act:
    async def age(channels: Channels) -> None:
        channels.age(hours)

    return age


def sent(**states: str) -> Act:
    return lambda channels: channels.send(**states)


def told(*words: str) -> Act:
    return lambda channels: channels.told(*words)


async def let_a_minute_pass(channels: Channels) -> None:
    """What was told of a problem is so old that a change of it is told again."""
    async with channels.bots.admin.transaction():
        await channels.bots.admin.execute("select pg_advisory_xact_lock(hashtextextended('watches:shop', 0))")
        await channels.bots.admin.execute(
            "update watches set pulse = jsonb_set(pulse, '{told_at}', to_jsonb(now() - interval '2 min'))"
        )


OPENED = (aged(40), told("1 firing", "40.0 h old"))
POSTED = (sent(a="firing", b="firing", c="firing"), told("3 firing"))
KINDS: Mapping[str, Kind] = {
    "problem begins": Kind(act=aged(40), says=("1 firing", "40.0 h old"), stored=(1, 0), watched=True),
    "problem changes": Kind(
        before=(*OPENED, let_a_minute_pass), act=aged(50), says=("1 firing", "50.0 h old"), stored=(1, 0), watched=True
    ),
    "problem ends": Kind(before=OPENED, act=aged(1), says=("Resolved",), stored=(0, 1), watched=True),
    "group begins": Kind(act=sent(a="firing", b="firing", c="firing"), says=("3 firing",), stored=(3, 0)),
    "group changes": Kind(
        before=POSTED,
        act=sent(a="resolved", b="firing", c="firing", d="firing", e="firing"),
        says=("4 firing", "1 resolved"),
        stored=(4, 1),
    ),
    "group ends": Kind(
        before=POSTED, act=sent(a="resolved", b="resolved", c="resolved"), says=("Resolved", "3 ended"), stored=(0, 3)
    ),
}
PLACES = 6
"""At least so many there are in what tells of an alert."""

LOOKS = 30
"""Places in the looks that find a problem, or its end."""

SHOWS: tuple[Way, ...] = ("before", "after", "inside")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bots(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Bots, Path]]:
    """The two, which watch the age of backups and listen to Alertmanager."""
    folder = tmp_path_factory.mktemp("alerts")
    backups = folder / "backups"
    backups.mkdir()
    keep(backups, "payments-1.sql.gz")

    def settings(_ana: Person, _ben: Person, ops: Channel) -> Mapping[str, object]:
        off = [check.name for check in CHECKS if check.name != "Backups"]
        watches = {"channel": ops.id, "every": "1s", "bad": 2, "of": 3, "off": off}
        service = {"environment": "test", "backups": {"folder": str(backups)}, "watches": watches}
        return {"services": {SERVICE: service}, "alerts": {"channel": ops.id}}

    with fresh_database(cluster) as conninfo:
        async with (
            Workspace.open(retry_delays=RETRIES) as workspace,
            Postgres.open(conninfo, defer=defer, audit_key=b"k" * 32, size=2) as store,
            await AsyncConnection.connect(conninfo, autocommit=True) as admin,
        ):
            secrets = {"alerts__alertmanager_token": TOKEN}
            installation = without_gateway(workspace, conninfo, folder, settings, secrets)
            yield Bots(installation, store, await Trap.make(admin, ALERTS), admin), backups
            for bot in installation.bots:
                if bot.process.returncode is None:
                    await bot.kill()


@pytest_asyncio.fixture(loop_scope="module")
async def channels(bots: tuple[Bots, Path]) -> Channels:
    """All is well, and no alert was ever told."""
    found = Channels(*bots)
    both = found.bots
    await both.trap.open()
    both.installation.workspace.faults.slow("chat.postMessage", 0)
    both.installation.workspace.faults.slow("chat.update", 0)
    found.age(1)
    await both.complete()
    await both.quiet()
    await both.admin.execute(
        "delete from alert_groups; delete from watches; delete from due where kind = 'alerts.show'"
    )
    found.seen = frozenset(each.ts for each in found.messages())
    return found


@on_one_loop
@pytest.mark.row("W")
@pytest.mark.parametrize("example", range(EXAMPLES))
@pytest.mark.parametrize("kind", KINDS)
async def test_one_message_tells_rightly_what_one_bot_was_hit_in(
    channels: Channels, kind: str, example: int, request: pytest.FixtureRequest
) -> None:
    bots, how = channels.bots, KINDS[kind]
    random = drawing(request, f"{kind} {example}")
    looks = how.watched and random.random() < 0.4
    ways: tuple[Way, ...] = ("due before", "due after") if looks else SHOWS
    blow = Blow.drawn(random, ways=ways, places=LOOKS if looks else PLACES, begun=1, takes=1)
    for step in how.before:
        await step(channels)
    await bots.quiet()

    with explained(blow, request):
        for method in ("chat.postMessage", "chat.update"):
            bots.installation.workspace.faults.slow(method, 0.3)
        await bots.trap.set(blow)
        acting = asyncio.create_task(how.act(channels))
        await bots.strike(blow)
        await bots.complete()
        await acting
        await until(lambda: channels.is_told(*how.says) or len(channels.messages()) > 1, within=SLOWLY)
        await bots.quiet()
        await asyncio.sleep(4)  # in which a late look would have changed the message once more

        assert [each.plain() for each in channels.messages() if not channels.is_told(*how.says)] == []
        assert await channels.stored() == (1, *how.stored)


def _key(seen: Seen) -> str:
    return str((seen.metadata or {}).get("event_payload", {}).get("key", ""))
