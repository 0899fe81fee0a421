"""Stand-ins for the ports, typed against them; each remembers what it was told."""
# ruff: noqa: ARG002 - a port names parameters that its fake can do without

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from bot.core.charts import Chart
from bot.core.database import Connections
from bot.core.errors import IntegrationError
from bot.core.fleet import Service
from bot.core.permit import ask_permit
from bot.core.ports import (
    Backup,
    Backups,
    ChatMessage,
    Copy,
    Counters,
    Done,
    Gateway,
    Health,
    LogFile,
    MessageRef,
    Monitor,
    Processes,
    Profile,
    Voice,
    Worker,
)
from bot.core.results import Result


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it stands now."""

    channel: str
    result: Result
    key: str = ""
    thread: str = ""


@dataclass(slots=True)
class FakeChat:
    """Slack without Slack: `refuses` gives the code with which a method answers, `people` whom it knows.

    `breaks` counts how often a method ends as if the program had ended in the middle of it; `away` has what a method
    raises while Slack is away, `*` for all.
    """

    breaks: dict[str, int] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    away: dict[str, IntegrationError] = field(default_factory=dict)
    people: dict[str, Profile] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    messages: dict[MessageRef, Posted] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    topics: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    pinned: list[MessageRef] = field(default_factory=list)
    bookmarks: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0
    shared: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    whispers: list[tuple[str, str, Result]] = field(default_factory=list)

    @property
    def files(self) -> list[tuple[str, str, str, str]]:
        """Channel, name, content and thread of those that are there."""
        return list(self.shared.values())

    def _share(self, channel: str, name: str, content: str, thread: str) -> str:
        self.count += 1
        self.shared[f"F{self.count}"] = (channel, name, content, thread)
        return f"F{self.count}"

    def posted(self, channel: str) -> list[Result]:
        """What stands in `channel`, in order."""
        return [posted.result for posted in self.messages.values() if posted.channel == channel]

    def _ask(self, method: str) -> None:
        if self.breaks.get(method):
            self.breaks[method] -= 1
            raise RuntimeError(f"ended in {method}")
        if error := self.away.get("*") or self.away.get(method):
            raise error
        if code := self.refuses.get(method):
            raise IntegrationError(f"Slack refused {method}.", hint=code)

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        self._ask("post")
        self._ask(f"post {channel}")
        await ask_permit()
        message = MessageRef(channel, f"1700000000.{len(self.messages):06}")
        self.messages[message] = Posted(channel, result, key, thread)
        return message

    async def update(self, message: MessageRef, result: Result, *, thread: str = "") -> None:
        self._ask("update")
        await ask_permit()
        was = self.messages[message]
        self.messages[message] = Posted(message.channel, result, was.key, was.thread)

    async def delete(self, message: MessageRef) -> None:
        self._ask("delete")
        self.messages.pop(message, None)

    async def whisper(self, channel: str, user_id: str, result: Result) -> None:
        self._ask("whisper")
        self.whispers.append((channel, user_id, result))

    async def direct(self, user_id: str) -> str:
        self._ask("direct")
        return f"D{user_id[1:]}"

    async def upload(self, channel: str, name: str, content: str, *, title: str, thread: str = "") -> str:
        self._ask("upload")
        await ask_permit()
        return self._share(channel, name, content, thread)

    async def picture(self, channel: str, name: str, chart: Chart, *, thread: str = "") -> str:
        self._ask("picture")
        await ask_permit()
        return self._share(channel, name, chart.words, thread)

    async def canvas(self, channel: str, title: str, content: str) -> str:
        self._ask("canvas")
        return self._share(channel, title, content, "")

    async def delete_file(self, file: str) -> None:
        self._ask("delete_file")
        self.shared.pop(file, None)

    async def delete_canvas(self, canvas: str) -> None:
        self._ask("delete_canvas")
        await self.delete_file(canvas)

    async def find(self, channel: str, key: str, *, since: datetime, thread: str = "") -> MessageRef | None:
        copies = await self.copies(channel, key, since=since, thread=thread)
        return copies[0].message if copies else None

    async def copies(self, channel: str, key: str, *, since: datetime, thread: str = "") -> tuple[Copy, ...]:
        self._ask("find")
        found = [Copy(ref) for ref, posted in self.messages.items() if (posted.channel, posted.key) == (channel, key)]
        if thread:
            shared = [
                each for each, file in self.shared.items() if (file[0], file[1], file[3]) == (channel, key, thread)
            ]
            found += [Copy(MessageRef(channel, each), (each,)) for each in shared]
        return tuple(found)

    async def permalink(self, message: MessageRef) -> str:
        self._ask("permalink")
        return f"https://example.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"

    async def create_channel(self, name: str, *, private: bool) -> str:
        self._ask("create_channel")
        if name in self.taken:
            raise IntegrationError(f"Slack has a channel {name}.", hint="name_taken")
        self.taken.add(name)
        channel = f"C0NEW{len(self.channels)}"
        self.channels[channel] = name
        if private:
            self.private.add(channel)
        return channel

    async def own_channel(self, name: str) -> str:
        self._ask("own_channel")
        return next((channel for channel, own in self.channels.items() if own == name), "")

    async def set_topic(self, channel: str, topic: str) -> None:
        self._ask("set_topic")
        self.topics[channel] = topic

    async def invite(self, channel: str, user_ids: Sequence[str]) -> None:
        self._ask("invite")
        for user in user_ids:
            self._ask(f"invite {user}")
            self.members.setdefault(channel, []).append(user)

    async def pin(self, message: MessageRef) -> None:
        self._ask("pin")
        self.pinned.append(message)

    async def bookmark(self, channel: str, title: str, link: str) -> None:
        self._ask("bookmark")
        self.bookmarks.append((channel, title, link))

    async def profile(self, user_id: str) -> Profile:
        if user_id not in self.people:
            raise IntegrationError(f"Slack knows no {user_id}.", hint="user_not_found")
        return self.people[user_id]

    async def group_members(self, group: str) -> tuple[str, ...]:
        self._ask("group_members")
        return self.groups[group]

    async def history(self, channel: str, *, since: datetime) -> AsyncIterator[ChatMessage]:
        for ref, posted in self.messages.items():
            if posted.channel == channel:
                yield ChatMessage(channel, ref.ts, "U0BOT", "")


@dataclass(slots=True)
class FakeProcesses:
    """A process manager with these workers, which write these files."""

    found: tuple[Worker, ...]
    files: tuple[LogFile, ...] = ()

    async def workers(self) -> tuple[Worker, ...]:
        return self.found

    async def reload(self) -> str:
        return "reloaded"

    def reload_argv(self) -> tuple[str, ...]:
        return ("pm2", "reload", "gateway")

    async def wait_idle(self) -> None:
        return

    async def handed_value(self, key: str) -> str | None:
        return None

    async def log_files(self) -> tuple[LogFile, ...]:
        return self.files


@dataclass(slots=True)
class FakeGateway:
    """A service with these metrics, whose workers answer in `latency` seconds with the status of their pid, or 200.

    A status of 0 stands for no answer, `hangs` for one that never comes.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    statuses: dict[Voice, int] = field(default_factory=dict)
    counted: dict[Voice, Counters] = field(default_factory=dict)
    latency: float = 0.012
    hangs: bool = False

    async def health(self, kind: str = "basic") -> Health:
        return Health(f"http://127.0.0.1/{kind}", 200, self.latency, {})

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        if self.hangs:
            await asyncio.Event().wait()
        answers = {pid: self.statuses.get(pid, 200) for pid in voices}
        return {pid: Health("http://127.0.0.1/", code, self.latency, {}) for pid, code in answers.items() if code}

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        return dict.fromkeys(voices, False)

    async def turns_customers_away(self) -> bool | None:
        return None

    async def metrics(self, voices: Sequence[Voice]) -> Mapping[str, float]:
        return self.numbers

    async def counters(self, voices: Sequence[Voice]) -> Mapping[Voice, Counters]:
        numbers = {name: number for name, number in self.numbers.items() if math.isfinite(number)}
        return self.counted or {voice: Counters({}, numbers if voice == voices[0] else {}) for voice in voices}

    async def pending_payments(self) -> int | None:
        return None


