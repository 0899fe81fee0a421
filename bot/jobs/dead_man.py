"""A ping to a watcher outside for as long as the bot is well: when it stops coming, the watcher tells people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import structlog

from bot.core.errors import IntegrationError
from bot.core.ports import Http
from bot.core.readiness import Check, ailing
from bot.jobs.repeated import Repeated

log = structlog.get_logger(__name__)


class DeadMan(Repeated):
    """Pings `url` each `every`, but only while every check passes: a bot that only lives is not worth a ping."""

    def __init__(self, url: str, *, every: timedelta, checks: Mapping[str, Check], http: Http) -> None:
        super().__init__("dead man's ping", every=every)
        self._url = url
        self._checks = checks
        self._http = http

    async def once(self) -> None:
        """Ping, and log why not."""
        await self.ping()

    async def ping(self) -> bool:
        """Ping once if all is well; whether it was taken."""
        for name, reason in (await ailing(self._checks)).items():
            if reason:
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
