"""`make bench`: every figure as a JSON line on standard output, and a table on standard error."""

from __future__ import annotations

import asyncio
import sys

from tests.bench.alerts import alerts
from tests.bench.changes import blocked, engine, lost
from tests.bench.checks import checks
from tests.bench.digests import digests
from tests.bench.figures import say
from tests.bench.ground import ground
from tests.bench.groups import ack, commands, dispatch, events, memory, slow_slack, socket, start
from tests.bench.quiet import quiet
from tests.bench.record import backfill, capture
from tests.bench.report import report
from tests.bench.search import search
from tests.bench.ssh import ssh
from tests.bench.timeline import timeline

GROUPS = (
    *(ack, socket, slow_slack, dispatch, commands, events, memory, start),
    *(lost, blocked, engine, search, ssh, alerts, timeline, report, checks, digests, capture, backfill),
)
LONG = (quiet,)
"""Groups that run only when they are asked for: they take minutes of real time."""

_NAMES = {"socket": "ack", "slow_slack": "ack"}
"""Groups whose figures begin with another word than their own."""


async def main(only: str) -> int:
    """Run the groups whose figures begin with `only`; all without it."""
    first = only.partition(".")[0]
    named = [group for group in (*GROUPS, *LONG) if first == _NAMES.get(group.__name__, group.__name__)]
    groups = named if first else list(GROUPS)
    if not groups:
        words = sorted({_NAMES.get(group.__name__, group.__name__) for group in (*GROUPS, *LONG)})
        sys.stderr.write(f"There is no group {only}; there are {', '.join(words)}.\n")
        return 2
    async with ground() as shared:
        for group in groups:
            async for figure in group(shared):
                if figure.name.startswith(only):
                    say(figure)
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "")))
