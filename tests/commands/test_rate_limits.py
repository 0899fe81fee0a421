"""Rate limits on a real Redis: whom they keep out, and letting one customer in again."""

from __future__ import annotations

import pytest

from bot.core.cache import Cache
from bot.core.errors import IntegrationError, UsageError
from bot.core.results import OperationState, Text
from bot.views import render
from integrations import redis
from tests.commands.bench import Bench
from tests.redis_server import Server

STUCK, COUNTING = "rate_limit:203.0.113.77", "rate_limit:198.51.100.11"


@pytest.fixture
def limited(bench: Bench, redis_service: Server) -> Bench:
    """One customer who is locked out for good, and one who is not."""
    redis_service.client.set(STUCK, 4812)
    redis_service.client.set(COUNTING, 30, ex=40)
    bench.ports = {Cache: redis_service.service()}
    return bench


@pytest.mark.row("H3")
async def test_stuck_limits_come_first_and_addresses_are_masked(limited: Bench) -> None:
    said = await limited.says("rate-limits")

    assert said.index("203.0.113.x") < said.index("198.51.100.x")
    assert "4,812" in said
    assert "never (stuck)" in said
    assert "2 keys were looked at, 1 never expire." in said
    assert "203.0.113.77" not in said


@pytest.mark.row("H3")
async def test_an_address_that_is_asked_for_is_shown_in_full_and_alone(limited: Bench) -> None:
    said = await limited.says("rate-limits 203.0.113.77")

    assert "203.0.113.77" in said
    assert "198.51.100" not in said
    assert "No rate limit counts for 203.0.113.7." in await limited.says("rate-limits 203.0.113.7")


@pytest.mark.row("H3")
async def test_clearing_takes_away_the_keys_of_one_address_and_of_no_other(
    limited: Bench, redis_service: Server
) -> None:
    card = render(await limited.type("rate-limits clear 203.0.113.77 locked out for good")).text
    operation = await limited.run("rate-limits clear 203.0.113.77 locked out for good")

    assert "count 4,812, never expires" in card
    assert operation.state is OperationState.DONE, await limited.evidence(operation)
    assert "1 of 1 keys gone" in await limited.evidence(operation)
    assert redis_service.client.keys() == [COUNTING]
    assert redis_service.calls("unlink") == 1
    assert redis_service.calls("del") == 0


@pytest.mark.row("H3")
async def test_a_customer_who_comes_again_meanwhile_counts_anew_and_that_is_done(
    limited: Bench, redis_service: Server
) -> None:
    cache = redis_service.service()
    unlink = cache.unlink

    async def unlink_and_come_again(keys: tuple[str, ...]) -> int:
        count = await unlink(keys)
        redis_service.client.set(COUNTING, 2, ex=60)
        return count

    cache.unlink = unlink_and_come_again  # type: ignore[method-assign,assignment]  # the customer is quicker than the look
    limited.ports = {Cache: cache}

    operation = await limited.run("rate-limits clear 198.51.100.11 asked for it")

    assert operation.state is OperationState.DONE, await limited.evidence(operation)
    assert "Counts anew since then (count 2, 1m left)" in await limited.evidence(operation)


@pytest.mark.row("H3")
async def test_keys_that_stay_have_not_been_cleared(limited: Bench, redis_service: Server) -> None:
    cache = redis_service.service()

    async def nothing(_keys: tuple[str, ...]) -> int:
        return 1

    cache.unlink = nothing  # type: ignore[method-assign,assignment]  # says that it did, and did not
    limited.ports = {Cache: cache}

    operation = await limited.run("rate-limits clear 203.0.113.77 locked out")

    assert operation.state is OperationState.FAILED
    assert "1 of 1 keys count on: count 4,812, never expires" in await limited.evidence(operation)


@pytest.mark.row("H3")
async def test_all_stuck_limits_are_cleared_at_once_without_telling_whose(
    limited: Bench, redis_service: Server
) -> None:
    redis_service.client.set("rate_limit:2001:db8:5::9", 700)

    card = render(await limited.type("rate-limits clear --stuck")).text
    operation = await limited.run("rate-limits clear --stuck")

    assert "203.0.113.77" not in card
    assert "203.0.113.x" in card
    assert operation.state is OperationState.DONE, await limited.evidence(operation)
    assert redis_service.client.keys() == [COUNTING]


@pytest.mark.row("H3")
async def test_where_nothing_counts_nothing_is_done(limited: Bench) -> None:
    answer = await limited.type("rate-limits clear 192.0.2.1 is it limited")

    assert isinstance(answer, Text)
    assert "nothing has to change" in render(answer).text


@pytest.mark.parametrize("typed", ["", "203.0.113.77 --stuck"])
async def test_it_has_to_be_said_whose_limit_is_cleared(limited: Bench, typed: str) -> None:
    with pytest.raises(UsageError, match="Whose"):
        await limited.type(f"rate-limits clear {typed}")


@pytest.mark.row("H3")
async def test_who_may_only_read_cannot_clear_and_is_told_why(limited: Bench, redis_service: Server) -> None:
    limited.ports = {Cache: redis_service.reader("scan", "ttl", "get")}

    operation = await limited.run("rate-limits clear 203.0.113.77 locked out")

    assert operation.state is OperationState.FAILED
    assert "no permissions to run the 'unlink' command" in await limited.evidence(operation)
    assert redis_service.client.exists(STUCK)


async def test_a_redis_that_refuses_the_password_has_no_limits_to_show(limited: Bench, redis_service: Server) -> None:
    limited.ports = {Cache: redis_service.service(":hunter33")}

    with pytest.raises(IntegrationError, match="refused the password"):
        await limited.type("rate-limits")


@pytest.mark.row("H3")
async def test_more_stuck_ones_than_a_plan_holds_and_a_listing_that_stopped_are_told(
    limited: Bench, redis_service: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        redis_service.client.set(f"rate_limit:192.0.2.{number}", 700)
    everything = await limited.says("rate-limits clear --stuck")
    redis_service.client.eval("for i = 1, 3000 do redis.call('set', KEYS[1] .. i, 1) end", 1, "rate_limit:x-")
    monkeypatch.setattr(redis, "_MOST_KEYS", 1)
    part = await limited.says("rate-limits clear --stuck")

    assert "11 more stay for now" in everything
    assert "Not everything was looked at" not in everything
    assert "Not everything was looked at. I stopped after" in part
