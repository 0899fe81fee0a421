"""What the bot needs of the outside, as Protocols by kind of system; `integrations` and `bot.slack` implement them.

Every method raises `IntegrationError` when the system refuses or is not understood and `OutcomeUnknown` when it gave no
answer in time. No daemon, a wrong user or an unreadable file is such an error, never an empty answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from bot.core.charts import Chart
from bot.core.results import Result


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended: exit code, and what it wrote (decoded with replacement, cut at the cap)."""

    code: int
    out: str
    err: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status: latency in seconds, `body` decoded with replacement and cut at the cap."""

    status: int
    latency: float
    body: str
    cut: bool = False


class Http(Protocol):
    """HTTP with a timeout and an output cap on each call; no redirect is followed."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = ...,
        body: str = "",
        within: timedelta = ...,
        attempts: int = 1,
        repeatable: bool = False,
    ) -> Answer:
        """Send one request on a connection of its own; only GET and HEAD are tried again, up to `attempts` times, and
        what is `repeatable` because the other side tells doubles by a key.

        `OutcomeUnknown` when there was no answer in time, `IntegrationError` when nobody was reached.
        """
        ...


class Host(Protocol):
    """A machine to run things on: argv lists only, minimal environment, a timeout and an output cap on each call.

    `own` says that it is the machine that the bot runs on.
    """

    name: str
    own: bool

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta = ...,
        env: Mapping[str, str] = ...,
        cwd: str | None = None,
        lock: str | None = None,
    ) -> Done:
        """Run `argv` to its end. With `lock` it runs under that lock file, which the child holds until it ends, and the
        host asks for the permit (`bot.core.permit`) when it has the lock, right before it starts `argv`.

        A reading command that exceeds `within` is ended; a changing one (with `lock`) is left running under its lock
        file. Both raise `OutcomeUnknown`. A lock that stays held raises `Conflict`.
        """
        ...

    async def pipe(
        self,
        argvs: Sequence[Sequence[str]],
        *,
        within: timedelta = ...,
        env: Mapping[str, str] = ...,
        cwd: str | None = None,
    ) -> Done:
        """Run reading commands, each of which reads what the one before it writes, until all have ended.

        `code` is that of the last one, and `err` is what all of them wrote to standard error: only there it shows that
        an earlier one failed. One that a signal ended, other than the broken pipe of a reader that has enough, is told
        there as `NAME was ended by signal N`. Limits are those of `run`, and what exceeds them is ended.
        """
        ...


Voice = int | str
"""What the answers of a worker name it by: its pid, or the hostname of its container."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of the service: memory in bytes, CPU in percent of a core; None where the manager does not tell.

    `pid` is the host's. One in a container (`hostname` is set) never knows that: inside it has another.
    """

    id: int
    pid: int
    status: str
    mode: str
    restarts: int
    started_at: datetime | None
    memory: int | None
    cpu: float | None
    hostname: str = ""

    @property
    def voice(self) -> Voice:
        """What its answers name it by."""
        return self.hostname or self.pid


class Processes(Protocol):
    """The process manager of a service."""

    async def workers(self) -> tuple[Worker, ...]:
        """Every worker of the service, stopped and errored ones too; empty only when the manager says so itself."""
        ...

    async def reload(self) -> str:
        """Replace the workers by new ones and say what was run; the answer proves nothing about the effect."""
        ...

    def reload_argv(self) -> tuple[str, ...]:
        """The command line of `reload`, as people are shown it."""
        ...

    async def wait_idle(self) -> None:
        """Return when no change runs any more that some replica, dead or alive, began; `Conflict` when one stays."""
        ...

    async def handed_value(self, key: str) -> str | None:
        """What the manager itself puts into the workers' environment for `key`: dotenv does not override that."""
        ...

    async def log_files(self) -> tuple[LogFile, ...]:
        """Where the workers write their output."""
        ...


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file of the service; `errors` marks the one for standard error."""

    path: str
    errors: bool


@dataclass(frozen=True, slots=True)
class LogTail:
    """The newest lines of a service's logs, oldest first, by time where lines carry one; not redacted yet."""

    lines: tuple[str, ...]
    left_out: str = ""


class Logs(Protocol):
    """The service's own logs."""

    async def tail(self, count: int, *, errors_only: bool = False, containing: str = "") -> LogTail:
        """The last `count` lines over all files; `containing` is a fixed string, compared without case."""
        ...


@dataclass(frozen=True, slots=True)
class EnvKey:
    """One key of an environment file: its effective value (None when absent) and the numbers of all its lines."""

    key: str
    value: str | None
    lines: tuple[int, ...]


