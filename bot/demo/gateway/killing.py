"""Killing one worker for good: PM2 starts it again until it gives it up."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from bot.demo.gateway.commands import GatewayError, run
from bot.demo.gateway.gateway import Gateway

_LONGEST = 180.0
"""Seconds: PM2 gives up after 16 starts, each of which takes long on a busy machine."""

_GIVEN_UP = b"too many unstable restarts"


async def kill_for_good(gateway: Gateway, worker: int) -> None:
    """Kill a worker by its number in PM2 with -9, and have each that is started in its place crash at once.

    What they crash by is put back once PM2 has given up; the other workers notice nothing. PM2 counts bad starts only
    for a time after a worker was made (`min_uptime` by `max_restarts`), and starts an older one again for ever: its
    figures begin anew first. GatewayError when there is no such worker, or PM2 goes on.
    """
    program = (gateway.app_dir / "server.js").resolve()
    whole = program.read_bytes()
    loop = asyncio.get_running_loop()
    ends = loop.time() + _LONGEST
    found = {each.pm_id: each for each in await gateway.workers()}
    if worker not in found or not found[worker].pid:
        raise GatewayError(f"PM2 runs no worker {worker}.")
    await run((*gateway.pm2, "reset", str(worker)), env=gateway.env, cwd=gateway.app_dir)
    log = gateway.pm2_home / "pm2.log"
    before = log.stat().st_size
    program.write_text("process.exit(1);\n", encoding="utf-8")
    try:
        with suppress(ProcessLookupError):
            os.kill(found[worker].pid, signal.SIGKILL)
        # Asking PM2 costs so much that a start would take long enough to count as a good one; its log costs nothing.
        while _GIVEN_UP not in log.read_bytes()[before:]:
            if loop.time() > ends:
                raise GatewayError(f"PM2 starts worker {worker} again and again.")
            await asyncio.sleep(0.2)
    finally:
        program.write_bytes(whole)
