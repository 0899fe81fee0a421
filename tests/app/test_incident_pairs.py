"""Two bots on one Postgres, and one of them is hit in the middle of an incident: all is told once all the same.

Everything that the bot does for an incident by itself or in several steps, killed with -9 or paused for seven seconds
at a place drawn at random, with everything that Slack says delivered twice. What stands in Slack is counted there. A
command that died before it was kept leaves nothing, and is typed again, as people do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from bot.core.incidents import Incident
from bot.demo.workspace import Person, Seen, Workspace
from bot.demo.workspace.records import Channel
from bot.incidents.opening import SET_UP
from bot.incidents.paging import PASS_ON
from bot.incidents.reminders import REMIND
from bot.incidents.report import PUBLISH
from bot.jobs.queue import defer
from bot.store.postgres import Postgres
from tests.app.conftest import Installation
from tests.app.pair import RETRIES, Bots, without_gateway
from tests.app.soak import EXAMPLES, drawing, explained
from tests.app.trap import INCIDENTS, Blow, Trap
from tests.postgres import fresh_database
from tests.waiting import until

pytestmark = pytest.mark.timeout(360)
on_one_loop = pytest.mark.asyncio(loop_scope="module")

SAID = 1_100
"""Messages of a channel that is adopted: more than are read without a word on how far it is."""

SLOWLY = 60.0


@dataclass(slots=True)
class Room:
    """An incident that is nobody's fault yet, and what was counted before."""

    bots: Bots
    incident: Incident
    channel: Channel
    before: Counter[str] = field(default_factory=Counter)

    async def type(self, line: str) -> None:
        """Ana types in the incident's channel, and nobody waits for the answer."""
        await self.bots.installation.ana.command(self.channel, f"/incident {line}")

    async def ask(self, line: str) -> Seen:
        """Ana types, and reads the answer."""
        return await (await self.bots.installation.ana.command(self.channel, f"/incident {line}")).reply(SLOWLY)

    async def come_due(self, kind: str) -> None:
        """What is to come later comes now."""
        await self.bots.admin.execute("update due set due_at = now() where kind = %s", [kind])

    async def has(self, query: str) -> bool:
        """Whether something is kept of the incident; the query has its number as a parameter."""
        found = await self.bots.admin.execute(query.encode(), [self.incident.number])
        return await found.fetchone() is not None


