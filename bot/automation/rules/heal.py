"""Bring dead workers back."""

from __future__ import annotations

from bot.automation.rule import Rule, RuleSettings, Seen, Want
from bot.core.plan import Call
from bot.core.ports import Processes, Worker
from bot.core.processes import GIVEN_UP
from bot.operations.workers import online

_STOPPED = frozenset({"stopped", "inactive", "paused", "created"})
"""What they call one that somebody stopped. By every other name they are at it still, and while it has a process:
PM2 calls one so in between where it starts it again and again, which is all that could be done here.
"""


async def want(seen: Seen, _settings: RuleSettings, *, processes: Processes) -> Want | None:
    """Bring back workers that the process manager has given up: `reset`, or `restart` where none is left."""
    check = seen.failing("Workers", "Worker restarts")
    if check is None:
        return None
    workers = await processes.workers()
    up = online(workers)
    away = [worker for worker in workers if worker not in up]
    if not away or any(_is_at_it(worker) for worker in away):
        return None
    others = [worker for worker in away if worker.status in _STOPPED]
    told = ", ".join(f"worker {worker.id} is {worker.status}" for worker in away)
    return Want(
        problem=f"{check} since {seen.begun(check).isoformat()}",
        check=check,
        call=Call(("reset",) if up else ("restart",)),
        why=f"{len(up)} of {len(workers)} workers are online, {told}; {seen.looks(check)}",
        held=f"worker {others[0].id} is {others[0].status}, which is not what a crash leaves behind" if others else "",
    )


def _is_at_it(worker: Worker) -> bool:
    """Whether the process manager does something about it by itself."""
    return worker.status not in GIVEN_UP and (worker.status not in _STOPPED or bool(worker.pid))


RULE = Rule("heal", RuleSettings, want)
