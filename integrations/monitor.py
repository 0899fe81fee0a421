"""The service's own health script."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import Field

from bot.core.duration import Duration
from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Done, Host, Monitor


class Config(IntegrationConfig):
    """The script, which must only look and change nothing."""

    script: str = Field(title="Script", pattern="^/", description="Absolute path.")
    folder: str = Field(
        "", title="Folder", pattern="^(/.*)?$", description="Where it runs; empty for the folder above the script's."
    )
    path: str = Field("", title="Path", description="PATH for it; empty for the host's own.")
    timeout: Duration = Field("60s", validate_default=True, title="Timeout", description="When it is ended.")


class MonitorScript:
    """Runs by its absolute path in a set folder: by a relative one it is another script, or none."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._config = config
        self._host = host
        self._folder = config.folder or str(PurePosixPath(config.script).parent.parent)

    async def run(self) -> Done:
        """See `Monitor`."""
        env = {"PATH": self._config.path} if self._config.path else {}
        return await self._host.run((self._config.script,), within=self._config.timeout, cwd=self._folder, env=env)

    async def ping(self) -> str:
        """Whether the script is there and may be run."""
        if (await self._host.run(("test", "-x", self._config.script))).code:
            raise IntegrationError(f"{self._config.script} is not there or may not be run.")
        return f"{self._config.script} is there"


INTEGRATION = Integration(name="monitor", config=Config, build=MonitorScript, provides=(Monitor,))
