"""The block list of a host, through the root-owned helper of `deploy/`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from bot.core.errors import IntegrationError
from bot.core.firewall import Blocked, Firewall
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host

_WITHIN = timedelta(seconds=70)  # the helper ends what it runs after a minute


def _spelt(text: str) -> str:
    return str(ip_network(text))


Networks = Mapping[str, Annotated[str, AfterValidator(_spelt)]]


class Config(IntegrationConfig):
    """The block list of the service's host."""

    command: tuple[str, ...] = Field(
        ("sudo", "-n", "/usr/local/sbin/opsbot-host"),
        min_length=1,
        title="Command",
        description="How the root-owned helper is started; docs/actions/block-list.md has its setting up.",
    )
    by_packet: bool = Field(
        default=True,
        title="By packet",
        description="False where the helper denies by nginx, which knows a request's real address behind a proxy.",
    )
    proxies: Networks = Field({}, title="Proxies", description="Load balancers and CDN in front of the host, by name.")
    protected: Networks = Field(
        {},
        title="Protected",
        description="Networks that are never blocked, by name: operators, the provider's callbacks.",
    )


class _Entry(BaseModel):
    network: str
    left: float | None
    mark: str


_ENTRIES = TypeAdapter(tuple[_Entry, ...])


class HelperFirewall:
    """Fixed words to the helper; it checks each once more."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._command = config.command
        self._host = host
        self.by_packet = config.by_packet
        self.proxies = config.proxies
        self.protected = config.protected

    async def blocked(self, network: str = "") -> tuple[Blocked, ...]:
        """See `Firewall`."""
        said = await self._run("blocked", *((network,) if network else ()))
        try:
            entries = _ENTRIES.validate_json(said)
        except ValidationError as error:
            raise IntegrationError("The helper did not list what is blocked.") from error
        return tuple(
            Blocked(entry.network, None if entry.left is None else timedelta(seconds=entry.left), entry.mark)
            for entry in entries
        )

    async def block(self, network: str, *, lasts: timedelta, mark: str) -> str:
        """See `Firewall`."""
        argv = self.block_argv(network, lasts=lasts, mark=mark)
        await self._run(*argv[len(self._command) :], changes=True)
        return shlex.join(argv)

    async def unblock(self, network: str) -> str:
        """See `Firewall`."""
        argv = self.unblock_argv(network)
        await self._run(*argv[len(self._command) :], changes=True)
        return shlex.join(argv)

    def block_argv(self, network: str, *, lasts: timedelta, mark: str) -> tuple[str, ...]:
        """See `Firewall`."""
        return (*self._command, "block", network, str(int(lasts.total_seconds())), mark)

    def unblock_argv(self, network: str) -> tuple[str, ...]:
        """See `Firewall`."""
        return (*self._command, "unblock", network)

    async def ping(self) -> str:
        """Whether the list can be read, which takes the same rights as changing it."""
        return f"the helper lists {len(await self.blocked())} blocked"

    async def _run(self, *words: str, changes: bool = False) -> str:
        lock = "/tmp/opsbot-firewall.lock" if changes else None  # noqa: S108 - a lock file, of every replica on the host
        done = await self._host.run((*self._command, *words), within=_WITHIN, lock=lock)
        if done.code:
            last = next((line for line in reversed(done.err.splitlines()) if line.strip()), "nothing")
            raise IntegrationError(f"The helper ended with {done.code} and said: {last.strip()[:300]}")
        if done.cut:
            raise IntegrationError("The helper listed more than can be read.")
        return done.out


INTEGRATION = Integration("firewall", Config, HelperFirewall, provides=(Firewall,))
