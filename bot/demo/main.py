"""`opsbot demo`: bring the world up, go on tour or not, hand over to whoever sits at the terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from bot.core.errors import OpsbotError
from bot.demo.gateway import GatewayError
from bot.demo.prompt import Prompt
from bot.demo.teller import Teller
from bot.demo.tools import ToolError
from bot.demo.tour import Tour
from bot.demo.world import open_world


def run(*, tour: bool, leave: bool, sabotage: str, port: int, data: Path | None) -> int:
    """The exit code: 1 when an effect that the tour promised was not observed, or the demo could not start."""
    try:
        return asyncio.run(_run(tour=tour, leave=leave, sabotage=sabotage, port=port, data=data))
    except (OpsbotError, GatewayError, ToolError, OSError) as error:
        _say(f"The demo cannot start: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _run(*, tour: bool, leave: bool, sabotage: str, port: int, data: Path | None) -> int:
    demo = asyncio.current_task()
    assert demo is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, demo.cancel)
    began = time.monotonic()
    folder = data or Path(tempfile.mkdtemp(prefix="opsbot-demo-"))
    async with open_world(folder, keep=data is not None, port=port, sabotage=sabotage, say=_say) as world:
        _say(f"Ready after {time.monotonic() - began:.0f} s.")
        missed: tuple[str, ...] = ()
        teller = Teller(_say)
        if tour:
            missed = await Tour(world, teller, _say).go()
        if not leave:
            await Prompt(world, teller, _say).attend()
        _say("Tearing down ...")
    return 1 if missed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
