"""The service's Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pydantic import Field, SecretStr
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from bot.core.cache import Cache, Memory, Policy, RateLimit, RateLimits, Warmth, spellings
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile

_TIMEOUT = 5.0  # seconds
_BATCH = 1000
"""Keys of one SCAN. 10 of them made a million take 10 s, and 1000 made nobody wait for more than some milliseconds."""
_MOST_KEYS = 100_000
_LONGEST = 8.0  # seconds of one listing
_NO_EXPIRY, _NO_KEY = -1, -2
"""What TTL answers in place of a time: https://redis.io/docs/latest/commands/ttl/."""


class Config(IntegrationConfig):
    """How the service's Redis is reached; the address is never shown."""

    env_key: str = Field("REDIS_URL", title="Key", description="Key of the service's env file with the address.")
    url: SecretStr = Field(SecretStr(""), title="URL", description="The address itself, in place of that key.")
    rate_limits: str = Field(
        "rate_limit:*",
        title="Rate limits",
        description="Keys of the rate limits; the `*` stands for the customer's address.",
        pattern=r"^[^*?\[\]\\]*\*[^*?\[\]\\]*$",
    )
    warmed: str = Field(
        "cache:*", title="Warmed", description="Pattern of the keys that warming the cache writes; empty for unknown."
    )


class ServiceRedis:
    """Connects anew for each question. Each answer is waited for five seconds at most."""

    def __init__(self, config: Config, *, env: EnvFile) -> None:
        self._config = config
        self._env = env

    async def ping(self) -> str:
        """That it answers PING."""
        async with self._connected() as client:
            await client.ping()
        return "Redis answers"

    async def rate_limits(self) -> RateLimits:
        """See `Cache`."""
        found: dict[str, RateLimit] = {}
        looked_at = gone = 0
        async with self._connected() as client:
            listing = _Listing(client, self._config.rate_limits)
            async for keys in listing:
                fresh = [key for key in keys if key not in found]  # SCAN may tell one twice
                read = await self._read(client, fresh)
                found |= {limit.key: limit for limit in read}
                looked_at += len(fresh)
                gone += len(fresh) - len(read)
        return RateLimits(tuple(found.values()), looked_at, gone, listing.left_out)

    async def rate_limits_of(self, address: str) -> tuple[RateLimit, ...]:
        """See `Cache`."""
        keys = [self._config.rate_limits.replace("*", spelling) for spelling in spellings(address)]
        return await self.read_limits(keys)

    async def read_limits(self, keys: Sequence[str]) -> tuple[RateLimit, ...]:
        """See `Cache`."""
        async with self._connected() as client:
            return tuple(await self._read(client, keys))

    async def unlink(self, keys: Sequence[str]) -> int:
        """See `Cache`."""
        async with self._connected() as client:
            return int(await client.unlink(*keys))

    async def memory(self) -> Memory:
        """See `Cache`."""
        async with self._connected() as client:
            info = await client.info()
        return Memory(
            used=int(info["used_memory"]),
            peak=int(info["used_memory_peak"]),
            limit=int(info["maxmemory"]),
            policy=str(info["maxmemory_policy"]),
            evicted=int(info["evicted_keys"]),
            fragmentation=float(info["mem_fragmentation_ratio"]),
            machine=int(info["total_system_memory"]),
            config_file=str(info["config_file"]),
        )

    async def set_memory(self, *, limit: int, policy: Policy) -> None:
        """See `Cache`."""
        async with self._connected() as client:
            # The limit first: where it was below what is used, a policy that evicts would begin at once.
            await client.config_set("maxmemory", limit)
            await client.config_set("maxmemory-policy", policy.value)

    async def warmth(self) -> Warmth | None:
        """See `Cache`."""
        if not self._config.warmed:
            return None
        found: dict[str, int] = {}
        async with self._connected() as client:
            listing = _Listing(client, self._config.warmed)
            async for keys in listing:
                async with client.pipeline(transaction=False) as pipe:
                    for key in keys:
                        pipe.pttl(key)
                    found |= dict(zip(keys, await pipe.execute(), strict=True))
        lasting = [left for left in found.values() if left != _NO_KEY]
        expiring = [left for left in lasting if left != _NO_EXPIRY]
        return Warmth(len(lasting), max(expiring, default=None), listing.left_out)

    async def _read(self, client: Redis, keys: Sequence[str]) -> list[RateLimit]:
        async with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
                pipe.ttl(key)
            answers = await pipe.execute(raise_on_error=False)
        numbers = [_number(answer) for answer in answers]
        return [
            RateLimit(key, self._address(key), count, None if ttl == _NO_EXPIRY else ttl)
            for key, count, ttl in zip(keys, numbers[::2], numbers[1::2], strict=True)
            if ttl != _NO_KEY
        ]

    def _address(self, key: str) -> str:
        before, _, after = self._config.rate_limits.partition("*")
        return key.removeprefix(before).removesuffix(after)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Redis]:
        url = self._config.url.get_secret_value() or (await self._env.read(self._config.env_key)).value
        if not url:
            raise IntegrationError(f"The env file has no {self._config.env_key}.", hint="Check redis.env_key.")
        with _translated():
            async with Redis.from_url(
                url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                decode_responses=True,
                encoding_errors="backslashreplace",
            ) as client:
                yield client


@contextmanager
def _translated() -> Iterator[None]:
    """Redis's faults in our words, without the cause where the message may quote the address."""
    try:
        yield
    except AuthenticationError as error:
        raise IntegrationError("Redis refused the password.") from error
    except ResponseError as error:
        raise IntegrationError(f"Redis refused: {str(error)[:200]}.") from error
    except RedisTimeout:
        raise OutcomeUnknown(f"Redis did not answer within {_TIMEOUT:g} s.") from None
    except (RedisError, ValueError, OSError) as error:
        raise IntegrationError(f"Redis does not answer ({type(error).__name__}).") from None


@dataclass(slots=True)
class _Listing:
    """Keys that match, batch by batch; `left_out` says in the end why there may be more."""

    client: Redis
    pattern: str
    left_out: str = ""

    async def __aiter__(self) -> AsyncIterator[list[str]]:
        until = time.monotonic() + _LONGEST
        cursor = seen = 0
        while not self.left_out:
            cursor, keys = await self.client.scan(cursor, match=self.pattern, count=_BATCH)
            yield [str(key) for key in keys]
            seen += len(keys)
            if not cursor:
                return
            if seen >= _MOST_KEYS:
                self.left_out = f"I stopped after {seen:,} keys."
            elif time.monotonic() > until:
                self.left_out = f"I stopped after {_LONGEST:g} s; there may be more."


def _number(answer: object) -> int | None:
    """A number out of a pipeline, whose errors are answers there.

    A key of another kind (a sorted set, as sliding windows are kept in) has no count that could be read so.
    """
    if isinstance(answer, RedisError) and not str(answer).startswith("WRONGTYPE"):
        raise answer
    return int(answer) if isinstance(answer, int | str) and str(answer).lstrip("-").isdecimal() else None


INTEGRATION = Integration(name="redis", config=Config, build=ServiceRedis, provides=(Cache,))
