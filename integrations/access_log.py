"""The web server's access log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig


class Config(IntegrationConfig):
    """The access log of the web server in front of the service."""

    path: str = Field(
        title="Path", pattern="^/", description="The file that is written now, such as /var/log/nginx/access.log."
    )


class AccessLog:
    """A file that the bot may read; a missing or closed one is an error, never an empty log."""

    def __init__(self, config: Config) -> None:
        self._path = Path(config.path)

    async def ping(self) -> str:
        """When the last line came."""
        return await asyncio.to_thread(self._last)

    def _last(self) -> str:
        try:
            with self._path.open("rb"):
                written = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        except OSError as error:
            raise IntegrationError(f"{self._path} cannot be read: {error.strerror}.") from error
        return f"{self._path} was last written {written:%Y-%m-%d %H:%M:%S} UTC"


INTEGRATION = Integration("access_log", Config, AccessLog, provides=())