@dataclass(slots=True)
class FakeBackups:
    """A folder with these backups, newest first."""

    found: tuple[Backup, ...]

    async def newest(self, count: int = 14) -> tuple[Backup, ...]:
        return self.found[:count]


@dataclass(slots=True)
class FakeMonitor:
    """A script that ends like this."""

    done: Done

    async def run(self) -> Done:
        return self.done


def worker(number: int, status: str = "online") -> Worker:
    """One worker of a service in cluster mode, with the pid 1000 + `number`."""
    return Worker(number, 1000 + number, status, "cluster", 0, datetime(2026, 1, 1, tzinfo=UTC), 50_000_000, 1.0)


def backup(*, made_at: datetime, size: int = 100_000, fault: str = "") -> Backup:
    """A backup of the service's payments."""
    return Backup(f"/backups/payments-{made_at:%Y%m%d}.jsonl.gz", size, made_at, fault)


def service(
    *,
    processes: Processes | None = None,
    gateway: Gateway | None = None,
    monitor: Monitor | None = None,
    backups: Backups | None = None,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Service:
    """A service called gateway with those ports that are given."""
    ports = {Processes: processes, Gateway: gateway, Monitor: monitor, Backups: backups}
    return Service(
        name="gateway",
        environment="production",
        host="web-1",
        ports={kind: port for kind, port in ports.items() if port},
        limits=limits,
    )


@dataclass(slots=True)
class ServiceWithPool(FakeGateway):
    """A service whose workers keep so many connections each, or do not say."""

    pool: int | None = 5

    async def health(self, kind: str = "basic") -> Health:
        return Health(f"http://127.0.0.1/{kind}", 200, 0.01, {"pool.max": self.pool} if self.pool else {})


@dataclass(frozen=True, slots=True)
class DatabaseWithRoom:
    """A database with so many connections, and a limit."""

    limit: int
    open: int
    fault: str = ""

    async def connections(self) -> Connections:
        if self.fault:
            raise IntegrationError(self.fault)
        return Connections(self.limit, {"idle": self.open}, (), ())
