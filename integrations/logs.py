"""The service's logs: the files that its process manager writes, read and searched by the tools of their host."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import Field

from bot.core.duration import Duration
from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.log_search import LogLine, LogSearch, Matches
from bot.core.ports import Host, Logs, LogTail, Processes
from bot.core.search import File, Finder, Pattern

_AT_ONCE = 4  # files
_MOST = 20_000  # lines of one file that match
_EARLIER = 200  # lines to look back for the time of a line that has none, such as one of a stack trace
_EPOCH = datetime.fromtimestamp(0, UTC)
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?"
_STAMP = re.compile(rf'^\W?(?P<front>{_ISO})|"(?:time|timestamp|@timestamp|ts)"\s*:\s*"?(?P<field>{_ISO}|\d{{13}})')


class Config(IntegrationConfig):
    """How long the logs are searched."""

    timeout: Duration = Field(
        "20s", validate_default=True, title="Timeout", description="How long a search may take in each file."
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one log gave, oldest first; `left_out` says what was not read, `fault` why nothing was.

    Nothing is missing from `complete_from` on; `is_cut` when that is so because there was too much.
    """

    lines: tuple[LogLine, ...] = ()
    left_out: tuple[str, ...] = ()
    fault: str = ""
    complete_from: datetime | None = None
    is_cut: bool = False


