"""PM2 that says it did one of its commands and does not: to see whether anybody notices."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def argv(skipped: str, pm2: Sequence[str]) -> tuple[str, ...]:
    """The command line of `pm2` on which `skipped` is a lie."""
    return (sys.executable, "-I", str(Path(__file__).resolve()), skipped, *pm2)


def main(skipped: str, *command: str) -> None:
    """Become PM2, unless it was asked for the one command that is skipped."""
    if skipped not in command:
        os.execvp(command[0], command)  # noqa: S606 - the argv is the demo's own
    print("[PM2] [crypto-payment-gateway](0) \u2713")  # noqa: T201 - this is what the command prints


if __name__ == "__main__":
    main(*sys.argv[1:])
