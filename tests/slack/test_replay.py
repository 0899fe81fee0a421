"""Whole incidents said again in the local Slack, once undisturbed and once with all that can go wrong on the way.

The record must not tell which of them it was. In one kind of run Slack's retries bring what the bot did not hear after
it has read the history already: then the record is the same, to the last row. In the other, they never come: then what
Slack still shows is the same, and nothing more can be known of the rest.

`pytest --hypothesis-profile=thorough` tries more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.core.incidents import Message
from bot.core.marks import MarkKind
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.feed import Content
from bot.demo.workspace.records import Message as Stored
from bot.slack.receiving import Watch
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.slack.scene import Record, Scene

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "dev-transcripts"
OWN = Path(__file__).with_name("transcript.json")
THOROUGH = settings.get_current_profile_name() == "thorough"
NAMES = (
    *("01-provider-outage", "02-bad-release", "03-db-locks", "04-credential-stuffing"),
    *("05-memory-leak", "06-noisy-ops", "07-false-alarm"),
)
AWAY = 120
"""Seconds of the transcript for which nothing reaches the bot."""

_TABLES = "messages, changes, marks, entries, incidents, backfills, recordings, receiving, claims, due"
_EVERYTHING = "events_api"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong before the event at `at` (a part of the transcript), and for how many events."""

    kind: str
    at: float
    lasts: int


@st.composite
def plans(draw: st.DrawFn) -> list[Fault]:
    """A disconnection, whose kind is the test's, and what goes wrong besides."""
    kinds = ("redelivery", "shuffle", "restart", "reset", "second replica")
    others = draw(st.lists(st.sampled_from(kinds), max_size=4))
    return [Fault("", draw(st.floats(0, 0.9)), 0)] + [
        Fault(kind, draw(st.floats(0, 1)), draw(st.integers(1, 12))) for kind in others
    ]


@dataclass(slots=True)
class Replay:
    """Plays a transcript; each of its messages gets the ts that it has there."""

    scene: Scene
    people: dict[str, Person]
    placed: dict[str, str] = field(default_factory=dict)
    interruptions: int = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, transcript: dict[str, Any], store: Postgres, deferred: Deferred) -> AsyncIterator[Replay]:
        """Nothing was said so far; the incident is declared, the bot not there yet."""
        async with store._pool.connection() as connection:
            await connection.execute(f"truncate {_TABLES} cascade")
        deferred.jobs.clear()
        clock = SetClock(datetime.fromtimestamp(transcript["channel"]["created"] - 120, UTC))
        async with Workspace.open(retry_delays=(0.02, 0.02), clock=clock) as workspace:
            scene = await Scene.begun(workspace, store, deferred, clock)
            names = {user: each["name"] for user, each in transcript["users"].items()}
            robots = {event["bot_id"] for event in transcript["events"] if "bot_id" in event}
            people = {user: workspace.person(name) for user, name in names.items()}
            people |= {robot: workspace.person(robot.lower(), bot=True) for robot in sorted(robots)}
            for person in people.values():
                scene.inc.members[person.id] = None
            yield cls(scene, people)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Watch]:
        """A replica with its watch."""
        async with self.scene.bot():
            watch = Watch(
                self.scene.store,
                clock=self.scene.clock,
                connected=lambda: True,
                interruptions=lambda: self.interruptions,
            )
            await watch.look()
            yield watch

    def play(self, event: dict[str, Any]) -> None:
        """Have it happen in the local Slack."""
        ts = event.get("event_ts") or event["ts"]
        self.scene.clock.at = max(self.scene.clock.at, datetime.fromtimestamp(float(ts), UTC))
        feed = self.scene.workspace.core.feed
        match event["type"], event.get("subtype"):
            case "message", "message_changed":
                new = event["message"]
                message = self._message(new["ts"])
                feed.revise(message, by=message.user, text=new["text"], content={})
            case "message", "message_deleted":
                feed.remove(self._message(event["deleted_ts"]))
            case "message", _:
                self._say(event)
            case "reaction_added", _:
                feed.react(self._message(event["item"]["ts"]), self._who(event), event["reaction"])
            case "reaction_removed", _:
                feed.unreact(self._message(event["item"]["ts"]), self._who(event), event["reaction"])
            case "pin_added", _:
                feed.pin(self._message(event["item"]["message"]["ts"]), self._who(event))
            case "pin_removed", _:
                feed.unpin(self._message(event["item"]["message"]["ts"]), self._who(event))
            case kind, _:
                raise AssertionError(kind)

    def _say(self, event: dict[str, Any]) -> None:
        subtype = event.get("subtype")
        content: Content = {"subtype": subtype}
        if thread := event.get("thread_ts"):
            content["thread_ts"] = self.placed[thread]
        if subtype == "thread_broadcast":
            content["broadcast"] = True
        who = self._who(event)
        person = Person(self.scene.workspace.core, who)
        content["files"] = [person._file(each["name"], b"", self.scene.inc) for each in event.get("files", ())]
        message = self.scene.workspace.core.feed.post(self.scene.inc, who, event["text"], **content)
        self.placed[event["ts"]] = message.ts

    def _who(self, event: dict[str, Any]) -> Any:  # noqa: ANN401 - a user of the local Slack
        return self.people[event.get("bot_id") or event["user"]].user

    def _message(self, ts: str) -> Stored:
        return self.scene.inc.messages[self.placed[ts]]


