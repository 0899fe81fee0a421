"""Waiting: for a program to end, for a thread, for something to become true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_POLL = 0.05
_SHOWN = 2000  # characters of a failed program's output that its error carries


class GatewayError(RuntimeError):
    """The gateway could not be brought up; the message says which part, and what that part said."""


async def run(
    argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, stdin: bytes = b"", within: float = 30.0
) -> str:
    """Run `argv` and return what it printed. Raises GatewayError when it fails or takes over `within` seconds."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    name = " ".join(str(part) for part in argv[:4])
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate(stdin)
    except TimeoutError as error:
        raise GatewayError(f"`{name}` did not end within {within:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise GatewayError(
            f"`{name}` ended with {process.returncode}:\n{(err or out).decode(errors='replace')[-_SHOWN:]}"
        )
    return out.decode(errors="replace")


async def to_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Like asyncio's, but cancelling waits for the thread: what it starts must be there when the reaper looks."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def wait_until(condition: Callable[[], Awaitable[bool]], *, within: float, what: str) -> None:
    """Return as soon as `condition` holds. Raises GatewayError with `what` failed after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(_POLL)
    except TimeoutError as error:
        raise GatewayError(f"{what} within {within:g} s") from error
