"""The folder where backups land, judged by age, size and whether the archive is whole."""

from __future__ import annotations

import asyncio
import gzip
import zipfile
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Backup, Backups

_CHUNK = 1024 * 1024


class Config(IntegrationConfig):
    """Where the service's backups are."""

    folder: str = Field(title="Folder", pattern="^/", description="Absolute path of the folder.")
    pattern: str = Field("*", min_length=1, title="Pattern", description="Names of backups, such as `*.sql.gz`.")
    read_limit: int = Field(
        256 * 1024 * 1024,
        ge=0,
        title="Read limit",
        description="Bytes up to which the newest backup is read as a whole; of larger ones only the beginning.",
    )


class BackupFolder:
    """Files that are hidden or still being written (`.part`, `.tmp`) are no backups yet."""

    def __init__(self, config: Config) -> None:
        self._folder = Path(config.folder)
        self._pattern = config.pattern
        self._read_limit = config.read_limit

    async def newest(self, count: int = 14) -> tuple[Backup, ...]:
        """See `Backups`. Only the newest one is read to its end."""
        try:
            return await asyncio.to_thread(self._newest, count)
        except OSError as error:
            raise IntegrationError(f"{self._folder} cannot be read: {error.strerror}.") from error

    async def ping(self) -> str:
        """How many backups there are."""
        return f"{len(await self.newest())} backups in {self._folder}"

    def _newest(self, count: int) -> tuple[Backup, ...]:
        next(self._folder.iterdir(), None)  # raises where glob would find nothing
        files = [path for path in self._folder.glob(self._pattern) if path.is_file() and not _unfinished(path)]
        dated = sorted(((path.stat(), path) for path in files), key=lambda pair: pair[0].st_mtime, reverse=True)
        return tuple(
            Backup(
                path=str(path),
                size=stat.st_size,
                made_at=datetime.fromtimestamp(stat.st_mtime, UTC),
                fault=_fault(path, whole=index == 0 and stat.st_size <= self._read_limit),
            )
            for index, (stat, path) in enumerate(dated[:count])
        )


def _unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix in {".part", ".tmp"}


def _fault(path: Path, *, whole: bool) -> str:
    """Why the file cannot be a backup, by what its name says that it is; empty when nothing speaks against it."""
    if path.stat().st_size == 0:
        return "it is empty"
    check = _CHECKS.get(path.suffix)
    return check(path, whole) if check else ""


def _gzip_fault(path: Path, whole: bool) -> str:  # noqa: FBT001 - called by position only, through the table
    if _head(path, 2) != b"\x1f\x8b":
        return "it is no gzip file"
    if not whole:
        return ""
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return "it is damaged or cut short"
    return ""


def _zip_fault(path: Path, whole: bool) -> str:  # noqa: FBT001 - see _gzip_fault
    try:
        with zipfile.ZipFile(path) as file:
            bad = file.testzip() if whole else None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return "it is no whole zip file"
    return f"{bad} in it is damaged" if bad else ""


def _dump_fault(path: Path, _whole: bool) -> str:  # noqa: FBT001 - see _gzip_fault
    return "" if _head(path, 5) == b"PGDMP" else "it is no dump of pg_dump"


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


_CHECKS: Mapping[str, Callable[[Path, bool], str]] = {
    ".gz": _gzip_fault,
    ".tgz": _gzip_fault,
    ".zip": _zip_fault,
    ".dump": _dump_fault,
}

INTEGRATION = Integration(name="backups", config=Config, build=BackupFolder, provides=(Backups,))
