"""A service of Docker Compose (v2), by its command line: each container is a worker.

Only named fields are asked for: a container's whole description holds its environment, with every secret.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import AliasPath, BaseModel, Field, TypeAdapter, ValidationError

from bot.core.duration import Duration
from bot.core.errors import Conflict, IntegrationError, NotFound, UsageError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.log_search import LogSearch, Matches
from bot.core.loglines import matching, newest
from bot.core.ports import Done, Host, LogFile, Logs, LogTail, Processes, Worker
from bot.core.processes import Declared, Supervisor, Verb
from bot.core.search import Pattern

_READ = timedelta(seconds=20)
_STAMP = re.compile(r"(?P<at>\d{4}-\S+) ")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

# https://docs.docker.com/reference/cli/docker/inspect/: a template keeps the container's environment out of the answer.
_FIELDS = {
    "id": "{{json .Id}}",
    "name": "{{json .Name}}",
    "pid": "{{json .State.Pid}}",
    "status": "{{json .State.Status}}",
    "health": '{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}}',
    "started_at": "{{json .State.StartedAt}}",
    "restarts": "{{json .RestartCount}}",
    "hostname": "{{json .Config.Hostname}}",
    "number": '{{json (index .Config.Labels "com.docker.compose.container-number")}}',
    "one_off": '{{json (index .Config.Labels "com.docker.compose.oneoff")}}',
}
_TEMPLATE = "{" + ",".join(f'"{name}":{value}' for name, value in _FIELDS.items()) + "}"


class Config(IntegrationConfig):
    """A service that Docker Compose runs."""

    project: str = Field(
        title="Project",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="The project's name, as `docker compose ls` lists it.",
    )
    service: str = Field(
        title="Service",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="The service's name in the compose file; it need not be the name that it has here.",
    )
    file: str = Field(title="File", pattern="^/", description="The compose file.")
    command: tuple[str, ...] = Field(
        ("docker",),
        min_length=1,
        title="Command",
        description="How Docker is started, best with an absolute path; `compose` follows. [sudo, -n, /usr/bin/docker] "
        "where the bot's user is not in its group.",
    )
    home: str = Field("", title="Home", description="HOME, where Docker's own settings are; empty for the host's own.")
    within: Duration = Field(
        "3m", validate_default=True, title="Within", description="How long Docker may take to replace the containers."
    )
    scanned: int = Field(
        5000, gt=0, title="Scanned", description="Lines of each container that a search in the logs reads."
    )


class _Listed(BaseModel):
    id: str = Field(validation_alias="ID")
    service: str = Field(validation_alias="Service")


class _Container(BaseModel):
    id: str
    name: str
    pid: int
    status: str
    health: str
    started_at: datetime
    restarts: int
    hostname: str
    number: int
    one_off: str | None


class _Port(BaseModel):
    published: str = ""


class _Section(BaseModel):
    """What the compose file says of the service, without its environment."""

    replicas: int | None = Field(None, validation_alias=AliasPath("deploy", "replicas"))
    scale: int | None = None
    reserved: int | None = Field(None, validation_alias=AliasPath("deploy", "resources", "limits", "memory"))
    mem_limit: int | None = None
    container_name: str = ""
    ports: tuple[_Port, ...] = ()


class _Load(BaseModel):
    id: str = Field(validation_alias="ID")
    cpu: str = Field(validation_alias="CPUPerc")
    memory: str = Field(validation_alias="MemUsage")


class DockerCompose:
    """One service of one project. Nothing here touches another one, such as a database in the same file.

    A restart by Compose would leave the environment as it was when the container was made, so containers are always
    made anew.
    """

    def __init__(self, config: Config, *, host: Host) -> None:
        self._config = config
        self._host = host
        self._docker = config.command
        self._compose = (
            *(*config.command, "compose", "--ansi", "never"),
            *("--project-name", config.project, "--file", config.file),
        )
        self._env = {"HOME": config.home} if config.home else {}
        place = sha256(f"{config.project} {config.file}".encode()).hexdigest()[:12]
        self._lock = f"/tmp/opsbot-compose-{place}.lock"  # noqa: S108 - a lock file, of every replica on the host
        self._count = 0

    async def workers(self) -> tuple[Worker, ...]:
        """See `Processes`."""
        found = await self._containers()
        loads = await self._loads([each.id for each in found if each.status == "running"])
        self._count = len(found)
        return tuple(_worker(each, loads.get(each.id[:12])) for each in found)

    async def reload(self) -> str:
        """See `Processes`."""
        self._count = len(await self._containers())
        return await self._change(self.reload_argv())

    def reload_argv(self) -> tuple[str, ...]:
        """See `Processes`. Compose goes back to the declared count where it is not told the one that was looked up."""
        count = ("--scale", f"{self._config.service}={self._count}") if self._count else ()
        return (*self._compose, "up", "--detach", "--force-recreate", "--no-deps", *count, self._config.service)

    async def change(self, verb: Verb, *numbers: int) -> str:
        """See `Supervisor`."""
        found = await self._containers()
        self._count = len(found)
        argv = self.change_argv(verb, *numbers)
        if verb is Verb.REMOVE and argv[-1] not in {each.name.removeprefix("/") for each in found}:
            raise Conflict(f"Docker has no container {argv[-1]} any more.")
        return await self._change(argv)

    def change_argv(self, verb: Verb, *numbers: int) -> tuple[str, ...]:
        """See `Supervisor`."""
        service = self._config.service
        match verb:
            case Verb.START:
                return (*self._compose, "up", "--detach", service)
            case Verb.STOP:
                return (*self._compose, "stop", service)
            case Verb.RESTART:
                return self.reload_argv()
            case Verb.SCALE:
                assert numbers[0] > 0
                count = ("--scale", f"{service}={numbers[0]}")
                return (*self._compose, "up", "--detach", "--no-recreate", "--no-deps", *count, service)
            case Verb.REMOVE:
                return (*self._docker, "rm", "--force", f"{self._config.project}-{service}-{numbers[0]}")

    async def declared(self) -> Declared | None:
        """See `Supervisor`: what the compose file says, which takes no engine."""
        done = await self._checked((*self._compose, "config", "--format", "json"))
        try:
            section = _Section.model_validate(json.loads(done.out)["services"][self._config.service])
        except KeyError:
            return None
        except ValueError:  # without the cause: pydantic's error carries the input, with the service's environment
            raise IntegrationError("`docker compose config` answered something else than expected.") from None
        fixed = [port.published for port in section.ports if port.published and "-" not in port.published]
        if section.container_name:
            alone = f"The container has a name of its own, {section.container_name}, so there can be only one."
        else:
            alone = f"A second container cannot have port {fixed[0]} of the host too." if fixed else ""
        return Declared(
            workers=section.scale or section.replicas or 1,
            memory_limit=section.reserved or section.mem_limit,
            source=f"{self._config.file} (deploy.replicas, mem_limit), which each start and reload reads",
            alone=alone,
            remedy="Publish none of the host's ports, or a range of them, and put a proxy before the containers.",
        )

    async def wait_idle(self) -> None:
        """See `Processes`."""
        await self._host.run(("true",), within=timedelta(seconds=60), lock=self._lock)

    async def handed_value(self, key: str) -> str | None:  # noqa: ARG002 - see below
        """See `Processes`: unknown, for Compose mixes what stands in its file with what the env file says."""
        return None

    async def log_files(self) -> tuple[LogFile, ...]:
        """See `Processes`: none; Docker has the logs."""
        return ()

    async def tail(self, count: int, *, errors_only: bool = False, containing: str = "") -> LogTail:
        """See `Logs`. Of each container as many lines are read, and put in order by their time."""
        if errors_only:
            raise UsageError("Compose does not keep standard error apart.", hint="Search for a word: --grep error.")
        read = self._config.scanned if containing else count
        lines = await self._lines(read)
        left_out = f"the last {read} lines of each container were searched" if containing else ""
        return LogTail(newest(lines, count, containing=containing), left_out)

    async def matching(self, wanted: Pattern, *, since: datetime) -> Matches:
        """See `LogSearch`. Where a container may have more lines than are read, nobody knows how far back all go."""
        read = self._config.scanned
        lines = await self._lines(read)
        found, first = matching(lines, wanted, since=since, prefix=_STAMP)
        return Matches(found, first if len(lines) < read else None, f"the last {read} lines of each container")

    async def _lines(self, count: int) -> list[str]:
        """So many of each container, by their time."""
        options = ("--no-color", "--no-log-prefix", "--timestamps", "--tail", str(count))
        done = await self._checked((*self._compose, "logs", *options, self._config.service))
        return sorted(done.out.splitlines(), key=lambda line: line.partition(" ")[0])

    async def ping(self) -> str:
        """How many containers there are."""
        return f"Docker Compose has {len(await self._containers())} containers of {self._config.service}"

    async def _containers(self) -> tuple[_Container, ...]:
        """Those of the service, one-off ones left out, in their order."""
        done = await self._checked((*self._compose, "ps", "--all", "--format", "json", self._config.service))
        listed = _parsed(tuple[_Listed, ...], done, "docker compose ps")
        ids = [each.id for each in listed if each.service == self._config.service]
        if not ids:
            return ()
        done = await self._checked((*self._docker, "inspect", "--type", "container", "--format", _TEMPLATE, *ids))
        found = _parsed(tuple[_Container, ...], done, "docker inspect")
        return tuple(sorted((each for each in found if each.one_off != "True"), key=lambda each: each.number))

    async def _loads(self, ids: Sequence[str]) -> Mapping[str, _Load]:
        """Memory and CPU by short id; what Docker does not tell is missing."""
        if not ids:
            return {}
        done = await self._run((*self._docker, "stats", "--no-stream", "--format", "{{json .}}", *ids))
        if done.code:
            return {}
        return {load.id[:12]: load for load in _parsed(tuple[_Load, ...], done, "docker stats")}

    async def _change(self, argv: tuple[str, ...]) -> str:
        # `timeout 0` keeps the lock where sudo, which closes what it inherits, comes after it.
        await self._checked(("timeout", "0", *argv), within=self._config.within, lock=self._lock)
        return shlex.join(argv)

    async def _checked(self, argv: Sequence[str], *, within: timedelta = _READ, lock: str | None = None) -> Done:
        done = await self._run(argv, within=within, lock=lock)
        if done.cut:
            raise IntegrationError("Docker answers more than can be read at once.", hint="Ask for fewer lines.")
        if done.code:
            lines = [line.strip() for line in f"{done.out}\n{done.err}".splitlines() if line.strip()]
            said = next((line for line in lines if "Cannot connect" in line), lines[-1] if lines else "nothing")
            if "no such service" in said:
                raise NotFound(f"{self._config.file} has no service {self._config.service}.")
            raise IntegrationError(f"Docker ended with {done.code} and said: {said[:300]}")
        return done

    async def _run(self, argv: Sequence[str], *, within: timedelta = _READ, lock: str | None = None) -> Done:
        return await self._host.run(argv, within=within, env=self._env, lock=lock)


def _parsed(kind: Any, done: Done, what: str) -> Any:  # noqa: ANN401 - as pydantic's own
    """Documents of one kind: one a line, or all in an array, as versions of Compose before 2.21 write them."""
    text = done.out.strip()
    try:
        rows = (
            json.loads(text or "[]") if text[:1] in {"", "[", "n"} else [json.loads(row) for row in text.splitlines()]
        )
        return TypeAdapter(kind).validate_python(rows or ())
    except (ValueError, ValidationError):
        raise IntegrationError(f"`{what}` answered something else than expected.") from None


def _worker(found: _Container, load: _Load | None) -> Worker:
    healthy = found.health in {"", "healthy", "starting"}  # while it starts, Docker has not asked it yet; we do
    status = found.status if found.status != "running" else "online" if healthy else found.health
    return Worker(
        id=found.number,
        pid=found.pid,
        status=status,
        mode="container",
        restarts=found.restarts,
        started_at=found.started_at if found.pid else None,
        memory=_bytes(load.memory.partition("/")[0].strip()) if load else None,
        cpu=float(load.cpu.rstrip("%")) if load and load.cpu[:1].isdecimal() else None,
        hostname=found.hostname,
    )


def _bytes(text: str) -> int | None:
    """`49.3MiB` as a number; None when it is written another way."""
    number = text.rstrip("BKMGTikmgt")
    factor = _UNITS.get(text[len(number) :])
    return int(float(number) * factor) if factor and number.replace(".", "", 1).isdecimal() else None


INTEGRATION = Integration(
    name="docker_compose", config=Config, build=DockerCompose, provides=(Processes, Supervisor, Logs, LogSearch)
)
