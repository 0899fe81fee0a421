"""The one way to ask what time it is, so that tests can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment as an aware datetime in UTC."""


def now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)
