"""The secrets of a service's environment file: what may be told of them, worked out where their values are at hand."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from bot.core.credentials import Credential, Credentials, FileFacts, faults_of
from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile, EnvKey, Host
from bot.core.redact import Redactor

_SHOWN = 8  # hexadecimal digits: enough to see a change, and nothing to try values against


class Config(IntegrationConfig):
    """Which keys of the env file are credentials."""

    keys: tuple[str, ...] = Field(
        (), title="Keys", description="Keys to look at besides those that look secret; an absent one is a failure."
    )


class EnvCredentials:
    """Fingerprints are HMACs with a key made from `audit.key`, which is in the data folder and not in the database."""

    def __init__(self, config: Config, *, env: EnvFile, host: Host, data: Path) -> None:
        self.path = env.path
        self._keys = config.keys
        self._env = env
        self._host = host
        self._secret = data / "audit.key"

    async def file(self) -> FileFacts:
        """See `Credentials`."""
        done = await self._host.run(("stat", "-L", "-c", "%a %Y %U", "--", self.path))
        if done.code:
            raise IntegrationError(f"{self.path} cannot be looked at: {done.err.strip()[:200]}")
        mode, changed, owner = done.out.split(maxsplit=2)
        return FileFacts(int(mode, 8), owner.strip(), datetime.fromtimestamp(int(changed), UTC))

    async def look(self, *keys: str) -> tuple[Credential, ...]:
        """See `Credentials`."""
        return tuple([self._told(await self._env.read(key)) for key in keys or await self._all()])

    async def spilled(self, text: str) -> tuple[Credential, ...]:
        """See `Credentials`."""
        found = []
        for key in await self._all():
            read = await self._env.read(key)
            if read.value and Redactor([read.value]).holds(text):
                found.append(self._told(read))
        return tuple(found)

    async def ping(self) -> str:
        """How many keys are watched, and who may read them."""
        facts = await self.file()
        return f"{len(await self._all())} credentials, mode {facts.mode:o}, owner {facts.owner}"

    async def _all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._keys, *await self._env.secret_keys())))

    def _told(self, read: EnvKey) -> Credential:
        value = read.value or ""
        faults, broken = faults_of(value) if read.lines else (("it is absent",), True)
        return Credential(
            key=read.key,
            length=len(value),
            fingerprint=self._fingerprint(read.key, value) if value else "",
            lines=read.lines,
            faults=faults,
            broken=broken,
        )

    def _fingerprint(self, key: str, value: str) -> str:
        try:
            own = self._secret.read_bytes()
        except OSError as error:
            raise IntegrationError(f"{self._secret} cannot be read: {error.strerror}.") from error
        purpose = hmac.digest(own, b"opsbot fingerprints of credentials", hashlib.sha256)
        return hmac.new(purpose, f"{key}\0{value}".encode(), hashlib.sha256).hexdigest()[:_SHOWN]


INTEGRATION = Integration("credentials", Config, EnvCredentials, provides=(Credentials,), always=True)
