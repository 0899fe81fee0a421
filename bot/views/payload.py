"""What the views make: a message as Slack's API takes it, and a file where it is too long for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A block or a view as Slack's API takes it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file to be uploaded beside the message."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A message: `text` says the whole point in its first line, for phones and screen readers."""

    text: str
    blocks: list[Json]
    file: Attachment | None = None