class EnvFile(Protocol):
    """The environment file of a service. No method tells of any key but the one that is asked for."""

    path: str

    async def read(self, key: str) -> EnvKey:
        """The key's value as dotenv would load it."""
        ...

    async def write(self, key: str, value: str | None, *, expected: str | None) -> None:
        """Set one key (None removes it) and touch nothing else; `Conflict` when it no longer has `expected`."""
        ...

    async def secrets(self) -> tuple[str, ...]:
        """Every value that must be redacted wherever it shows up."""
        ...

    async def secret_keys(self) -> tuple[str, ...]:
        """The names of the keys that hold such values."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """One answer of a health endpoint: latency in seconds; `body` holds allowed fields only, by dotted name."""

    url: str
    status: int
    latency: float
    body: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Mean:
    """An average over `count` things, in the unit in which the service gives it; of nothing it is 0."""

    value: float
    count: float


@dataclass(frozen=True, slots=True)
class Counters:
    """What one worker has counted: the averages of which it is known of how many, and the numbers that are summed."""

    means: Mapping[str, Mean]
    sums: Mapping[str, float]


class Gateway(Protocol):
    """The service as its users see it, over HTTP; each call is a new connection, so that any worker may answer."""

    async def health(self, kind: str = "basic") -> Health:
        """`basic`, `detailed` or `dependencies`; a non-200 answer is a Health too, no answer raises."""
        ...

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        """Ask until each of `voices` has answered or patience is over; one that did not answer is missing.

        Raises `Indistinct`, as the others by worker do, when answers do not tell which of several gave them.
        """
        ...

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        """What each worker says of maintenance mode; one that did not say is missing."""
        ...

    async def turns_customers_away(self) -> bool | None:
        """Whether a customer's request is refused with the maintenance answer; None when no probe is configured."""
        ...

    async def metrics(self, voices: Sequence[Voice]) -> Mapping[str, float]:
        """Metrics by name over all of `voices`: counters are summed, rates weighted; a missing one is missing."""
        ...

    async def counters(self, voices: Sequence[Voice]) -> Mapping[Voice, Counters]:
        """By worker, and for "" where any worker's are those of all."""
        ...

    async def pending_payments(self) -> int | None:
        """How many payments wait for the provider; None when no probe is configured."""
        ...


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup: size in bytes; `fault` says why it cannot be one (empty, truncated archive)."""

    path: str
    size: int
    made_at: datetime
    fault: str = ""


class Backups(Protocol):
    """The folder where backups land."""

    async def newest(self, count: int = 14) -> tuple[Backup, ...]:
        """The newest backups, newest first, by their time of change."""
        ...


class Monitor(Protocol):
    """The service's own health script."""

    async def run(self) -> Done:
        """Run it to its end."""
        ...


class Pingable(Protocol):
    """Anything that `opsbot check` can try."""

    async def ping(self) -> str:
        """A line on what answered; raises `IntegrationError` with the reason otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message in Slack."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as read back from Slack: text unescaped, `user` the author's id, `edited_ts` empty if never edited."""

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str = ""
    edited_ts: str = ""
    subtype: str = ""
    bot_id: str = ""
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What Slack says of a user; `trusted` is false for guests, bots, deactivated people and other teams.

    `zone` is the IANA name of theirs, empty where Slack does not tell it.
    """

    user_id: str
    name: str
    team_id: str
    trusted: bool
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A post that was found, with the ids of the files that it shares."""

    message: MessageRef
    files: tuple[str, ...] = ()


class Chat(Protocol):
    """Slack, as the middle of the bot sees it: results go out, references come back.

    `key` travels as message metadata, so that a post whose record was lost is found again. Methods raise
    `IntegrationError` with Slack's own code in `hint` when Slack refuses (`missing_scope`, `name_taken` ...), and those
    that put something there `Fenced` when the permit of `bot.core.permit` is refused. What shares a file or a canvas
    returns its id.
    """

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef: ...
    async def update(self, message: MessageRef, result: Result, *, thread: str = "") -> None:
        """Put a result in place of a message; what it has no room for is shared in its `thread`, where that is told."""
        ...

    async def delete(self, message: MessageRef) -> None: ...
    async def whisper(self, channel: str, user_id: str, result: Result) -> None: ...
    async def direct(self, user_id: str) -> str: ...
    async def upload(self, channel: str, name: str, content: str, *, title: str, thread: str = "") -> str: ...
    async def picture(self, channel: str, name: str, chart: Chart, *, thread: str = "") -> str: ...
    async def canvas(self, channel: str, title: str, content: str) -> str: ...
    async def delete_file(self, file: str) -> None: ...
    async def delete_canvas(self, canvas: str) -> None: ...
    async def find(self, channel: str, key: str, *, since: datetime, thread: str = "") -> MessageRef | None:
        """The first of the `copies`."""
        ...

    async def copies(self, channel: str, key: str, *, since: datetime, thread: str = "") -> tuple[Copy, ...]:
        """The posts that were made with `key` in the channel or in a thread, oldest first.

        In a thread also those that share a file so named.
        """
        ...

    async def permalink(self, message: MessageRef) -> str: ...
    async def create_channel(self, name: str, *, private: bool) -> str: ...
    async def own_channel(self, name: str) -> str:
        """The id of the channel that the bot created under a name, empty where there is none."""
        ...

    async def set_topic(self, channel: str, topic: str) -> None: ...
    async def invite(self, channel: str, user_ids: Sequence[str]) -> None: ...
    async def pin(self, message: MessageRef) -> None: ...
    async def bookmark(self, channel: str, title: str, link: str) -> None: ...
    async def profile(self, user_id: str) -> Profile: ...
    async def group_members(self, group: str) -> tuple[str, ...]: ...
    def history(self, channel: str, *, since: datetime) -> AsyncIterator[ChatMessage]: ...


class Documents(Protocol):
    """Long prose, from the templates."""

    def render(self, template: str, **values: object) -> str:
        """The template called `template` filled in; foreign text is escaped for its suffix."""
        ...
