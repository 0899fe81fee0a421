"""The service's Redis as the bot reads it: never stopped for its other clients, each refusal told."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.test_utils import unused_port
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.core.cache import Memory, Policy, format_size, masked, parse_size, spellings
from bot.core.errors import IntegrationError, OutcomeUnknown, UsageError
from integrations import redis
from tests.redis_server import PASSWORD, Server

READER = ("scan", "ttl", "pttl", "get", "info", "config|get")
"""What whoever only reads rate limits needs: KEYS is not among it."""
MANY = 100_000


def fill(server: Server, count: int) -> None:
    """So many rate limits that expire, among as many keys that are none."""
    script = (
        "for i = 1, ARGV[1] do redis.call('set', KEYS[1] .. i, i, 'EX', 600); redis.call('set', 'other:' .. i, i) end"
    )
    server.client.eval(script, 1, "rate_limit:host-", count)


@pytest.mark.row("H3")
async def test_rate_limits_are_listed_by_a_user_who_may_not_run_keys(redis_service: Server) -> None:
    redis_service.client.set("rate_limit:203.0.113.77", 4812)
    redis_service.client.set("rate_limit:198.51.100.11", 3, ex=40)
    redis_service.client.set("session:1", "x")

    seen = await redis_service.reader(*READER).rate_limits()

    assert {limit.address: (limit.count, limit.is_stuck) for limit in seen.limits} == {
        "203.0.113.77": (4812, True),
        "198.51.100.11": (3, False),
    }
    assert redis_service.calls("scan") > 0
    assert redis_service.calls("keys") == 0


@pytest.mark.parametrize(
    "wish",
    [
        lambda cache: cache.unlink(["rate_limit:203.0.113.77"]),
        lambda cache: cache.set_memory(limit=0, policy=Policy.NOEVICTION),
        lambda cache: cache.read_limits(["session:1"]),
        lambda cache: cache.ping(),
    ],
    ids=["unlink", "config set", "another key", "ping"],
)
async def test_what_redis_refuses_is_an_error_with_its_words(
    redis_service: Server, wish: Callable[[redis.ServiceRedis], Awaitable[object]]
) -> None:
    with pytest.raises(IntegrationError, match=r"Redis refused: .*no permissions"):
        await wish(redis_service.reader(*READER))


@pytest.mark.row("H3")
async def test_others_are_served_while_a_hundred_thousand_keys_are_listed(redis_service: Server) -> None:
    fill(redis_service, MANY)
    listing = asyncio.create_task(redis_service.service().rate_limits())
    longest = 0.0
    async with Redis(port=redis_service.port, password=PASSWORD) as other:
        while not listing.done():
            began = time.monotonic()
            await other.ping()
            longest = max(longest, time.monotonic() - began)
    seen = await listing

    slowest = redis_service.client.slowlog_get(10)
    assert seen.looked_at == MANY or seen.left_out
    assert seen.looked_at >= 10_000
    assert longest < 1
    assert [
        entry["command"] for entry in slowest if entry["duration"] > 50_000 and b"EVAL" not in entry["command"]
    ] == []


@pytest.mark.row("H3")
async def test_a_listing_stops_at_its_cap_and_says_so(redis_service: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(redis_service, 5000)
    monkeypatch.setattr(redis, "_MOST_KEYS", 2000)
    seen = await redis_service.service().rate_limits()
    monkeypatch.setattr(redis, "_LONGEST", 0.0)
    hurried = await redis_service.service().rate_limits()

    assert 2000 <= seen.looked_at < 5000
    assert "I stopped after 2," in seen.left_out
    assert hurried.looked_at < 2000
    assert "there may be more" in hurried.left_out


@pytest.mark.row("H3")
async def test_keys_that_hold_no_number_and_keys_that_are_gone_are_told_apart(redis_service: Server) -> None:
    redis_service.client.zadd("rate_limit:203.0.113.5", {"request": 1})
    redis_service.client.set("rate_limit:203.0.113.6", "many", ex=60)

    seen = await redis_service.service().read_limits([f"rate_limit:203.0.113.{host}" for host in (5, 6, 7)])

    assert [(limit.address, limit.count, limit.is_stuck) for limit in seen] == [
        ("203.0.113.5", None, True),
        ("203.0.113.6", None, False),
    ]


@pytest.mark.row("H3")
async def test_one_address_is_found_as_node_spells_it_and_no_other_is(redis_service: Server) -> None:
    for address in ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.70", "203.0.113.7:x"):
        redis_service.client.set(f"rate_limit:{address}", 9, ex=60)

    found = await redis_service.service().rate_limits_of("203.0.113.7")
    wild = await redis_service.service().rate_limits_of("203.0.113.*")

    assert {limit.address for limit in found} == {"203.0.113.7", "::ffff:203.0.113.7"}
    assert wild == ()


@pytest.mark.row("P6")
async def test_memory_is_what_redis_says_of_itself(redis_service: Server) -> None:
    await redis_service.service().set_memory(limit=parse_size("64mb"), policy=Policy.VOLATILE_TTL)

    seen = await redis_service.service().memory()

    assert isinstance(seen, Memory)
    assert (seen.limit, seen.policy, seen.config_file) == (64 * 1024**2, "volatile-ttl", "")
    assert redis_service.client.config_get("maxmemory*")["maxmemory"] == str(64 * 1024**2)
    assert 0 < seen.used <= seen.peak < seen.machine


async def test_a_wrong_password_no_server_and_one_that_hangs_are_three_answers(
    redis_service: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = redis.Config(url=SecretStr(f"redis://:hunter33@127.0.0.1:{unused_port()}/0"))

    with pytest.raises(IntegrationError, match="refused the password"):
        await redis_service.service(":hunter33").memory()
    with pytest.raises(IntegrationError, match="does not answer"):
        await redis.ServiceRedis(away, env=redis_service.env).rate_limits()
    monkeypatch.setattr(redis, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and nobody answers
        hanging = redis.Config(url=SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"))
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 s"):
            await redis.ServiceRedis(hanging, env=redis_service.env).memory()


async def test_what_warming_writes_is_counted_with_the_longest_time_that_is_left(redis_service: Server) -> None:
    unnamed = await redis_service.service(warmed="").warmth()
    none = await redis_service.service().warmth()
    redis_service.client.set("cache:fee:ETH", 1)
    lasting = await redis_service.service().warmth()
    redis_service.client.set("cache:fee:SOL", 1, ex=300)
    both = await redis_service.service().warmth()

    assert unnamed is None
    assert none is not None
    assert (none.keys, none.freshest) == (0, None)
    assert lasting is not None
    assert (lasting.keys, lasting.freshest) == (1, None)
    assert both is not None
    assert (both.keys, both.freshest and both.freshest > 290_000) == (2, True)


@pytest.mark.parametrize(
    ("typed", "size"), [("2gb", 2 * 1024**3), ("2g", 2 * 1000**3), ("1.5MB", 1_572_864), ("0", 0), ("512", 512)]
)
def test_sizes_are_read_in_the_units_of_redis(typed: str, size: int) -> None:
    assert parse_size(typed) == size


@pytest.mark.parametrize("typed", ["", "-1gb", "2tb", "gb", "1e9", "2gb; FLUSHALL"])
def test_what_is_no_size_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_size(typed)


def test_sizes_are_told_in_units_that_fit() -> None:
    assert [format_size(size) for size in (12, 2048, 3 * 1024**2, 2 * 1024**3)] == ["12 B", "2 kB", "3 MB", "2 GB"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.77", "203.0.113.x"),
        ("2001:db8:5::77", "2001:0db8:0005:x"),
        ("::ffff:203.0.113.77", "203.0.113.x"),
        ("buyer@example.net", "buy…"),
        ("", ""),
    ],
)
def test_a_masked_address_does_not_tell_whose_it_is(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_an_address_is_looked_for_in_each_of_its_spellings() -> None:
    assert spellings("2001:DB8::0:7") == ("2001:DB8::0:7", "2001:db8::7")
    assert spellings("::ffff:203.0.113.7") == ("::ffff:203.0.113.7", "203.0.113.7")
    assert spellings("customer-9") == ("customer-9",)
