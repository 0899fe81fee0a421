"""Searching files on a host by the tools that it has: `rg` where it is there, else `grep`, never line by line here.

The newest lines are what is asked for. So the end of a file is searched first, and the whole of it only when that has
too few: a frequent word is found at once, a rare one at the speed of the tool. What people type is a text as it stands,
or a regular expression that takes time linear in the file; it follows `-e`, so that a dash in front of it is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.core.errors import IntegrationError, OutcomeUnknown, UsageError
from bot.core.ports import Done, Host

ROOM = 3 * 1024 * 1024
"""Bytes of one answer: its newest lines, and less than a host keeps of what a program writes."""

_END = 1024 * 1024  # bytes of a file that are searched first
_MISSING = 127  # what env says of a program that is not there
_FACTS = re.compile(r"(\d+) (\d+) (/.*)")
_STAT = (("stat", "-L", "-c", "%Y %s %n"), ("stat", "-L", "-f", "%m %z %N"))  # GNU's way, and that of the BSDs
_NO_OPTION = re.compile(r"(?:illegal|invalid|unrecognized) option")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST = 2000  # characters of a line that are kept
_WORD = 300  # characters of the longest word that is not cut
_ERRNO = re.compile(r" \(os error \d+\)$")
_QUICK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for: `text` as it stands, or a regular expression as rg and grep -E have it; in capitals or not."""

    text: str
    regex: bool = False

    def __post_init__(self) -> None:
        if not self.text or re.search(r"[\n\r\0]", self.text):
            raise UsageError("What to look for must be a text of one line.")


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was found; one that ends with .gz is unpacked on the way."""

    path: str
    size: int
    changed_at: datetime

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.path.rpartition("/")[2]

    @property
    def is_packed(self) -> bool:
        """Whether it has to be unpacked."""
        return self.path.endswith(".gz")


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a file, oldest first and as people read them; `is_all` when it has no more of them.

    `left_out` says what was not searched or not shown, `fault` what kept the tools from reading the file to its end.
    """

    lines: tuple[str, ...]
    is_all: bool
    left_out: str = ""
    fault: str = ""


