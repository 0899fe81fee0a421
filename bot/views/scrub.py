"""Secrets taken out of a result before it is shown: afterwards they may stand there cut in half, or escaped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from typing import TypeVar, cast

from bot.core.leaks import mask_emails
from bot.core.results import LogLines

T = TypeVar("T")


def scrubbed(value: T, redact: Callable[[str], str]) -> T:
    """`value` with every text in it redacted, however deep it lies; log lines lose addresses of people too."""
    return cast("T", _scrubbed(value, redact))


def _scrubbed(value: object, redact: Callable[[str], str]) -> object:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, LogLines) and value.lines:
        # together, since a private key goes over many lines
        lines = mask_emails(redact("\n".join(value.lines))).split("\n")
        value = dataclasses.replace(value, lines=tuple(lines))
    if isinstance(value, tuple):
        return tuple(_scrubbed(item, redact) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _scrubbed(getattr(value, field.name), redact) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
