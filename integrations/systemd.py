"""A service that systemd runs: one unit, or the numbered instances of a template.

Reading takes no rights. Whatever changes something goes through the root-owned helper of `deploy/`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pydantic import Field

from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown, UsageError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.log_search import LogSearch, Matches
from bot.core.loglines import matching, newest
from bot.core.ports import Done, Host, LogFile, Logs, LogTail, Processes, Worker
from bot.core.processes import Declared, Supervisor, Verb
from bot.core.search import Pattern

_READ = timedelta(seconds=20)
_EACH = timedelta(seconds=65)  # the helper ends each of its commands after a minute
_ENV = {"TZ": "UTC", "LC_ALL": "C.UTF-8"}  # systemctl writes times in the reader's zone
_ASKED = (
    *("Id", "LoadState", "ActiveState", "SubState", "MainPID", "ActiveEnterTimestamp", "NRestarts"),
    *("MemoryCurrent", "MemoryMax"),
)
_STATES = {"failed": "errored", "inactive": "stopped", "deactivating": "stopping", "activating": "launching"}
_STAMP = re.compile(r"(?P<at>\d{4}-\S+) \S+ [^:]*: ")  # and the host, the program and its pid
_NO_NUMBER = str(2**64 - 1)  # how systemd writes that it does not count

Shown = Mapping[str, str]


class Config(IntegrationConfig):
    """A service that systemd runs."""

    unit: str = Field(
        title="Unit",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]*(@[A-Za-z0-9:_.-]*)?\.service$",
        description="gateway.service, or gateway@.service for the instances gateway@1.service, gateway@2.service ... "
        "ExecStart has to be the service itself, for its main pid is what the answers of a worker name.",
    )
    instances: int = Field(
        1, ge=1, le=64, title="Instances", description="How many instances a template has; no more are ever started."
    )
    helper: tuple[str, ...] = Field(
        ("sudo", "-n", "/usr/local/sbin/opsbot-host"),
        min_length=1,
        title="Helper",
        description="How the root-owned helper is started; its `units` have to name each unit.",
    )
    command: tuple[str, ...] = Field(
        ("systemctl",), min_length=1, title="Command", description="How systemctl is started."
    )
    journal: tuple[str, ...] = Field(
        ("journalctl",),
        min_length=1,
        title="Journal",
        description="How journalctl is started; the bot's user has to be in the group systemd-journal.",
    )
    scanned: int = Field(5000, gt=0, title="Scanned", description="Lines that a search in the logs reads.")


class Systemd:
    """One unit, or a template with its instances from 1 up."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._config = config
        self._host = host
        self._is_template = config.unit.endswith("@.service")
        self._stem = config.unit.removesuffix(".service")
        self._units = (
            tuple(f"{self._stem}{number}.service" for number in range(1, config.instances + 1))
            if self._is_template
            else (config.unit,)
        )
        self._there: tuple[str, ...] = ()
        self._lock = f"/tmp/opsbot-unit-{sha256(config.unit.encode()).hexdigest()[:12]}.lock"  # noqa: S108 - a lock file

    async def workers(self) -> tuple[Worker, ...]:
        """See `Processes`. An instance that was stopped is not listed, as systemd itself has forgotten it."""
        found = [(self._number(row), row) for row in await self._show(_ASKED)]
        workers = (_worker(number, row) for number, row in found if number is not None)
        ordered = tuple(sorted(workers, key=lambda worker: worker.id))
        self._there = tuple(self._units[worker.id - 1] for worker in ordered)
        return ordered

    async def reload(self) -> str:
        """See `Processes`."""
        await self.workers()
        return await self._change(self.reload_argv())

    def reload_argv(self) -> tuple[str, ...]:
        """See `Processes`: one instance after the other, up to the first that does not come up.

        What systemd itself calls a reload only sends a signal, and replaces nothing. Instances that were not there when
        they were looked up stay away, for a restart would start them.
        """
        return (*self._config.helper, "restart-unit", *(self._there or self._units))

    async def change(self, verb: Verb, *numbers: int) -> str:
        """See `Supervisor`."""
        if verb is Verb.RESTART:
            return await self.reload()
        return await self._change(self.change_argv(verb, *numbers))

    def change_argv(self, verb: Verb, *numbers: int) -> tuple[str, ...]:
        """See `Supervisor`."""
        helper = self._config.helper
        match verb:
            case Verb.START | Verb.STOP:
                return (*helper, f"{verb.value}-unit", *self._units)
            case Verb.RESTART:
                return self.reload_argv()
            case Verb.SCALE:
                if not self._is_template or not 0 < numbers[0] <= len(self._units):
                    most = len(self._units)
                    raise UsageError(
                        f"{self._config.unit} has {most} instance{'' if most == 1 else 's'} at most.",
                        hint="systemd.instances says so: each needs a port and a place behind the proxy.",
                    )
                return (*helper, "scale-unit", self._config.unit, str(numbers[0]))
            case Verb.REMOVE:
                return (*helper, "stop-unit", self._units[numbers[0] - 1])

    async def declared(self) -> Declared | None:
        """See `Supervisor`."""
        limits = [_number(row["MemoryMax"]) for row in await self._show(("MemoryMax",))]
        return Declared(
            workers=len(self._units),
            memory_limit=next((limit for limit in limits if limit), None),
            source="systemd.instances of opsbot.yaml, and MemoryMax of the unit file, which systemd reads after a "
            "daemon-reload",
            alone="" if self._is_template else f"{self._config.unit} is one unit, with one main process.",
            remedy="A template unit, such as gateway@.service, has instances, each with a port of its own.",
        )

    async def wait_idle(self) -> None:
        """See `Processes`."""
        await self._host.run(("true",), within=timedelta(seconds=60), lock=self._lock)

    async def handed_value(self, key: str) -> str | None:
        """See `Processes`: what `Environment=` says; unknown where an `EnvironmentFile=` may say something else."""
        for row in await self._show(("Environment", "EnvironmentFiles")):
            if row.get("EnvironmentFiles"):
                return None
            pairs = dict(word.partition("=")[::2] for word in shlex.split(row.get("Environment", "")))
            if key in pairs:
                return pairs[key]
        return None

    async def log_files(self) -> tuple[LogFile, ...]:
        """See `Processes`: none; the journal has the logs."""
        return ()

    async def tail(self, count: int, *, errors_only: bool = False, containing: str = "") -> LogTail:
        """See `Logs`. Whoever may not read the journal gets no lines and no error, only a hint on standard error."""
        if errors_only:
            raise UsageError("The journal does not keep standard error apart.", hint="Search for a word: --grep error.")
        read = self._config.scanned if containing else count
        lines = await self._lines(read)
        left_out = f"the last {read} lines were searched" if containing else ""
        return LogTail(newest(lines, count, containing=containing), left_out)

    async def matching(self, wanted: Pattern, *, since: datetime) -> Matches:
        """See `LogSearch`."""
        read = self._config.scanned
        found, first = matching(await self._lines(read), wanted, since=since, prefix=_STAMP)
        return Matches(found, first, f"the last {read} lines were searched")

    async def _lines(self, count: int) -> list[str]:
        """The newest lines of all units."""
        units = [word for unit in self._units for word in ("-u", unit)]
        argv = (*self._config.journal, *units, "-n", str(count), "--output=short-iso", "--no-pager")
        done = await self._host.run(argv, within=_READ, env=_ENV)
        if done.cut:
            raise IntegrationError("The journal says more than can be read at once.", hint="Ask for fewer lines.")
        if done.code or done.err.strip():
            raise IntegrationError(
                f"The journal cannot be read: {_last(done)}", hint="Is the bot's user in the group systemd-journal?"
            )
        return [line for line in done.out.splitlines() if not line.startswith("-- ")]

    async def ping(self) -> str:
        """What state each unit is in."""
        workers = await self.workers()
        return f"systemd has {self._config.unit}: {', '.join(each.status for each in workers) or 'no instance'}"

    async def _show(self, names: Sequence[str]) -> list[Shown]:
        """The units with these properties. systemctl ends with 0 for a unit that does not exist."""
        wanted = (f"{self._stem}*.service",) if self._is_template else self._units
        properties = ",".join(dict.fromkeys(("Id", "LoadState", *names)))
        argv = (*self._config.command, "show", "--no-pager", f"--property={properties}", *wanted)
        done = await self._host.run(argv, within=_READ, env=_ENV)
        if done.code:
            raise IntegrationError(f"systemctl ended with {done.code} and said: {_last(done)}")
        blocks = [block for block in done.out.strip().split("\n\n") if block.strip()]
        rows: list[Shown] = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]
        if any(not {"Id", "LoadState"} <= row.keys() for row in rows) or not (rows or self._is_template):
            raise IntegrationError("`systemctl show` answered something else than expected.")
        if missing := [row["Id"] for row in rows if row["LoadState"] != "loaded"]:
            raise NotFound(f"systemd has no unit {', '.join(missing)}.")
        return rows

    async def _change(self, argv: tuple[str, ...]) -> str:
        # `timeout 0` keeps the lock where sudo, which closes what it inherits, comes after it.
        within = _EACH * (len(self._units) + 1)
        done = await self._host.run(("timeout", "0", *argv), within=within, lock=self._lock)
        if done.code:
            if "timed out" in done.err:
                raise OutcomeUnknown(f"systemd has not ended yet what it was asked for: {_last(done)}")
            raise IntegrationError(f"The helper ended with {done.code} and said: {_last(done)}")
        return shlex.join(argv)

    def _number(self, row: Shown) -> int | None:
        """The instance's number, 1 for a plain unit; None for one that is none of ours."""
        if not self._is_template:
            return 1
        found = re.fullmatch(rf"{re.escape(self._stem)}(\d+)\.service", row["Id"])
        return int(found[1]) if found and row["Id"] in self._units else None


