"""A ping to a watcher outside for as long as the bot is well: when it stops coming, the watcher tells people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus

import structlog

from bot.core.errors import IntegrationError, OpsbotError
from bot.core.ports import Http

Check = Callable[[], Awaitable[None]]
"""Raises `OpsbotError` with the reason when its part cannot do its work now."""

_CHECK_WITHIN = 2.0  # seconds

log = structlog.get_logger(__name__)


class DeadMan:
    """Pings `url` each `every`, but only while every check passes: a bot that only lives is not worth a ping."""

    def __init__(self, url: str, *, every: timedelta, checks: Mapping[str, Check], http: Http) -> None:
        self._url = url
        self._every = every
        self._checks = checks
        self._http = http
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ping from now on."""
        self._task = asyncio.create_task(self._run(), name="dead man's ping")

    async def stop(self) -> None:
        """Ping no more."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def ping(self) -> bool:
        """Ping once if all is well; whether it was taken."""
        for name, check in self._checks.items():
            if reason := await _reason(check):
                log.warning("dead man's ping held back", check=name, reason=reason)
                return False
        try:
            answer = await self._http.send("GET", self._url, attempts=3)
        except IntegrationError as error:
            # The address is a secret of its own, which the error would name.
            log.warning("dead man's ping not taken", reason=type(error).__name__)
            return False
        if taken := HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return taken
        log.warning("dead man's ping not taken", reason=f"answered with {answer.status}")
        return False

    async def _run(self) -> None:
        while True:
            await self.ping()
            await asyncio.sleep(self._every.total_seconds())


async def _reason(check: Check) -> str:
    """Why a check says no; empty when it does not."""
    try:
        async with asyncio.timeout(_CHECK_WITHIN):
            await check()
    except OpsbotError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {_CHECK_WITHIN:g} s"
    return ""
