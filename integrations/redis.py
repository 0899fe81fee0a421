"""The service's Redis."""

from __future__ import annotations

from pydantic import Field, SecretStr
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile

_TIMEOUT = 5.0  # seconds


class Config(IntegrationConfig):
    """How the service's Redis is reached; the address is never shown."""

    env_key: str = Field("REDIS_URL", title="Key", description="Key of the service's env file with the address.")
    url: SecretStr = Field(SecretStr(""), title="URL", description="The address itself, in place of that key.")


class ServiceRedis:
    """Connects anew for each question and waits five seconds at most."""

    def __init__(self, config: Config, *, env: EnvFile) -> None:
        self._config = config
        self._env = env

    async def ping(self) -> str:
        """That it answers PING."""
        url = self._config.url.get_secret_value() or (await self._env.read(self._config.env_key)).value
        if not url:
            raise IntegrationError(f"The env file has no {self._config.env_key}.", hint="Check redis.env_key.")
        try:
            async with Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT) as client:
                await client.ping()
        except AuthenticationError as error:
            raise IntegrationError("Redis refused the password.") from error
        except (RedisError, ValueError, OSError) as error:
            # Without the cause: the message may quote the address.
            raise IntegrationError(f"Redis does not answer ({type(error).__name__}).") from None
        return "Redis answers"


INTEGRATION = Integration(name="redis", config=Config, build=ServiceRedis, provides=())
