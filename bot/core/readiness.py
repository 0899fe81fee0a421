"""Whether the parts of the bot can do their work now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from bot.core.errors import OpsbotError

Check = Callable[[], Awaitable[None]]
"""Raises `OpsbotError` with the reason when its part cannot do its work now."""

_WITHIN = 2.0  # seconds


async def ailing(checks: Mapping[str, Check]) -> Mapping[str, str]:
    """Why each check says no, by its name; empty for one that says nothing. No answer within two seconds is a no."""
    return dict(zip(checks, await asyncio.gather(*map(_reason, checks.values())), strict=True))


async def _reason(check: Check) -> str:
    try:
        async with asyncio.timeout(_WITHIN):
            await check()
    except OpsbotError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {_WITHIN:g} s"
    return ""