def _worker(number: int, row: Shown) -> Worker:
    try:
        pid = int(row["MainPID"])
        state, sub = row["ActiveState"], row["SubState"]
        since = row["ActiveEnterTimestamp"] if pid else ""
        started_at = datetime.strptime(since, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC) if since else None
        restarts = int(row["NRestarts"])
    except (KeyError, ValueError):
        raise IntegrationError(f"`systemctl show` told something else than expected of {row['Id']}.") from None
    status = "online" if state == "active" and sub == "running" else _STATES.get(state, sub)
    return Worker(
        id=number,
        pid=pid,
        status="restarting" if sub == "auto-restart" else status,
        mode="unit",
        restarts=restarts,
        started_at=started_at,
        memory=_number(row.get("MemoryCurrent", "")),
        cpu=None,  # systemd counts nanoseconds since the start, which says nothing of now
    )


def _number(text: str) -> int | None:
    """A number; None for `[not set]`, `infinity` and the highest one, which all say that there is none."""
    return int(text) if text.isdecimal() and text != _NO_NUMBER else None


def _last(done: Done) -> str:
    lines = [line.strip() for line in f"{done.out}\n{done.err}".splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"


INTEGRATION = Integration(
    name="systemd", config=Config, build=Systemd, provides=(Processes, Supervisor, Logs, LogSearch)
)
