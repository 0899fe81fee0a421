"""What plans say of the workers that they will touch."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.ports import Worker
from bot.core.prose import Bold, Line


def mode_of(workers: Sequence[Worker]) -> str:
    """`cluster` or `fork`, both when they differ, `no` without workers."""
    return "/".join(sorted({worker.mode.removesuffix("_mode") for worker in workers})) or "no"


def online(workers: Sequence[Worker]) -> tuple[Worker, ...]:
    """Those that run."""
    return tuple(worker for worker in workers if worker.status == "online" and worker.pid)


def summary(workers: Sequence[Worker]) -> str:
    """How many there are, with their pids and mode."""
    pids = ", ".join(str(worker.pid) for worker in workers)
    return f"{len(workers)} ({pids}), in {mode_of(workers)} mode"


def gap_while_replaced(workers: Sequence[Worker]) -> tuple[Line, ...]:
    """A warning when a reload will refuse requests: only in cluster mode one of two serves while the other goes."""
    up = online(workers)
    if mode_of(workers) == "cluster" and len(up) > 1:
        return ()
    there = f"{len(up)} of {len(workers)} workers are online, in {mode_of(workers)} mode."
    return ((Bold("Requests will be refused while it reloads: "), there),)
