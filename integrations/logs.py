"""The service's logs, read from the end of the files that its process manager writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import LogFile, Logs, LogTail, Processes

_BLOCK = 64 * 1024
_LONGEST = 2000  # characters of a line that are kept
_EARLIER = 200  # lines to look back for the time of a line that has none, such as one of a stack trace
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?"
_STAMP = re.compile(rf'^\W?(?P<front>{_ISO})|"(?:time|timestamp|@timestamp|ts)"\s*:\s*"?(?P<field>{_ISO}|\d{{13}})')


class Config(IntegrationConfig):
    """How much of the logs is searched."""

    scan_limit: int = Field(
        64 * 1024 * 1024, gt=0, title="Scan limit", description="Bytes of each file that a search reads, from its end."
    )


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class _File:
    """What one file gave: lines oldest first; `left_out` says what was not read, `fault` why nothing was."""

    lines: tuple[_Line, ...]
    left_out: tuple[str, ...] = ()
    fault: str = ""


class FileLogs:
    """Merges the files by the time in their lines; a line without one belongs to the line before it."""

    def __init__(self, config: Config, *, processes: Processes) -> None:
        self._limit = config.scan_limit
        self._processes = processes

    async def tail(self, count: int, *, errors_only: bool = False, containing: str = "") -> LogTail:
        """See `Logs`. Without `containing` only as much is read as `count` lines take."""
        files = [file for file in await self._processes.log_files() if file.errors or not errors_only]
        if not files:
            raise IntegrationError("The process manager names no log file.")
        return await asyncio.to_thread(self._tail, files, count, containing.casefold())

    async def ping(self) -> str:
        """Which files there are."""
        files = await self._processes.log_files()
        there = await asyncio.to_thread(lambda: [file for file in files if Path(file.path).exists()])
        return f"{len(there)} of {len(files)} log files are there"

    def _tail(self, files: Sequence[LogFile], count: int, wanted: str) -> LogTail:
        read = [self._read(Path(file.path), count, wanted) for file in files]
        lines = sorted((line for file in read for line in file.lines), key=lambda line: line.at)
        faults = [file.fault for file in read if file.fault]
        if len(faults) == len(files):
            raise IntegrationError(f"No log could be read: {'; '.join(faults)}.")
        left_out = [*faults, *(words for file in read for words in file.left_out)]
        return LogTail(lines=tuple(line.text for line in lines[-count:]), left_out="; ".join(left_out))

    def _read(self, path: Path, count: int, wanted: str) -> _File:
        """The last lines of a file, and of the one that it was rotated to where that is the newer or needed one."""
        rotated = path.with_name(f"{path.name}.1")
        try:
            if not path.exists() and rotated.exists():
                return _with_note(self._scan(rotated, count, wanted), f"{path.name} was moved to {rotated.name}")
            found = self._scan(path, count, wanted)
            if not rotated.exists() or (len(found.lines) >= count and rotated.stat().st_mtime < path.stat().st_mtime):
                return found
            earlier = self._scan(rotated, count, wanted)
        except OSError as error:
            return _File((), fault=f"{path.name} cannot be read ({error.strerror})")
        merged = _File((*earlier.lines, *found.lines), (*earlier.left_out, *found.left_out))
        return _with_note(merged, f"{rotated.name} was read too")

    def _scan(self, path: Path, count: int, wanted: str) -> _File:
        at = path.stat().st_mtime  # of lines that no dated one follows
        cut: list[str] = []
        found: list[_Line] = []
        undated: list[str] = []
        for line in _lines(path, self._limit, cut):
            stamp = _stamp(line)
            undated.append(line)
            if stamp is None and len(undated) < count + _EARLIER:
                continue
            at = at if stamp is None else stamp
            found += [_Line(text, at) for text in undated if wanted in text.casefold()]
            undated.clear()
            if len(found) >= count:
                break
        found += [_Line(text, at) for text in undated if wanted in text.casefold()]
        return _File(tuple(reversed(found[:count])), tuple(cut))


def _with_note(file: _File, note: str) -> _File:
    return _File(file.lines, (*file.left_out, note))


def _lines(path: Path, limit: int, cut: list[str]) -> Iterator[str]:
    """The lines of a file, newest first, from its last `limit` bytes; says in `cut` when there are more."""
    with path.open("rb") as file:
        position = size = file.seek(0, 2)
        rest: list[bytes] = []  # of a line whose beginning was not read yet, in the order of reading
        while position > 0 and size - position < limit:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            block = file.read(step)
            if position + step == size:
                block = block.removesuffix(b"\n")
            head, newline, after = block.partition(b"\n")
            if newline:
                yield from (_clean(line) for line in reversed((after + b"".join(reversed(rest))).split(b"\n")))
                rest.clear()
            rest.append(head)
        if position > 0:
            cut.append(f"{path.name} was searched in its last {limit // 1024} KiB only")
        elif rest:
            yield _clean(b"".join(reversed(rest)))


def _clean(raw: bytes) -> str:
    """The line as text: no colours, no control characters, not longer than is read by people."""
    text = _CONTROL.sub("", _ANSI.sub("", raw.decode(errors="replace").rstrip("\r")))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST} more characters)"


def _stamp(line: str) -> float | None:
    """The time in a line as seconds since 1970; UTC where it names no zone."""
    match = _STAMP.search(line)
    if match is None:
        return None
    written = match["front"] or match["field"]
    if written.isdecimal():
        return int(written) / 1000
    try:
        at = datetime.fromisoformat(written.replace(",", "."))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


INTEGRATION = Integration(name="logs", config=Config, build=FileLogs, provides=(Logs,), always=True)
