"""PM2, by its command line: only `jlist` is parsed, and only named fields of it are kept."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from bot.core.daemon import Act, App, Daemon, Dump
from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Done, Host, LogFile, Processes, Worker
from bot.core.processes import Declared, Supervisor, Verb
from bot.core.run_as import Account

_MARGIN = timedelta(seconds=15)
_LISTEN_TIMEOUT = 3000  # ms, PM2's own
_KILL_TIMEOUT = 1600  # ms, PM2's own
_IN_PROGRESS = re.compile(r"Reload already in progress.*?(\d+) seconds")
_NO_SUCH = re.compile(r"not found|doesn't exist")
_AS_IT_IS = "Nothing to do"  # what PM2 says, as an error, when it has so many workers already


class Config(IntegrationConfig):
    """A service that PM2 runs."""

    app: str = Field(
        title="App",
        description="The app's name in PM2; not its number, not `all`, not a pattern.",
        pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$",
    )
    command: tuple[str, ...] = Field(
        ("pm2",), min_length=1, title="Command", description="How PM2 is started, best with absolute paths."
    )
    pm2_home: str = Field(
        title="PM2_HOME", pattern="^/", description="Folder of the PM2 daemon, for instance /home/deploy/.pm2."
    )
    run_as: str = Field(
        "",
        title="Run as",
        pattern=r"^([a-z_][a-z0-9_-]*)?$",
        description="User who runs the PM2 daemon, reached by `sudo -n`; empty when the bot is that user.",
    )
    home: str = Field("", title="Home", description="HOME of that user; empty for the folder that holds PM2_HOME.")
    path: str = Field("", title="Path", description="PATH on which PM2 finds node; empty for the host's own.")
    ecosystem: str = Field(
        "",
        title="Ecosystem file",
        pattern="^(/.*)?$",
        description="The app's ecosystem file, from which it is started when PM2 does not list it any more.",
    )
    env: str = Field(
        "production",
        title="Environment",
        pattern=r"^[A-Za-z0-9_]+$",
        description="`env_NAME` of the ecosystem file; PM2 falls back to development without it.",
    )

    @field_validator("app")
    @classmethod
    def _is_one_app(cls, app: str) -> str:
        if app == "all":
            raise ValueError("PM2 takes `all` for every app")
        return app


class _Environment(BaseModel):
    """The named fields of `pm2_env`, which also holds every secret of whoever started the app."""

    status: str
    exec_mode: str
    restart_time: int = 0
    pm_uptime: float | None = None
    pm_out_log_path: str = ""
    pm_err_log_path: str = ""
    listen_timeout: float = _LISTEN_TIMEOUT
    kill_timeout: float = _KILL_TIMEOUT
    instances: int | None = None
    max_memory_restart: int | None = None
    node_args: tuple[str, ...] = ()
    pmx_module: bool = False


class _Load(BaseModel):
    memory: int = 0
    cpu: float = 0.0


class _Row(BaseModel):
    name: str
    pm_id: int
    pid: int | None = None
    monit: _Load = _Load()
    pm2_env: _Environment


class _Saved(BaseModel):
    """The one field that is read of what `pm2 save` wrote: each app's whole environment is in there."""

    name: str


class _NoDaemonError(IntegrationError):
    """None is where it should be, or it cannot be seen."""


_DUMP = TypeAdapter(tuple[_Saved, ...])


