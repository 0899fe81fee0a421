"""A host's PATH with some of its tools only: one that has rg, and one that has grep alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

_TOOLS = ("cat", "env", "find", "grep", "gzip", "head", "stat", "tail")


def with_tools(folder: Path, *, searching: str) -> str:
    """A PATH on which `rg` is found only when it is what is used for `searching`; skips where there is none."""
    folder.mkdir()
    for name in (*_TOOLS, *(("rg",) if searching == "rg" else ())):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"no {name} on this machine")
        (folder / name).symlink_to(found)
    return str(folder)


def slow_on_files(folder: Path) -> None:
    """Put tools into `folder` that search what they are piped, and never come to an end with a file."""
    for name in ("rg", "grep"):
        tool = folder / name
        if tool.is_symlink():
            real = tool.readlink()
            tool.unlink()
            tool.write_text(f'#!/bin/sh\ncase "$*" in *" -" | *version) exec {real} "$@";; esac\nexec /bin/sleep 60\n')
            tool.chmod(0o755)
