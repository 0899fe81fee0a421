"""A machine that is reached over SSH."""

from __future__ import annotations

from pydantic import Field

from bot.core.duration import Duration
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host


class Config(IntegrationConfig):
    """The service's machine, when that is not the bot's own."""

    address: str = Field(title="Address", pattern=r"^[A-Za-z0-9_.:%-]+$", description="Its name or IP address.")
    port: int = Field(22, gt=0, lt=65536, title="Port", description="Port of its sshd.")
    user: str = Field(title="User", pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", description="Who the bot is there.")
    key: str = Field(title="Key", pattern="^/", description="File of the private key, without a passphrase.")
    known_hosts: str = Field(
        title="Known hosts", pattern="^/", description="File with the machine's host key; no other key is accepted."
    )
    path: str = Field(
        "/usr/local/bin:/usr/bin:/bin",
        title="Path",
        description="PATH of everything that is run; that of a login shell does not hold here.",
    )
    output_cap: int = Field(
        4 * 1024 * 1024, gt=0, title="Output cap", description="Bytes of output that are kept of each stream."
    )
    keepalive: Duration = Field(
        "2s",
        validate_default=True,
        title="Keepalive",
        description="How often a silent machine is asked; the connection is given up after three times.",
    )

    @property
    def name(self) -> str:
        """What people are shown."""
        return self.address if self.port == 22 else f"{self.address}:{self.port}"  # noqa: PLR2004 - the usual port


def build(config: Config) -> Host:
    """The host. asyncssh takes long to load, and is for those who configure it."""
    from integrations.ssh.host import SshHost  # noqa: PLC0415 - see above

    return SshHost(config)


INTEGRATION = Integration(name="ssh", config=Config, build=build, provides=(Host,))
