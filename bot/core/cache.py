"""The service's Redis: the counts of its rate limits, its memory, and filling its cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Protocol

from bot.core.errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s?([kmg]?b?)", re.IGNORECASE)


class Policy(StrEnum):
    """What Redis does when its memory is full: refuse writes, or throw away keys (of all, or of those that expire)."""

    NOEVICTION = "noeviction"
    ALLKEYS_LRU = "allkeys-lru"
    ALLKEYS_LFU = "allkeys-lfu"
    ALLKEYS_RANDOM = "allkeys-random"
    VOLATILE_LRU = "volatile-lru"
    VOLATILE_LFU = "volatile-lfu"
    VOLATILE_RANDOM = "volatile-random"
    VOLATILE_TTL = "volatile-ttl"

    @property
    def reach(self) -> int:
        """How far it goes: 0 throws nothing away, 1 keys that expire, 2 any key."""
        return 0 if self is Policy.NOEVICTION else 2 if self.value.startswith("allkeys") else 1

    @property
    def loses(self) -> str:
        """Which keys it may throw away, in words; empty for none."""
        return ("", "any key that expires", "any key")[self.reach]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The count of one address: `count` None where the key holds no number, `ttl` in seconds, None for no expiry."""

    key: str
    address: str
    count: int | None
    ttl: int | None

    @property
    def is_stuck(self) -> bool:
        """Whether it never expires, so that whoever reached the limit is kept out for good."""
        return self.ttl is None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Those that were found, of `looked_at` keys; `gone` expired meanwhile, `left_out` says why there may be more."""

    limits: tuple[RateLimit, ...]
    looked_at: int
    gone: int = 0
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Sizes in bytes; `limit` 0 is none, `machine` what its host has. `config_file` is empty when it runs without."""

    used: int
    peak: int
    limit: int
    policy: str
    evicted: int
    fragmentation: float
    machine: int
    config_file: str


@dataclass(frozen=True, slots=True)
class Warmth:
    """The keys that warming writes: how many, and the longest that one has yet in milliseconds (None: none expires).

    `left_out` says why there may be more.
    """

    keys: int
    freshest: int | None
    left_out: str = ""


class Cache(Protocol):
    """The Redis of a service. Nothing here stops it for its other clients: keys are listed bit by bit."""

    async def rate_limits(self) -> RateLimits:
        """All counts of rate limits, up to a cap of keys and of time."""
        ...

    async def rate_limits_of(self, address: str) -> tuple[RateLimit, ...]:
        """The counts of this very address, however it is spelt."""
        ...

    async def read_limits(self, keys: Sequence[str]) -> tuple[RateLimit, ...]:
        """Those of `keys` that are there now."""
        ...

    async def unlink(self, keys: Sequence[str]) -> int:
        """Take away exactly these keys, and say how many there were."""
        ...

    async def memory(self) -> Memory:
        """How full it is, and what it does when it is full."""
        ...

    async def set_memory(self, *, limit: int, policy: Policy) -> None:
        """Set both until the server is started again."""
        ...

    async def warmth(self) -> Warmth | None:
        """What is there of the keys that warming writes; None when their names are not configured."""
        ...


class WarmUp(Protocol):
    """Has the service fill its cache."""

    @property
    def warm_up_argv(self) -> tuple[str, ...]:
        """What is sent, as people are shown it; empty when nothing is configured."""
        ...

    async def warm_up(self) -> str:
        """Ask for it once, and return what the service answered; an answer other than 200 raises."""
        ...


def parse_size(text: str) -> int:
    """Bytes, in Redis's own units: `2gb` is 2 * 1024^3 and `2g` is 2 * 1000^3; 0 is no limit."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f'"{text[:40]}" is no size.', hint="Write it like 2gb or 512mb; 0 means no limit.")
    return round(float(found[1]) * _UNITS[found[2].lower()])


def format_size(size: int) -> str:
    """The same for people, in units of 1024."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} B"


def masked(address: str) -> str:
    """A customer's address without what tells it from its neighbours."""
    try:
        found = ip_address(address)
    except ValueError:
        return f"{address[:3]}…" if address else address
    if isinstance(found, IPv4Address):
        return f"{address.rpartition('.')[0]}.x"
    if found.ipv4_mapped:
        return masked(str(found.ipv4_mapped))
    return f"{':'.join(found.exploded.split(':')[:3])}:x"


def spellings(address: str) -> tuple[str, ...]:
    """How keys may spell it: as typed, in the usual form, and as Node tells an IPv4 client of an IPv6 socket."""
    try:
        found = ip_address(address)
    except ValueError:
        return (address,)
    four = found if isinstance(found, IPv4Address) else found.ipv4_mapped
    usual = (str(four), f"::ffff:{four}") if four else (str(found),)
    return tuple(dict.fromkeys((address, *usual)))
