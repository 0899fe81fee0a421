"""The service's database."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl, urlencode

import psycopg
from pydantic import Field, SecretStr

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile

_TIMEOUT = 5  # seconds
_OF_OTHERS = frozenset({"schema", "pgbouncer", "connection_limit", "pool_timeout"})


class Config(IntegrationConfig):
    """How the service's database is reached; the address is never shown."""

    env_key: str = Field("DATABASE_URL", title="Key", description="Key of the service's env file with the address.")
    url: SecretStr = Field(SecretStr(""), title="URL", description="The address itself, in place of that key.")


class ServiceDatabase:
    """Connects anew for each question and waits five seconds at most."""

    def __init__(self, config: Config, *, env: EnvFile) -> None:
        self._config = config
        self._env = env

    async def ping(self) -> str:
        """Which server answers a query."""
        url = self._config.url.get_secret_value() or (await self._env.read(self._config.env_key)).value
        if not url:
            raise IntegrationError(f"The env file has no {self._config.env_key}.", hint="Check database.env_key.")
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await _ask(url)
        except TimeoutError as error:
            raise IntegrationError(f"The database did not answer within {_TIMEOUT} s.") from error
        except psycopg.Error as error:
            # Without the cause: some of psycopg's messages quote the address.
            raise IntegrationError(f"The database does not answer a query ({_reason(error)}).") from None


async def _ask(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(_for_libpq(url), connect_timeout=_TIMEOUT) as connection:
        cursor = await connection.execute("select current_setting('server_version')")
        row = await cursor.fetchone()
    assert row is not None
    return f"PostgreSQL {row[0]}"


def _for_libpq(url: str) -> str:
    """The address without parameters that only other drivers know; libpq refuses those."""
    address, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in _OF_OTHERS]
    return f"{address}?{urlencode(kept)}" if kept else address


def _reason(error: psycopg.Error) -> str:
    """A word on why that cannot hold a part of the address."""
    said = str(error).lower()
    known = ("password authentication failed", "connection refused", "timeout expired", "does not exist", "too many")
    return error.sqlstate or next((words for words in known if words in said), type(error).__name__)


INTEGRATION = Integration(name="database", config=Config, build=ServiceDatabase, provides=())
