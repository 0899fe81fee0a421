"""The web server's access log, searched on its host: the file that is written now, then what it was rotated to."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from bot.core.access_log import AccessLog, Entry, Request, Traffic
from bot.core.duration import Duration
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host
from bot.core.search import File, Finder, Pattern

_ALL = 1_000_000  # lines: as many as there is room for
_MILLIS = 1e11  # a time in seconds is less than that, one in milliseconds more
_GENERATION = re.compile(r"(?:[.-]\d[\d._-]*)?(?:\.(?:gz|xz|zst|bz2))?")
_NOT_UNPACKED = (".xz", ".zst", ".bz2")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMBINED = re.compile(
    r"(?P<address>[^\s,]+).*?"  # a user may be called anything, but for a quote
    r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*+)" (?P<status>\d{3})(?!\d)'
)
_TOOK = re.compile(r"[ =\"](\d{1,6}\.\d{3})\"?\s*$")
"""nginx's $request_time where it is the last of a line: seconds, with milliseconds."""
_WORDS = re.compile(r"(?P<method>[A-Z]{3,20}) (?P<path>[^\s?]+)")
_NAMES = {
    "address": ("remote_addr", "client_ip", "client", "ip"),
    "at": ("time_iso8601", "time", "timestamp", "@timestamp", "msec"),
    "request": ("request",),
    "method": ("request_method", "method"),
    "path": ("request_uri", "uri", "path", "url"),
    "status": ("status",),
    "took": ("request_time",),
}
"""What formats in JSON call the parts of a request; the first one that is there counts."""


class Config(IntegrationConfig):
    """The access log of the web server in front of the service: combined, or one JSON object a line."""

    path: str = Field(
        title="Path", pattern="^/", description="The file that is written now, such as /var/log/nginx/access.log."
    )
    timeout: Duration = Field(
        "20s", validate_default=True, title="Timeout", description="How long a search may take in all."
    )


class AccessLogFiles:
    """Files that the bot may read; a missing or closed one is an error, never an empty log."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._path = config.path
        self._within = config.timeout
        self._finder = Finder(host)

    async def newest(self, *, since: datetime, wanted: Pattern | None = None, count: int = _ALL) -> Traffic:
        """See `AccessLog`. Older files are searched until there is enough, or the time is over."""
        if wanted:
            await self._finder.check(wanted)
        files = [file for file in await self._finder.generations(self._path) if self._is_generation(file)]
        ends = time.monotonic() + self._within.total_seconds()
        recent = [file for file in files if file.changed_at >= since.replace(microsecond=0)]
        entries: list[Entry] = []
        left_out: list[str] = []
        for number, file in enumerate(recent, 1):
            if file.path.endswith(_NOT_UNPACKED):
                left_out += [f"I do not unpack {file.name}", *_unsearched(recent[number:])]
                return _traffic(entries, since, left_out, complete_from=_oldest(entries))
            left = timedelta(seconds=max(ends - time.monotonic(), 0.01))
            try:
                found = await self._finder.newest(file, count - len(entries), wanted=wanted, within=left)
            except OutcomeUnknown as error:
                if not entries:
                    raise
                left_out += [
                    f"{file.name} was not searched: {str(error).removesuffix('.')}",
                    *_unsearched(recent[number:]),
                ]
                return _traffic(entries, since, left_out, complete_from=_oldest(entries))
            if found.fault and not found.lines and not entries:
                raise IntegrationError(f"{file.path} cannot be read: {found.fault}.")
            entries[:0] = [Entry(line, _request(line)) for line in found.lines]
            left_out += [f"{file.name}: {found.fault}"] if found.fault else []
            oldest = _oldest(entries)
            if oldest and oldest < since:
                return _traffic(entries, since, left_out, complete_from=since)
            if len(entries) >= count or not found.is_all:
                left_out += [*filter(None, [found.left_out]), *_unsearched(recent[number:])]
                return _traffic(entries, since, left_out, complete_from=oldest)
        begins = since if len(recent) < len(files) else await self._beginning(files[-1])
        return _traffic(entries, since, left_out, complete_from=begins)

    async def ping(self) -> str:
        """When the last line came."""
        there, fault = await self._finder.files(self._path)
        if self._path not in there:
            raise IntegrationError(f"{self._path} cannot be read: {fault}.")
        last = await self._finder.newest(there[self._path], 1)
        if last.fault:
            raise IntegrationError(f"{self._path} cannot be read: {last.fault}.")
        return f"{self._path} was last written {there[self._path].changed_at:%Y-%m-%d %H:%M:%S} UTC"

    def _is_generation(self, file: File) -> bool:
        return _GENERATION.fullmatch(file.path.removeprefix(self._path)) is not None

    async def _beginning(self, file: File) -> datetime | None:
        """When the oldest line was written."""
        requests = (_request(line) for line in await self._finder.oldest(file))
        return next((request.at for request in requests if request), None)


def _unsearched(files: Iterable[File]) -> Iterator[str]:
    return (f"{file.name} was not searched" for file in files)


def _oldest(entries: Iterable[Entry]) -> datetime | None:
    return next((entry.request.at for entry in entries if entry.request), None)


def _traffic(
    entries: Iterable[Entry], since: datetime, left_out: Iterable[str], *, complete_from: datetime | None
) -> Traffic:
    """Those of `entries` that were written since then; one without a time is as old as the one before it."""
    kept: list[Entry] = []
    is_recent = True
    for entry in entries:
        is_recent = entry.request.at >= since if entry.request else is_recent
        if is_recent:
            kept.append(entry)
    return Traffic(tuple(kept), complete_from, "; ".join(left_out))


def _request(line: str) -> Request | None:
    return _from_json(line) if line.startswith("{") else _from_combined(line)


def _from_combined(line: str) -> Request | None:
    match = _COMBINED.match(line)
    if match is None or match["month"] not in _MONTHS:
        return None
    day = f"{match['year']}-{_MONTHS.index(match['month']) + 1:02}-{match['day']}T{match['clock']}{match['zone']}"
    at = _moment(day)
    if at is None:
        return None
    took = _TOOK.search(line)
    return Request(
        at, match["address"], *_asked(match["request"]), int(match["status"]), float(took[1]) if took else None
    )


def _from_json(line: str) -> Request | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    at, status = _moment(_first(fields, "at")), _first(fields, "status")
    address = _first(fields, "address").partition(",")[0]
    if at is None or not address or not re.fullmatch(r"\d{3}", status):
        return None
    asked = _first(fields, "request") or f"{_first(fields, 'method')} {_first(fields, 'path')}"
    took = _first(fields, "took")
    return Request(
        at, address, *_asked(asked), int(status), float(took) if re.fullmatch(r"\d{1,6}\.\d+", took) else None
    )


def _first(fields: Mapping[str, Any], part: str) -> str:
    return next((str(fields[name]) for name in _NAMES[part] if name in fields), "")


def _asked(request: str) -> tuple[str, str]:
    """Method and path; what is no HTTP, as scanners send it, has neither."""
    match = _WORDS.match(request)
    return (match["method"], match["path"]) if match else ("", "(no HTTP)")


def _moment(written: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{10,13}(\.\d+)?", written):
            seconds = float(written)
            return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLIS else seconds, UTC)
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


INTEGRATION = Integration("access_log", Config, AccessLogFiles, provides=(AccessLog,))