class FileLogs:
    """Merges the files by the time in their lines; a line without one belongs to the line before it."""

    def __init__(self, config: Config, *, processes: Processes, host: Host) -> None:
        self._within = config.timeout
        self._processes = processes
        self._finder = Finder(host)

    async def tail(self, count: int, *, errors_only: bool = False, containing: str = "") -> LogTail:
        """See `Logs`. Without `containing` only as much is read as `count` lines take."""
        wanted = Pattern(containing) if containing else None
        parts = await self._each(lambda path: self._newest(path, count, wanted), errors_only=errors_only)
        lines = sorted((line for part in parts for line in part.lines), key=_moment)
        return LogTail(lines=tuple(line.text for line in lines[-count:]), left_out=_left_out(parts))

    async def matching(self, wanted: Pattern, *, since: datetime) -> Matches:
        """See `LogSearch`."""
        await self._finder.check(wanted)
        parts = await self._each(lambda path: self._since(path, wanted, since))
        lines = (line for part in parts for line in part.lines if line.at is None or line.at >= since)
        cuts = [part.complete_from for part in parts if part.is_cut]
        begins = [part.complete_from for part in parts if part.complete_from and not part.is_cut]
        known = [*(at for at in cuts if at), *([min(begins)] if begins else [])]
        return Matches(
            lines=tuple(sorted(lines, key=_moment)),
            complete_from=None if None in cuts else max(known, default=None),
            left_out=_left_out(parts),
        )

    async def ping(self) -> str:
        """Which files there are."""
        files = await self._processes.log_files()
        there, _ = await self._finder.files(*(file.path for file in files))
        return f"{len(there)} of {len(files)} log files are there"

    async def _each(self, read: Callable[[str], Awaitable[_Part]], *, errors_only: bool = False) -> Sequence[_Part]:
        """What `read` gives for each log, a few at a time; an error when it gives nothing for any of them."""
        files = [file for file in await self._processes.log_files() if file.errors or not errors_only]
        if not files:
            raise IntegrationError("The process manager names no log file.")
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(path: str) -> _Part:
            async with turn:
                try:
                    return await read(path)
                except IntegrationError as error:
                    return _Part(fault=f"{_name(path)} could not be searched ({error})")

        parts = await asyncio.gather(*(one(file.path) for file in files))
        if all(part.fault for part in parts):
            raise IntegrationError(f"No log could be read: {'; '.join(part.fault for part in parts)}.")
        return parts

    async def _newest(self, path: str, count: int, wanted: Pattern | None) -> _Part:
        """The last lines of a file, and of the one that it was rotated to where that is the newer or needed one."""
        there, fault = await self._finder.files(path, _rotated(path))
        file, rotated = there.get(path), there.get(_rotated(path))
        only = file or rotated
        if only is None:
            return _Part(fault=f"{_name(path)} cannot be read ({fault})")
        if rotated is None or file is None:
            part = await self._last(only, count, wanted)
            moved = f"{_name(path)} was moved to {_name(_rotated(path))}"
            return part if file else replace(part, left_out=(*part.left_out, moved))
        found = await self._last(file, count, wanted)
        if found.fault or (len(found.lines) >= count and rotated.changed_at < file.changed_at):
            return found
        earlier = await self._last(rotated, count, wanted)
        read_too = earlier.fault or f"{rotated.name} was read too"
        return _Part((*earlier.lines, *found.lines), (*earlier.left_out, *found.left_out, read_too))

    async def _last(self, file: File, count: int, wanted: Pattern | None) -> _Part:
        found = await self._finder.newest(
            file, count if wanted else count + _EARLIER, wanted=wanted, within=self._within
        )
        if found.fault and not found.lines:
            return _Part(fault=f"{file.name} cannot be read ({found.fault})")
        lines = _dated(found.lines)
        at = next((line.at for line in lines if line.at), file.changed_at)  # of lines in front of the first dated one
        for number, line in enumerate(lines):
            at = line.at or at
            lines[number] = replace(line, at=at)
        told = (found.left_out if len(lines) < count else "", found.fault and f"{file.name}: {found.fault}")
        return _Part(tuple(lines[-count:]), tuple(filter(None, told)))

    async def _since(self, path: str, wanted: Pattern, since: datetime) -> _Part:
        """What matches in a file and the one that it was rotated to, as far as they were written to since then."""
        there, fault = await self._finder.files(path, _rotated(path))
        if not there:
            return _Part(fault=f"{_name(path)} cannot be read ({fault})")
        parts = [
            await self._matching(file, wanted)
            for name in (_rotated(path), path)
            if (file := there.get(name)) and file.changed_at >= since.replace(microsecond=0)
        ]
        faults = tuple(part.fault for part in parts if part.fault)
        if faults and len(faults) == len(parts):
            return _Part(fault="; ".join(faults))
        lines = tuple(line for part in parts for line in part.lines)
        left_out = (*faults, *(words for part in parts for words in part.left_out))
        if cuts := [part for part in parts if part.is_cut]:
            return _Part(lines, left_out, complete_from=cuts[-1].complete_from, is_cut=True)
        begins = parts[0].complete_from if len(parts) == len(there) else since
        return _Part(lines, left_out, complete_from=begins)

    async def _matching(self, file: File, wanted: Pattern) -> _Part:
        found = await self._finder.newest(file, _MOST, wanted=wanted, within=self._within)
        fault = found.fault and f"{file.name} cannot be read ({found.fault})"
        if fault and not found.lines:
            return _Part(fault=fault, is_cut=True)
        lines = _dated(found.lines)
        if found.is_all:
            start = _dated(await self._finder.oldest(file))
            return _Part(tuple(lines), complete_from=next((line.at for line in start if line.at), None))
        told = fault or found.left_out or f"of {file.name} only the newest {len(lines):,} lines that match were read"
        oldest = None if fault else next((line.at for line in lines if line.at), None)
        return _Part(tuple(lines), (told,), complete_from=oldest, is_cut=True)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _rotated(path: str) -> str:
    return f"{path}.1"


def _left_out(parts: Iterable[_Part]) -> str:
    faults = [part.fault for part in parts if part.fault]
    return "; ".join((*faults, *(words for part in parts for words in part.left_out)))


def _moment(line: LogLine) -> datetime:
    return line.at or _EPOCH


def _dated(lines: Iterable[str]) -> list[LogLine]:
    return [LogLine(text, _stamp(text)) for text in lines]


def _stamp(line: str) -> datetime | None:
    """The time in a line; UTC where it names no zone."""
    match = _STAMP.search(line)
    if match is None:
        return None
    written = match["front"] or match["field"]
    if written.isdecimal():
        return datetime.fromtimestamp(int(written) / 1000, UTC)
    try:
        at = datetime.fromisoformat(written.replace(",", "."))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


INTEGRATION = Integration(name="logs", config=Config, build=FileLogs, provides=(Logs, LogSearch), always=True)
