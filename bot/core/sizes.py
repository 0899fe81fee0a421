"""Sizes as people read them."""

from __future__ import annotations


def format_size(size: float) -> str:
    """Bytes in the unit that leaves few digits: `950 B`, `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - the step between units
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