class Pm2:
    """One app of one PM2 daemon.

    No call but `resurrect` may start a daemon: every one of PM2's commands does when there is none, and then lists no
    process.
    """

    def __init__(self, config: Config, *, host: Host) -> None:
        self._app = config.app
        self._from_file = (config.ecosystem, "--only", config.app, "--env", config.env) if config.ecosystem else ()
        self._command = config.command
        self._pm2_home = config.pm2_home.rstrip("/")
        self._run_as = config.run_as
        # One file for all replicas on the machine, in a folder that the bot's user can write.
        folder = "/tmp" if config.run_as else self._pm2_home  # noqa: S108 - a lock file is no secret, and never followed
        self._lock = f"{folder}/opsbot-{sha256(self._pm2_home.encode()).hexdigest()[:12]}.lock"
        self._dumps = (f"{self._pm2_home}/dump.pm2", f"{self._pm2_home}/dump.pm2.bak")
        env = {
            "HOME": config.home or self._pm2_home.rpartition("/")[0] or "/",
            "PM2_HOME": config.pm2_home,
            "NO_COLOR": "1",
            "PM2_DISCRETE_MODE": "1",
        }
        if config.path:
            env["PATH"] = config.path
        self._account = Account(host, config.run_as, env)
        self._to_come: asyncio.Task[list[dict[str, Any]]] | None = None

    async def workers(self) -> tuple[Worker, ...]:
        """See `Processes`."""
        return tuple(_worker(row) for row in await self._rows())

    async def reload(self) -> str:
        """See `Processes`. A broken release makes PM2 report success here; only looking afterwards tells."""
        return await self._change(self.reload_argv())

    def reload_argv(self) -> tuple[str, ...]:
        """See `Processes`. Neither --force nor --update-env: the latter hands the caller's environment to the app."""
        return (*self._command, "reload", self._app)

    async def change(self, verb: Verb, *numbers: int) -> str:
        """See `Supervisor`."""
        if verb is Verb.REMOVE and not {*numbers} <= {row.pm_id for row in await self._rows()}:
            raise Conflict(f"PM2 has no worker {numbers[0]} of {self._app} any more.")
        return await self._change(self.change_argv(verb, *numbers), workers=numbers[0] if verb is Verb.SCALE else 0)

    def change_argv(self, verb: Verb, *numbers: int) -> tuple[str, ...]:
        """See `Supervisor`."""
        match verb:
            case Verb.START:
                return (*self._command, "start", *(self._from_file or (self._app,)))
            case Verb.SCALE:
                # Never 0, which deletes the app, nor a relative count, which a repetition would double.
                assert numbers[0] > 0
                return (*self._command, "scale", self._app, str(numbers[0]))
            case Verb.REMOVE:
                return (*self._command, "delete", str(numbers[0]))
            case Verb.STOP | Verb.RESTART:
                return (*self._command, verb.value, self._app)

    async def declared(self) -> Declared | None:
        """See `Supervisor`: what PM2 has stored from the ecosystem file; scaling does not change it.

        After a resurrect PM2 does not know it any more: then as many as it has, stopped ones too.
        """
        rows = await self._rows()
        if not rows:
            return None
        modes = "/".join(sorted({row.pm2_env.exec_mode.removesuffix("_mode") for row in rows}))
        return Declared(
            workers=rows[0].pm2_env.instances or len(rows),
            memory_limit=rows[0].pm2_env.max_memory_restart,
            arguments=rows[0].pm2_env.node_args,
            source="instances and max_memory_restart of the ecosystem file, which neither a restart nor a reload reads",
            alone=""
            if modes == "cluster"
            else f"The workers run in {modes} mode, where a second one cannot listen on the port of the first.",
            remedy="exec_mode: cluster in the ecosystem file makes them share it.",
        )

    async def running(self) -> int | None:
        """See `Daemon`."""
        try:
            return await self._daemon()
        except _NoDaemonError as error:
            if (await self._account.run(("ls", self._pm2_home))).code:
                raise IntegrationError(f"{self._pm2_home} cannot be looked into.", hint=error.hint) from error
            return None

    async def apps(self) -> tuple[App, ...]:
        """See `Daemon`."""
        found: dict[str, list[_Row]] = {}
        for row in await self._rows(of_all=True):
            found.setdefault(row.name, []).append(row)
        return tuple(
            App(name, len(rows), tuple(row.pid for row in rows if row.pid), module=rows[0].pm2_env.pmx_module)
            for name, rows in found.items()
        )

    async def dump(self) -> Dump | None:
        """See `Daemon`."""
        file = self._dumps[0]
        stat = await self._account.run(("stat", "-c", "%a %y", file))
        if stat.code:
            return None
        read = await self._account.run(("cat", file))
        try:
            saved = _DUMP.validate_json(read.out)
        except ValidationError:  # without the cause, which carries the input
            raise IntegrationError(f"{file} does not hold what `pm2 save` writes.") from None
        mode, _, written = stat.out.strip().partition(" ")
        return Dump(Counter(app.name for app in saved), mode, written)

    async def left(self, pids: Sequence[int]) -> tuple[int, ...]:
        """See `Daemon`; `ps` ends with 1 when it finds none."""
        if not pids:
            return ()
        seen = await self._account.run(("ps", "-o", "pid=", "-p", ",".join(map(str, pids))))
        if seen.err.strip():
            raise IntegrationError(f"`ps` said: {seen.err.strip()[:300]}")
        return tuple(int(pid) for pid in seen.out.split())

    async def act(self, act: Act) -> str:
        """See `Daemon`. Killing takes as long as every worker of every app may take."""
        if act is Act.RESURRECT:
            pid = await self.running()
            # One without apps is what stays of a resurrect that was broken off after this ping.
            if pid and any(not app.module for app in await self.apps()):
                raise Conflict(f"A PM2 daemon runs already (pid {pid}).")
            # Started apart, for a daemon that resurrect starts would inherit the lock and hold it for ever.
            await self._account.run((*self._command, "ping"))
            return await self._finish(self.act_argv(act), budget=timedelta(minutes=1))
        if act is Act.SAVE:
            await self._keep_dumps_private()
        times = [row.pm2_env.kill_timeout for row in await self._rows(of_all=True)]
        return await self._finish(self.act_argv(act), budget=timedelta(milliseconds=sum(times)))

    def act_argv(self, act: Act) -> tuple[str, ...]:
        """See `Daemon`."""
        return (*self._command, act.value)

    async def wait_idle(self) -> None:
        """See `Processes`."""
        await self._account.run(("true",), within=timedelta(seconds=60), lock=self._lock)

    async def handed_value(self, key: str) -> str | None:
        """See `Processes`."""
        values = {row["pm2_env"].get(key) for row in await self._raw_rows() if row.get("name") == self._app}
        return next((str(value) for value in values if value is not None), None)

    async def log_files(self) -> tuple[LogFile, ...]:
        """See `Processes`."""
        files = {}
        for row in await self._rows():
            files[row.pm2_env.pm_err_log_path] = True
            files[row.pm2_env.pm_out_log_path] = False  # one file for both is no file of errors
        return tuple(LogFile(path=path, errors=errors) for path, errors in files.items() if path)

    async def ping(self) -> str:
        """Which daemon answers, and how many workers it runs."""
        pid = await self._daemon()
        return f"PM2 (pid {pid}) runs {self._app} with {len(await self.workers())} workers"

    async def _change(self, argv: tuple[str, ...], *, workers: int = 0) -> str:
        """Run a changing command; its budget is what PM2 may take for each worker that there is, or will be."""
        times = [row.pm2_env.listen_timeout + row.pm2_env.kill_timeout for row in await self._rows()]
        each = max(times, default=_LISTEN_TIMEOUT + _KILL_TIMEOUT)
        return await self._finish(argv, budget=timedelta(milliseconds=each * max(len(times), workers, 1)))

    async def _finish(self, argv: tuple[str, ...], *, budget: timedelta) -> str:
        done = await self._account.run(argv, within=budget + _MARGIN, lock=self._lock)
        if done.code and _AS_IT_IS not in done.err + done.out:
            raise self._refusal(done)
        return shlex.join(argv)

    async def _keep_dumps_private(self) -> None:
        """PM2 writes them readable for all, with every secret of every app, but keeps the mode of a file that is there.

        The second one is the copy of the first that a save makes.
        """
        for file in self._dumps:
            if (await self._account.run(("stat", file))).code:
                await self._checked(("install", "-m", "600", "/dev/null", file))
            else:
                await self._checked(("chmod", "600", file))

    async def _checked(self, argv: Sequence[str]) -> None:
        done = await self._account.run(argv, lock=self._lock)
        if done.code:
            raise IntegrationError(f"{argv[0]} ended with {done.code} and said: {done.err.strip()[:300]}")

    async def _rows(self, *, of_all: bool = False) -> tuple[_Row, ...]:
        raw = await self._raw_rows()
        try:
            return tuple(_Row.model_validate(row) for row in raw if of_all or row.get("name") == self._app)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            # Without the cause: pydantic's error carries the input, with the app's environment.
            raise IntegrationError(f"`pm2 jlist` answered something else than expected at {where}.") from None

    async def _raw_rows(self) -> list[dict[str, Any]]:
        """PM2's list; it costs a process of Node, so all share one who ask before it is made, and nobody an older one.

        One who gives up does not end it for the others.
        """
        if self._to_come is None:
            self._to_come = asyncio.ensure_future(self._listing())
        return await asyncio.shield(self._to_come)

    async def _listing(self) -> list[dict[str, Any]]:
        try:
            await self._daemon()
        finally:
            self._to_come = None
        done = await self._account.run((*self._command, "jlist"))
        if done.code:
            raise self._refusal(done)
        try:
            rows: list[dict[str, Any]] = json.loads(done.out)
        except ValueError:
            raise IntegrationError("`pm2 jlist` did not answer with JSON.") from None
        return rows

    async def _daemon(self) -> int:
        """The daemon's pid, from its file and the process list."""
        user = self._run_as or "the bot's user"
        read = await self._account.run(("cat", f"{self._pm2_home}/pm2.pid"))
        hint = "Check process_manager.pm2_home and run_as. Where the daemon is gone, pm2 resurrect brings it back."
        if read.code or not read.out.strip().isdecimal():
            raise _NoDaemonError(f"No PM2 daemon is at {self._pm2_home}, or {user} may not see it.", hint=hint)
        pid = read.out.strip()
        seen = await self._account.run(("ps", "-o", "uid=", "-o", "args=", "-p", pid))
        owner, _, args = seen.out.strip().partition(" ")
        if "God Daemon" not in args:
            raise _NoDaemonError(f"The PM2 daemon of {self._pm2_home} (pid {pid}) is gone.", hint=hint)
        own = (await self._account.run(("id", "-u"))).out.strip()
        if owner != own:
            raise IntegrationError(
                f"The PM2 daemon of {self._pm2_home} belongs to the user with id {owner}, and {user} has id {own}.",
                hint="Set process_manager.run_as to the daemon's user.",
            )
        return int(pid)

    def _refusal(self, done: Done) -> Exception:
        said = f"{done.err}\n{done.out}"
        if match := _IN_PROGRESS.search(said):
            return Conflict(
                "PM2 is reloading already, begun by somebody else.", hint=f"Try again in {match[1]} seconds."
            )
        if _NO_SUCH.search(said):
            return NotFound(f"PM2 knows no app called {self._app}.")
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing")
        return IntegrationError(f"PM2 ended with {done.code} and said: {last.strip()[:300]}")


def _worker(row: _Row) -> Worker:
    since = row.pm2_env.pm_uptime if row.pid else None
    return Worker(
        id=row.pm_id,
        pid=row.pid or 0,
        status=row.pm2_env.status,
        mode=row.pm2_env.exec_mode,
        restarts=row.pm2_env.restart_time,
        started_at=datetime.fromtimestamp(since / 1000, UTC) if since else None,
        memory=row.monit.memory,
        cpu=row.monit.cpu,
    )


INTEGRATION = Integration(name="process_manager", config=Config, build=Pm2, provides=(Processes, Supervisor, Daemon))