Step = Callable[[Room], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is done, what has to be there before, and what stands in Slack afterwards that did not stand there before.

    `kept` says, for what may not be done twice, whether it was kept and need not be typed again. `places` are at least
    as many as there are, `jobs` as many as come of it. `stored` asks for what has to be in the record then. `unsure` is
    what Slack cannot be asked for: people are told that nobody knows, and it is not done again.
    """

    act: Step
    before: tuple[Step, ...] = ()
    tells: Mapping[str, int]
    kept: str = ""
    stored: str = ""
    unsure: tuple[str, ...] = ()
    again: bool = True
    places: int = 8
    jobs: int = 1
    takes: float = 0.5
    afterwards: Step | None = None


def typed(line: str) -> Step:
    return lambda room: room.type(line)


def asked(line: str) -> Step:
    return lambda room: room.ask(line)


def due(kind: str) -> Step:
    return lambda room: room.come_due(kind)


def clicked(label: str) -> Step:
    async def click(room: Room) -> None:
        ana = room.bots.installation.ana
        shown = [each for each in ana.sees(room.channel) if label in each.buttons()]
        await ana.click(shown[-1], label)

    return click


async def declare(room: Room) -> None:
    """In another channel: an incident of its own, which calls who is on call."""
    installation = room.bots.installation
    await installation.ana.command(installation.channel, "/incident open Critical Card payments fail again")


async def adopt(room: Room) -> None:
    """In a channel in which much was said before."""
    [channel] = [each for each in room.bots.installation.workspace.core.store.channels.values() if each.name == "talk"]
    line = "/incident open Medium Webhooks are late --here --since 8h"
    await room.bots.installation.ana.command(channel, line)


async def talk(room: Room) -> None:
    """Much is said in a channel, and the bot hears none of it."""
    installation = room.bots.installation
    workspace = installation.workspace
    old = [each for each in workspace.core.store.channels.values() if each.name == "talk"]
    for channel in old:
        await installation.ana.rename(channel, f"talk-{len(workspace.core.store.channels)}")
    channel = workspace.channel("talk", [installation.ana, installation.ben])
    workspace.faults.withhold("message")
    for number in range(SAID):
        workspace.core.feed.post(channel, installation.ana.user, f"{number}: webhooks are late")
    workspace.faults.release("message")


async def write_up(room: Room) -> None:
    """Have a report that lacks nothing, from a message that should not have been said."""
    slip = await room.bots.installation.ana.say(room.channel, "the spare key is in the blue vase")
    await room.bots.installation.ana.react(slip, "pushpin")
    for line in (
        'edit --impact "12 payments"',
        "resolve The provider renewed its certificate",
        "report",
        "report edit root-cause The certificate of the provider had expired",
        "report edit lessons-learned Watch certificates of others too",
        "action add Probe the provider --owner me",
        "report",
    ):
        await room.ask(line)


async def fall_behind(room: Room) -> None:
    """An update is overdue, and nobody was reminded yet."""
    await room.bots.admin.execute(
        "update incidents set update_due_at = now() where number = %s", [room.incident.number]
    )


async def go_on(room: Room) -> None:
    """Who died while it shared a report is given up, and another one goes on."""
    await room.bots.admin.execute("update report_pages set claimed_at = claimed_at - interval '10 minutes'")
    await room.come_due(PUBLISH)


async def slip_up(room: Room) -> None:
    ana = room.bots.installation.ana
    [slip] = [each for each in ana.sees(room.channel) if each.user == ana.id and "blue vase" in each.text]
    await room.ask(f"redact {slip.ts}")


REPORT = {"report": 4, "bookmark": 1}
FINAL = {"pinned": 1, "file": 2, "canvas": 1, "report.final": 1}
KINDS: Mapping[str, Kind] = {
    "declare": Kind(
        act=declare,
        tells={
            "channel": 1,
            "member": 3,
            "bookmark": 1,
            "incident.card": 1,
            "pinned": 1,
            "incident.before": 1,
            "incident.call": 2,
        },
        kept="select from incidents where number > %s",
        afterwards=due(SET_UP),
        takes=3,
    ),
    "update": Kind(
        before=(asked("update The provider is back"),),
        act=clicked("Announce"),
        tells={"incident.announce": 2},
        kept="select from incident_updates where incident = %s",
        jobs=2,
    ),
    "reminder": Kind(before=(fall_behind,), act=due(REMIND), tells={"incident.remind": 1}, again=False, places=4),
    "page": Kind(
        act=typed("page on-call the gateway is down"),
        tells={"incident.call": 2},
        kept="select from incident_pages where incident = %s",
        places=4,
    ),
    "nobody answers": Kind(
        before=(asked("page on-call the gateway is down"),),
        act=due(PASS_ON),
        tells={"incident.call": 2},
        again=False,
        jobs=2,
    ),
    "told from elsewhere": Kind(
        act=lambda room: room.bots.installation.ana.command(
            room.bots.installation.channel, f"/incident severity high --incident {room.incident.number}"
        ),
        tells={"severity": 1},
        kept="select from entries where incident = %s and kind = 'severity'",
        places=4,
    ),
    "report": Kind(act=typed("report"), tells=REPORT, takes=3, afterwards=go_on, unsure=("bookmark",)),
    "final": Kind(
        before=(write_up,), act=typed("report final"), tells=FINAL, takes=4, afterwards=go_on, unsure=("canvas",)
    ),
    "redaction": Kind(
        before=(write_up, asked("report final"), slip_up),
        act=clicked("Take it out"),
        tells={},
        kept="select from redactions r join incidents i using (channel) where i.number = %s",
        takes=3,
    ),
    "backfill": Kind(
        before=(talk,),
        act=adopt,
        tells={"incident.card": 1, "incident.before": 1, "pinned": 1, "backfill": 1},
        stored=f"""select from (select count(distinct ts) from messages join incidents using (channel)
            where number > %s and text like '%%: webhooks are late') found (messages) where messages = {SAID}""",  # noqa: S608 - a number of our own
        kept="select from incidents where number > %s",
        afterwards=due(SET_UP),
        takes=3,
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bots(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bots]:
    """The two, in a workspace where incidents are announced and their reports read."""
    folder = tmp_path_factory.mktemp("incidents")
    with fresh_database(cluster) as conninfo:
        async with (
            Workspace.open(retry_delays=RETRIES) as workspace,
            Postgres.open(conninfo, defer=defer, audit_key=b"k" * 32, size=2) as store,
            await AsyncConnection.connect(conninfo, autocommit=True) as admin,
        ):
            installation = configured(workspace, conninfo, folder)
            workspace.faults.redeliver()
            yield Bots(installation, store, await Trap.make(admin, INCIDENTS), admin)
            for bot in installation.bots:
                if bot.process.returncode is None:
                    await bot.kill()


def configured(workspace: Workspace, conninfo: str, folder: Path) -> Installation:
    """A bot that has no service, and runs incidents."""

    def settings(ana: Person, ben: Person, _ops: Channel) -> Mapping[str, object]:
        news, reports = (workspace.channel(name, [ana, ben]) for name in ("news", "reports"))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return {
            # Ben's week: whoever declares an incident while on call is not called.
            "on_call": {"rota": [ben.id, ana.id], "since": f"{yesterday:%Y-%m-%d}T09:00", "zone": "UTC"},
            "incidents": {
                "responders": [ben.id],
                "announce": [news.id],
                "reports_channel": reports.id,
                "page_critical": True,
            },
        }

    return without_gateway(workspace, conninfo, folder, settings)


@pytest_asyncio.fixture(loop_scope="module")
async def room(bots: Bots) -> Room:
    """A new incident, about which nothing is to be done."""
    await bots.trap.open()
    await bots.complete()
    bots.installation.workspace.faults.slow("chat.postMessage", 0)
    await bots.admin.execute("delete from due where kind in (%s, %s)", [REMIND, PASS_ON])
    ana, channel = bots.installation.ana, bots.installation.channel
    await (await ana.command(channel, "/incident open Medium Card payments fail")).reply(SLOWLY)
    await bots.quiet()
    async with bots.store.transaction() as tx:
        incident = max(await tx.incidents.past(), key=lambda each: each.number)
    return Room(bots, incident, bots.installation.workspace.core.store.channels[incident.channel])


@on_one_loop
@pytest.mark.parametrize("example", range(EXAMPLES))
@pytest.mark.parametrize("kind", KINDS)
async def test_the_other_bot_tells_once_what_one_was_hit_in(
    room: Room, kind: str, example: int, request: pytest.FixtureRequest
) -> None:
    bots, how = room.bots, KINDS[kind]
    blow = Blow.drawn(
        drawing(request, f"{kind} {example}"),
        ways=("before", "after", "inside"),
        places=how.places,
        begun=how.jobs,
        takes=how.takes,
    )
    for step in how.before:
        await step(room)
    await bots.quiet()
    room.before, twice = told(bots), doubled(bots)

    with explained(blow, request):
        bots.installation.workspace.faults.slow("chat.postMessage", 0.2)
        await bots.trap.set(blow)
        await how.act(room)
        await bots.strike(blow)
        await bots.complete()
        await bots.quiet()
        if how.again and not (how.kept and await room.has(how.kept)):
            await how.act(room)
        if how.kept:
            await until(lambda: room.has(how.kept), within=SLOWLY)
        if how.afterwards:
            with suppress(TimeoutError):  # who is at it still has its time before another one goes on
                await until(lambda: is_told(room, how), within=15)
            await how.afterwards(room)
        await until(lambda: is_told(room, how) or is_too_much(room, how), within=SLOWLY)
        await bots.quiet()

        assert is_told(room, how), told(bots) - room.before
        assert doubled(bots) == twice
        assert not how.stored or await room.has(how.stored)


def is_told(room: Room, how: Kind) -> bool:
    found = told(room.bots) - room.before
    return Counter({what: 1 for what in how.unsure if not found[what]}) + found == Counter(how.tells)


def is_too_much(room: Room, how: Kind) -> bool:
    found = told(room.bots) - room.before
    return any(number > how.tells.get(what, 0) for what, number in found.items())


def told(bots: Bots) -> Counter[str]:
    """What stands in Slack by the bot's hand, by what it is."""
    store = bots.installation.workspace.core.store
    found = Counter(key.partition(":")[0] for channel in store.channels.values() for key in keys_of(channel))
    own = [channel for channel in store.channels.values() if channel.creator == store.bot.id]
    found["channel"] = len(own)
    found["member"] = sum(len(channel.members) for channel in own)
    found["pinned"] = sum(len(channel.pins) for channel in store.channels.values())
    found["bookmark"] = sum(len(channel.bookmarks) for channel in own)
    found["file"] = sum(len(file.channels) for file in store.files.values())
    found["canvas"] = len(store.canvases)
    return found


def keys_of(channel: Channel) -> list[str]:
    """The keys of the bot's posts in a channel."""
    payloads = [(message.metadata or {}).get("event_payload", {}) for message in channel.messages.values()]
    return [str(payload["key"]) for payload in payloads if "key" in payload]


def doubled(bots: Bots) -> Counter[str]:
    """How often each thing stands there more often than once."""
    store = bots.installation.workspace.core.store
    found: Counter[str] = Counter()
    for channel in store.channels.values():
        found.update(f"{channel.name}: {key}" for key in keys_of(channel))
        found.update(f"{channel.name}: bookmark {each.title}" for each in channel.bookmarks.values())
        found.update(f"{channel.name}: {file.name}" for file in store.files.values() if channel.id in file.channels)
        found.update(f"{channel.name}: canvas" for each in store.canvases.values() if channel.id in each.readers)
    return Counter({what: number for what, number in found.items() if number > 1})
