"""The folder where backups land, judged by age, size and whether the archive is whole; and what makes a new one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import PurePosixPath

from pydantic import Field

from bot.core.backups import BackupMaker, Proof, Room
from bot.core.duration import Duration
from bot.core.errors import Conflict, IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Backup, Backups, Done, Host
from bot.core.run_as import READ, Account, check, output, said

_WHOLE = timedelta(seconds=60)
_NOT_RUN = frozenset({126, 127})  # what a shell or `env` says when a program is not there
_BAD_ENTRY = re.compile(r"^(.*?) +(?:bad CRC|error)", re.MULTILINE)
# Names of what is hidden or still being written.
_FINISHED = ("!", "-name", ".*", "!", "-name", "*.part", "!", "-name", "*.tmp")


class Config(IntegrationConfig):
    """Where the service's backups are, and what makes them."""

    folder: str = Field(title="Folder", pattern="^/", description="Absolute path of the folder.")
    pattern: str = Field("*", min_length=1, title="Pattern", description="Names of backups, such as `*.sql.gz`.")
    read_limit: int = Field(
        256 * 1024 * 1024,
        ge=0,
        title="Read limit",
        description="Bytes up to which the newest backup is read as a whole; of larger ones only the beginning.",
    )
    script: str = Field(
        "", title="Script", pattern="^(/.*)?$", description="Absolute path of what makes a backup; empty for none."
    )
    cwd: str = Field(
        "",
        title="Script's folder",
        pattern="^(/.*)?$",
        description="Where it runs; empty for the folder above its own.",
    )
    path: str = Field("", title="Path", description="PATH for it; empty for the host's own.")
    run_as: str = Field(
        "",
        title="Run as",
        pattern=r"^([a-z_][a-z0-9_-]*)?$",
        description="User who makes and reads backups, reached by `sudo -n`; empty when the bot is that user.",
    )
    timeout: Duration = Field(
        "1h", validate_default=True, title="Timeout", description="How long it is waited for; it is never ended."
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of archive: its first bytes in hex, what it is without them, and what reads it to its end."""

    begins: str
    not_one: str
    reads: tuple[str, ...]


_GZIP = _Kind("1f8b", "it is no gzip file", ("gzip", "-t", "--"))
_KINDS: Mapping[str, _Kind] = {
    ".gz": _GZIP,
    ".tgz": _GZIP,
    ".dump": _Kind("5047444d50", "it is no dump of pg_dump", ("pg_restore", "-l")),
    ".zip": _Kind("", "it is no whole zip file", ("unzip", "-tqq")),
}
_LIST_ZIP = ("unzip", "-lqq")


class BackupFolder:
    """Files that are hidden or still being written (`.part`, `.tmp`) are no backups yet."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._config = config
        self._host = host
        self._account = Account(host, config.run_as)
        self._cwd = config.cwd or str(PurePosixPath(config.script).parent.parent)
        self._lock = f"/tmp/opsbot-backup-{sha256(config.folder.encode()).hexdigest()[:12]}.lock"  # noqa: S108 - a lock file

    @property
    def argv(self) -> tuple[str, ...]:
        """See `BackupMaker`."""
        return (self._config.script,) if self._config.script else ()

    @property
    def timeout(self) -> timedelta:
        """See `BackupMaker`."""
        return self._config.timeout

    async def newest(self, count: int = 14) -> tuple[Backup, ...]:
        """See `Backups`. Only the newest one is read to its end."""
        found = (await self._find(*_FINISHED, "-name", self._config.pattern))[:count]
        whole = [index == 0 and each.size <= self._config.read_limit for index, each in enumerate(found)]
        faults = await asyncio.gather(*(self._fault(*each) for each in zip(found, whole, strict=True)))
        return tuple(
            Backup(each.path, each.size, each.made_at, fault) for each, fault in zip(found, faults, strict=True)
        )

    async def ping(self) -> str:
        """How many backups there are, and that the script may be run."""
        for script in self.argv:
            if (await self._account.run(("test", "-x", script))).code:
                raise IntegrationError(f"{script} is not there or may not be run.")
        return f"{len(await self.newest())} backups in {self._config.folder}"

    async def now(self) -> datetime:
        """See `BackupMaker`."""
        return datetime.fromtimestamp(int(output(await self._account.run(("date", "+%s")), "date")), UTC)

    async def make(self) -> str:
        """See `BackupMaker`."""
        config = self._config
        if not self.argv:
            raise Conflict("No script is configured that makes a backup.", hint="Set backups.script.")
        env = {"PATH": config.path} if config.path else {}
        done = await self._account.run(self.argv, within=config.timeout, cwd=self._cwd, env=env, lock=self._lock)
        check(done, config.script)
        return f"{config.script} ended with 0 and said: {said(done) or 'nothing'}"

    async def holder(self) -> str:
        """See `BackupMaker`."""
        return await self._account.holder(self._lock)

    async def written(self, since: datetime) -> int:
        """See `BackupMaker`."""
        return sum(each.size for each in await self._find("-newermt", f"@{since.timestamp():.0f}"))

    async def room(self) -> Room:
        """See `BackupMaker`."""
        done = await self._account.run(("stat", "-f", "-c", "%a %S %d %c", self._config.folder))
        blocks, block, inodes, all_inodes = (int(word) for word in output(done, "stat").split())
        return Room(blocks * block, inodes if all_inodes else None)  # some file systems make inodes as they go

    async def prove(self, path: str) -> Proof:
        """See `BackupMaker`."""
        kind = _KINDS.get(PurePosixPath(path).suffix)
        if kind is None:
            return Proof("")
        return Proof(" ".join(kind.reads).removesuffix(" --"), await self._damage(path, kind))

    async def _find(self, *tests: str) -> list[Backup]:
        """Files of the folder, the newest first."""
        argv = ("find", "-L", self._config.folder, "-mindepth", "1", "-maxdepth", "1", "-ignore_readdir_race")
        out = output(await self._account.run((*argv, "-type", "f", *tests, "-printf", r"%T@ %s %p\0")), "find")
        rows = [row.split(" ", 2) for row in out.split("\0") if row]
        files = [Backup(path, int(size), datetime.fromtimestamp(float(at), UTC)) for at, size, path in rows]
        return sorted(files, key=lambda each: each.made_at, reverse=True)

    async def _fault(self, file: Backup, whole: bool) -> str:  # noqa: FBT001 - called by position only
        """Why the file cannot be a backup, by what its name says that it is; empty when nothing speaks against it."""
        if file.size == 0:
            return "it is empty"
        suffix = PurePosixPath(file.path).suffix
        kind = _KINDS.get(suffix)
        if kind is None:
            return ""
        if not kind.begins and not whole:  # the list of what is in it comes at its end
            return kind.not_one if (await self._tried((*_LIST_ZIP, file.path))).code else ""
        if kind.begins:
            head = output(await self._account.run(("od", "-An", "-tx1", "-N8", "--", file.path)), "od")
            if not "".join(head.split()).startswith(kind.begins):
                return kind.not_one
        return await self._damage(file.path, kind) if whole and suffix != ".dump" else ""

    async def _damage(self, path: str, kind: _Kind) -> str:
        """What the tool that reads such archives says of it."""
        done = await self._tried((*kind.reads, path), within=max(_WHOLE, self._config.timeout))
        if done.code == 0:
            return ""
        if entry := _BAD_ENTRY.search(done.out):
            return f"{entry[1].strip()} in it is damaged"
        return kind.not_one if not kind.begins else "it is damaged or cut short"

    async def _tried(self, argv: Sequence[str], *, within: timedelta = READ) -> Done:
        """A test that was run, whatever it found."""
        done = await self._account.run(argv, within=within)
        if done.code in _NOT_RUN or done.code < 0:
            raise IntegrationError(f"{argv[0]} could not be run on {self._host.name}: {said(done)}")
        return done


INTEGRATION = Integration(name="backups", config=Config, build=BackupFolder, provides=(Backups, BackupMaker))
