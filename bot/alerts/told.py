"""What all sources have in common: one request is many alerts, and a bad one costs only itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from bot.core.alerts import Alert, Level

T = TypeVar("T")

_TITLE, _TEXT, _URL, _LABEL, _LABELS, _FINGERPRINT = 300, 2_000, 2_000, 300, 50, 255
_FAULTS = 20

_LEVELS = {
    Level.CRITICAL: {"critical", "crit", "page", "error", "high", "fatal", "emergency", "p1", "p2", "sev1", "sev2"},
    Level.INFO: {"info", "information", "informational", "low", "none", "debug", "p4", "p5", "sev4"},
}


class Malformed(Exception):
    """The request as a whole is not what its source sends; the message says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """The alerts of a request, what is wrong with those that could not be read, and what it says `besides`."""

    alerts: tuple[Alert, ...]
    faults: tuple[str, ...] = ()
    besides: tuple[Alert, ...] = ()


class Part(BaseModel):
    """Base of what is read of a payload: sources add fields as they like."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]
Name = Annotated[str, StringConstraints(min_length=1)]
Labels = Mapping[str, str | int | float | bool | None]


def each(items: object, read: Callable[[object], T]) -> tuple[list[T], tuple[str, ...]]:
    """Every item of a list that can be read, and a line on each that cannot; `Malformed` when it is no list."""
    if not isinstance(items, list):
        raise Malformed("alerts: has to be a list")
    found, faults = [], []
    for number, item in enumerate(items):
        try:
            found.append(read(item))
        except ValidationError as error:
            faults.append(f"alerts.{number}.{reason(error)}")
    more = len(faults) - _FAULTS
    return found, (*faults[:_FAULTS], *([f"and {more} more"] if more > 0 else []))


def reason(error: ValidationError) -> str:
    """Where the first fault is and what it is, without the value that is wrong."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")


def level(word: str) -> Level:
    """How bad a word says that something is; a word that says nothing is a warning."""
    return next((level for level, words in _LEVELS.items() if word.strip().lower() in words), Level.WARNING)


def make(
    source: str,
    *,
    fingerprint: str,
    group: str,
    group_title: str,
    title: str,
    level: Level,
    firing: bool,
    started_at: datetime,
    told_at: datetime | None = None,
    text: str = "",
    url: str = "",
    labels: Labels | None = None,
    acknowledged_by: str | None = None,
    dated: bool = False,
    ended_at: datetime | None = None,
) -> Alert:
    """An alert as its source tells it, with as many labels as are kept; `cleaned` brings it within our bounds."""
    kept = [(name, value) for name, value in (labels or {}).items() if value is not None]
    return Alert(
        source=source,
        fingerprint=fingerprint,
        group=group,
        group_title=group_title,
        title=title,
        level=level,
        firing=firing,
        started_at=started_at,
        told_at=told_at,
        text=text,
        url=url,
        labels={name: str(value) for name, value in kept[:_LABELS]},
        acknowledged_by=acknowledged_by,
        dated=dated,
        ended_at=ended_at,
    )


def cleaned(alert: Alert, redact: Callable[[str], str]) -> Alert:
    """The alert as it is stored: without secrets, and what is longer than there is room for is cut.

    In that order: half a secret is not known for one. A key that is long, or holds a secret, becomes its hash.
    """

    def words(text: str, most: int = _TITLE) -> str:
        return line(redact(_storable(text)), most=most)

    def key(text: str) -> str:
        text = _storable(text)
        return text if len(text) <= _FINGERPRINT and redact(text) == text else hashlib.sha256(text.encode()).hexdigest()

    return replace(
        alert,
        fingerprint=key(alert.fingerprint),
        group=key(alert.group),
        group_title=words(alert.group_title),
        title=words(alert.title),
        text=words(alert.text, _TEXT),
        url=redact(_storable(alert.url)) if len(alert.url) <= _URL else "",
        labels={words(name, _LABEL): words(value, _LABEL) for name, value in alert.labels.items()},
        acknowledged_by=alert.acknowledged_by and words(alert.acknowledged_by),
    )


def line(text: str, *, most: int = _TITLE) -> str:
    """Text in one line, cut."""
    text = re.sub(r"\s+", " ", _storable(text)).strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _storable(text: str) -> str:
    """Text without what no store holds: NUL, and lone halves of surrogate pairs, which JSON can spell."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def joined(labels: Iterable[tuple[str, object]]) -> str:
    """Labels in a line, such as `job=api, zone=eu`."""
    return ", ".join(f"{name}={value}" for name, value in labels)