@dataclass(slots=True)
class Course:
    """A replay with faults: replicas come and go, and `watch` is that of the newest."""

    replay: Replay
    replicas: AsyncExitStack
    watch: Watch

    @classmethod
    @asynccontextmanager
    async def begun(cls, replay: Replay) -> AsyncIterator[Course]:
        """One replica is there."""
        async with AsyncExitStack() as replicas:
            yield cls(replay, replicas, await replicas.enter_async_context(replay.bot()))

    async def begin(self, kind: str) -> None:
        """Have a fault begin."""
        workspace = self.replay.scene.workspace
        match kind:
            case "redelivery":
                workspace.faults.redeliver(2)
            case "shuffle":
                workspace.faults.withhold("message")
            case "reset":
                workspace.faults.drop_connections()
                self.replay.interruptions += 1
            case "restart":
                await self.replicas.aclose()
                await self._another()
            case "second replica":
                await self._another()
            case _:
                await workspace.settled()
                workspace.faults.withhold(_EVERYTHING)

    async def end(self, kind: str) -> None:
        """Have it end; after a disconnection the history is read before what Slack retries comes."""
        workspace = self.replay.scene.workspace
        match kind:
            case "redelivery":
                workspace.faults.redeliver(0)
            case "shuffle":
                workspace.release("message")
            case "late":
                workspace.faults.drop_connections()
                self.replay.interruptions += 1
                await self.watch.look()
                await self.replay.scene.catch_up()
                workspace.release(_EVERYTHING)
            case "lost":
                workspace.faults.release(_EVERYTHING)
                await self.replicas.aclose()
                await self._another()

    async def _another(self) -> None:
        self.watch = await self.replicas.enter_async_context(self.replay.bot())


Ground = tuple[dict[str, Any], Postgres, Deferred]


async def undisturbed(ground: Ground) -> Record:
    """What is stored when nothing goes wrong."""
    transcript = ground[0]
    async with Replay.open(*ground) as replay:
        async with replay.bot():
            await replay.scene.catch_up()
            for event in transcript["events"]:
                replay.play(event)
                await asyncio.sleep(0)
            await replay.scene.workspace.settled(30)
        assert not replay.scene.deferred.jobs
        return comparable(await replay.scene.record())


async def disturbed(ground: Ground, plan: Sequence[Fault]) -> Record:
    """What is stored in spite of everything."""
    events = ground[0]["events"]
    begins: dict[int, list[Fault]] = {}
    ends: dict[int, list[str]] = {}
    for fault in plan:
        begins.setdefault(int(fault.at * len(events)), []).append(fault)
    async with Replay.open(*ground) as replay, Course.begun(replay) as course:
        for index in range(len(events) + 1):
            for fault in begins.get(index, ()):
                await course.begin(fault.kind)
                ends.setdefault(_end(fault, events, index), []).append(fault.kind)
            for kind in ends.get(index, ()):
                await course.end(kind)
            if index < len(events):
                replay.play(events[index])
                await asyncio.sleep(0)
        await replay.scene.workspace.settled(30)
        await course.watch.look()
        await replay.scene.catch_up()
        return comparable(await replay.scene.record())


def _end(fault: Fault, events: Sequence[dict[str, Any]], begin: int) -> int:
    """The event before which it is over: for a disconnection the first one that comes two minutes later."""
    if fault.kind not in {"late", "lost"} or begin == len(events):
        return min(begin + fault.lasts, len(events))
    until = at(events[begin]) + AWAY
    return next((index for index, event in enumerate(events) if index > begin and at(event) >= until), len(events))


def at(event: dict[str, Any]) -> float:
    return float(event.get("event_ts") or event["ts"])


def comparable(record: Record) -> Record:
    """Without the addresses of files, which have the port of this run's local Slack in them."""
    messages = [replace(each, files=tuple((name, "") for name, _ in each.files)) for each in record.messages]
    return replace(record, messages=tuple(messages))


def standing(record: Record) -> tuple[list[Message], set[tuple[str, ...]]]:
    """What Slack still shows of a record: messages as they are now, and what is on them."""
    there = [message for message in record.messages if message.deleted_at is None]
    marks: dict[tuple[str, ...], str] = {}
    for mark in record.marks:
        who = "" if mark.kind is MarkKind.PIN else mark.user
        marks[mark.ts, mark.kind, mark.name, who] = mark.user if mark.added else ""
    ts = {message.ts for message in there}
    return there, {(*key, user) for key, user in marks.items() if user and key[0] in ts}


def cases() -> list[Any]:
    """Every transcript."""
    missing = pytest.mark.skipif(not SHARED.exists(), reason="the transcripts are not part of the project")
    dev = [SHARED / name / "transcript.json" for name in NAMES]
    return [pytest.param(OWN, id="own"), *(pytest.param(file, id=file.parent.name, marks=missing) for file in dev)]


_EXPECTED: dict[Path, Record] = {}
"""What is stored of each transcript when nothing goes wrong: of the first run, for all."""


@pytest.mark.timeout(3600 if THOROUGH else 240)
@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("away", ["late", "lost"])
@settings(
    max_examples=25 if THOROUGH else 2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a run is long, and four faults are few enough to read
)
@given(plan=plans())
async def test_whatever_goes_wrong_the_record_is_the_same(
    store: Postgres, deferred: Deferred, case: Path, away: str, plan: list[Fault]
) -> None:
    ground = (json.loads(case.read_text(encoding="utf-8")), store, deferred)
    if case not in _EXPECTED:
        _EXPECTED[case] = await undisturbed(ground)

    found = await disturbed(ground, [replace(plan[0], kind=away), *plan[1:]])

    if away == "late":
        assert found == _EXPECTED[case]
    else:
        assert standing(found) == standing(_EXPECTED[case])
        assert found.entries == _EXPECTED[case].entries
