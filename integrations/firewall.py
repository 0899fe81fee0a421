"""The host's packet filter: nftables."""

from __future__ import annotations

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host


class Config(IntegrationConfig):
    """The packet filter of the service's host."""

    command: tuple[str, ...] = Field(
        ("nft",),
        min_length=1,
        title="Command",
        description="How nft is started, for instance [sudo, -n, /usr/sbin/nft].",
    )


class Firewall:
    """nft by its command line."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._command = config.command
        self._host = host

    async def ping(self) -> str:
        """Whether the rule set can be listed, which needs the right to change it too."""
        done = await self._host.run((*self._command, "list", "tables"))
        if done.code != 0:
            raise IntegrationError(f"nft answered {done.code}: {done.err.strip() or 'nothing'}")
        return f"nft lists {len(done.out.splitlines())} tables"


INTEGRATION = Integration("firewall", Config, Firewall, provides=())