class Finder:
    """Looks for lines in the files of one host; which tool it has is found out once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tool: tuple[str, ...] = ()

    async def files(self, *paths: str) -> tuple[Mapping[str, File], str]:
        """Those of `paths` that are there, and why the first of the others is not."""
        return await self._look((), ("--", *paths))

    async def generations(self, path: str) -> tuple[File, ...]:
        """The file at `path` and everything whose name begins with its name, what was changed last in front."""
        folder, _, name = path.rpartition("/")
        beginning = re.sub(r"([*?\[\]\\])", r"\\\1", name) + "*"
        find = ("find", "-L", folder or "/", "-maxdepth", "1", "-type", "f", "-name", beginning, "-exec")
        found, fault = await self._look(find, ("{}", "+"))
        if path not in found:  # its folder may be closed, and itself open
            found, fault = await self.files(path)
        if path not in found:
            raise IntegrationError(f"{path} cannot be read: {fault}.")
        return tuple(sorted(found.values(), key=lambda file: (file.path == path, file.changed_at), reverse=True))

    async def check(self, wanted: Pattern) -> None:
        """Refuse a regular expression that the tool does not understand."""
        if not wanted.regex:
            return
        done = await self._host.run((*await self._argv(wanted), "/dev/null"))
        if done.code > 1:
            reason = done.err.strip().rpartition("\n")[2].rpartition(": ")[2]
            raise UsageError(f"That is no regular expression: {reason}.", hint="Without --regex it is a plain text.")

    async def newest(
        self, file: File, count: int, *, wanted: Pattern | None = None, within: timedelta = _QUICK
    ) -> Found:
        """The last `count` lines of a file, of those that match where something is wanted."""
        if file.is_packed:
            filtered = ((*await self._argv(wanted), "-"),) if wanted else ()
            return await self._last((_unpack(file), *filtered), count, file=file, within=within)
        if wanted is None:
            return await self._tail(file, count, within)
        tool = await self._argv(wanted)
        end = await self._last((_end(file, _END), (*tool, "-")), count + 1, file=file, within=within)
        if len(end.lines) > count or end.fault:
            return replace(end, lines=end.lines[-count:], is_all=False)
        if file.size <= _END:
            return end
        try:
            return await self._last(((*tool, file.path),), count, file=file, within=within)
        except OutcomeUnknown as error:
            told = f"{file.name} was searched in its last {_END // 1024} KiB only: {str(error).removesuffix('.')}"
            return Found(end.lines[-count:], is_all=False, left_out=told)  # the first one may be half a line

    async def oldest(self, file: File) -> tuple[str, ...]:
        """Some lines from the beginning of a file."""
        start = _unpack(file) if file.is_packed else ("head", "-c", "65536", "--", file.path)
        done = await self._host.pipe((start, ("head", "-n", "20")), within=_QUICK)
        return _lines(done.out)

    async def _tail(self, file: File, count: int, within: timedelta) -> Found:
        done = await self._host.pipe((_end(file, ROOM), ("tail", "-n", str(count))), within=within)
        lines = _lines(done.out)
        if file.size > ROOM and len(lines) < count:
            told = f"{file.name} was read in its last {ROOM // 1024} KiB only"
            return Found(lines[1:], is_all=False, left_out=told, fault=_fault(done))
        return Found(lines, is_all=len(lines) < count, fault=_fault(done))

    async def _last(self, source: Sequence[Sequence[str]], count: int, *, file: File, within: timedelta) -> Found:
        """The last `count` lines of what `source` writes, as many of them as there is room for."""
        last = (("tail", "-n", str(count)), ("tail", "-c", str(ROOM)))
        done = await self._host.pipe((*source, *last), within=within)
        lines = _lines(done.out)
        if done.cut or len(done.out.encode()) >= ROOM:
            told = f"of {file.name} only the newest {ROOM // 1024} KiB of what was found are shown"
            return Found(lines[1:], is_all=False, left_out=told, fault=_fault(done))
        return Found(lines, is_all=len(lines) < count and not _fault(done), fault=_fault(done))

    async def _argv(self, wanted: Pattern) -> tuple[str, ...]:
        """The command line up to the file; -a, since a NUL byte in a file must not hide its lines."""
        if not self._tool:
            done = await self._host.run(("env", "rg", "--version"))
            if done.code not in {0, _MISSING}:
                raise IntegrationError(f"rg does not run on {self._host.name}: {_fault(done)}.")
            self._tool = ("grep",) if done.code else ("rg", "--no-config")
        syntax = "-F" if not wanted.regex else "-E" if self._tool[0] == "grep" else "--no-pcre2"
        return (*self._tool, "-a", "-i", syntax, "-e", wanted.text, "--")

    async def _look(self, before: Sequence[str], after: Sequence[str]) -> tuple[Mapping[str, File], str]:
        """What `stat` tells of the files that stand between."""
        for stat in _STAT:
            done = await self._host.run((*before, *stat, *after))
            if not _NO_OPTION.search(done.err):
                break
        facts = [match for line in done.out.splitlines() if (match := _FACTS.fullmatch(line))]
        files = (File(path, int(size), datetime.fromtimestamp(int(at), UTC)) for at, size, path in map(_groups, facts))
        return {file.path: file for file in files}, _fault(done)


def _groups(match: re.Match[str]) -> tuple[str, str, str]:
    return match[1], match[2], match[3]


def _end(file: File, size: int) -> tuple[str, ...]:
    return ("tail", "-c", str(size), "--", file.path)


def _unpack(file: File) -> tuple[str, ...]:
    return ("gzip", "-dc", "--", file.path)


def _lines(out: str) -> tuple[str, ...]:
    return tuple(readable(line) for line in out.removesuffix("\n").split("\n")) if out else ()


def readable(line: str) -> str:
    """No colours, no control characters, not longer than is read by people."""
    start = line[: 4 * _LONGEST].rstrip("\r")  # colours take room too, and a line may have no end
    text = _CONTROL.sub("", _ANSI.sub("", start))
    if len(text) <= _LONGEST:
        return text
    # between two words: half a secret would not be known as one
    end = max(text.rfind(mark, _LONGEST - _WORD, _LONGEST) for mark in " \"',;&") + 1 or _LONGEST
    more = len(text) - end + max(len(line) - 4 * _LONGEST, 0)
    return f"{text[:end]}… ({more} more characters)"


def _fault(done: Done) -> str:
    """What the tools complained of, without their names and the path; the tool in front of a tail has no code."""
    said = done.err.strip().partition("\n")[0]
    if not said:
        return f"exit code {done.code}" if done.code > 1 else ""
    return _ERRNO.sub("", said).rpartition(": ")[2][:200]
