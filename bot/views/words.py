"""How a state is said: a mark and the word, so that nothing hangs on colour or on a symbol alone."""

from __future__ import annotations

from enum import StrEnum

_MARKS = {
    "ok": "✓",
    "warn": "▲",
    "fail": "✗",
    "unknown": "?",
    "dry run": "◌",
    "proposed": "◌",
    "awaiting approval": "◌",
    "accepted": "✓",
    "cancelled": "∅",
    "expired": "∅",
    "outdated": "▲",
    "open": "◌",
    "queued": "◌",
    "waiting": "◌",
    "running": "▶",
    "done": "✓",
    "unverified": "?",
    "failed": "✗",
    "rolled back": "↩",
    "undone": "↩",
    "skipped": "∅",
}


def said(state: StrEnum) -> str:
    """The state as people read it, as in `✗ fail`."""
    return f"{_MARKS[state.value]} {state.value}"


def count(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
