"""Redis's memory and the warming of the cache, on a real Redis and a real service."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.cache import Cache, WarmUp
from bot.core.errors import Conflict, NotConfigured, OutcomeUnknown
from bot.core.plan import Risk
from bot.core.results import OperationState
from bot.views import render
from integrations.gateway import Config, HttpGateway
from integrations.http import HttpClient
from tests.commands.bench import Bench
from tests.fixtures_gateway import pm2_cli
from tests.redis_server import PASSWORD, Server, redis_server

MEGABYTE = 1024**2


@pytest.fixture
def cached(bench: Bench, redis_service: Server) -> Bench:
    bench.ports = {Cache: redis_service.service()}
    return bench


def fill(server: Server, count: int) -> None:
    """Keys of a kilobyte each."""
    server.client.eval("for i = 1, ARGV[1] do redis.call('set', KEYS[1] .. i, ARGV[2]) end", 1, "k:", count, "x" * 1000)


@pytest.mark.row("P6")
async def test_what_redis_uses_and_what_it_does_when_full_are_shown(cached: Bench, redis_service: Server) -> None:
    fill(redis_service, 3000)
    redis_service.client.config_set("maxmemory", redis_service.client.info("memory")["used_memory"])

    said = await cached.says("cache memory")

    assert "noeviction, which refuses to write" in said
    assert "Nearly full." in said
    assert "no file" in said


@pytest.mark.row("P6")
async def test_the_limit_is_set_and_seen_by_config_get_and_undo_brings_the_old_one_back(
    cached: Bench, redis_service: Server
) -> None:
    card = await cached.says("cache memory set 2gb")
    operation = await cached.run("cache memory set 2gb")
    evidence = await cached.evidence(operation)
    during = redis_service.client.config_get("maxmemory")["maxmemory"]
    assert operation.plan.inverse
    undone = await cached.run("cache memory set {size} --policy {policy}".format(**operation.plan.inverse.args))

    assert "no limit -&gt; 2 GB" in card
    assert "It does not last" in card
    assert "brings back the old one: it has no file" in card
    assert operation.state is OperationState.DONE, evidence
    assert "no key was thrown away" in evidence
    assert during == str(2 * 1024**3)
    assert undone.state is OperationState.DONE
    assert redis_service.client.config_get("maxmemory")["maxmemory"] == "0"


@pytest.mark.row("P6")
async def test_a_limit_below_what_is_used_is_refused_and_no_key_is_lost(cached: Bench, redis_service: Server) -> None:
    fill(redis_service, 20_000)
    used = redis_service.client.info("memory")["used_memory"]

    for size in (used // 2, used, round(used * 1.05)):
        with pytest.raises(Conflict, match="throw keys away"):
            await cached.type(f"cache memory set {size} --policy allkeys-lru")

    assert redis_service.client.dbsize() == 20_000
    assert redis_service.client.config_get("maxmemory")["maxmemory"] == "0"


@pytest.mark.row("P6")
async def test_the_runbooks_own_words_throw_most_keys_away(redis_service: Server) -> None:
    """What the refusal above is for."""
    fill(redis_service, 20_000)
    redis_service.client.config_set("maxmemory-policy", "allkeys-lru")
    redis_service.client.config_set("maxmemory", redis_service.client.info("memory")["used_memory"] // 2)
    for number in range(100):  # each write throws some away, for a millisecond or so
        redis_service.client.set(f"rate_limit:203.0.113.{number}", 1)

    assert redis_service.client.dbsize() < 15_000


@pytest.mark.row("P6")
async def test_a_policy_that_may_throw_everything_away_takes_a_second_person(
    cached: Bench, redis_service: Server
) -> None:
    card = await cached.plan("cache memory set 2gb --policy allkeys-lru")
    operation = await cached.run("cache memory set 2gb --policy allkeys-lru")

    assert "throws away any key: rate limits, sessions and queued jobs too." in render(card).text.replace("*", "")
    assert operation.approver
    assert operation.state is OperationState.DONE, await cached.evidence(operation)
    assert redis_service.client.config_get("maxmemory-policy")["maxmemory-policy"] == "allkeys-lru"


@pytest.mark.row("P6")
async def test_a_setting_that_does_not_hold_has_failed_and_is_put_back(cached: Bench, redis_service: Server) -> None:
    cache = redis_service.service()
    set_memory = cache.set_memory

    async def half(*, limit: int, policy: object) -> None:
        await set_memory(limit=limit + MEGABYTE, policy=policy)  # type: ignore[arg-type]  # as it is handed over

    cache.set_memory = half  # type: ignore[method-assign]  # another limit than the one that was asked for
    cached.ports = {Cache: cache}

    operation = await cached.run("cache memory set 2gb")

    assert operation.state is not OperationState.DONE
    assert "Redis says: 2.001 GB" in await cached.evidence(operation)


@pytest.mark.row("P6")
async def test_a_redis_with_a_configuration_file_says_where_the_limit_belongs(
    bench: Bench, redis_service: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("redis")
    (folder / "redis.conf").write_text("maxmemory 100mb\n")
    with redis_server(folder, str(folder / "redis.conf")) as port:
        bench.ports = {Cache: replace(redis_service, port=port).service()}
        card = await bench.says("cache memory set 200mb")

    assert "100 MB -&gt; 200 MB" in card
    assert f"what {folder / 'redis.conf'} says: change it there too" in card


@pytest.mark.row("P6")
async def test_a_policy_that_throws_less_away_is_confirmed_by_one_person(cached: Bench, redis_service: Server) -> None:
    redis_service.client.config_set("maxmemory-policy", "allkeys-lru")

    operation = await cached.run("cache memory set 2gb --policy volatile-ttl")

    assert operation.plan.risk is Risk.CHANGE
    assert operation.state is OperationState.DONE, await cached.evidence(operation)


async def test_what_is_set_already_changes_nothing(cached: Bench) -> None:
    assert "nothing has to change" in await cached.says("cache memory set 0")


@pytest.fixture
async def linked(cached: Bench, redis_service: Server) -> Bench:
    """The service's workers with that Redis; the gateway's own fixture puts their env file back."""
    demo = cached.live.demo
    with demo.env_file.open("a") as file:
        file.write(f"\nREDIS_URL=redis://:{PASSWORD}@127.0.0.1:{redis_service.port}/0\n")
    assert pm2_cli(demo, "restart", "all").returncode == 0
    await cached.live.gateway.health_by_worker([worker.pid for worker in await cached.live.processes.workers()])
    return cached


@pytest.mark.row("P7")
async def test_warming_is_done_when_the_keys_are_in_redis_and_written_anew_the_second_time(
    linked: Bench, redis_service: Server
) -> None:
    first = await linked.run("cache warm after the restart")
    keys = redis_service.client.keys("cache:*")
    redis_service.client.expire(keys[0], 5)
    for key in keys:
        redis_service.client.expire(key, 200)
    second = await linked.run("cache warm once more")

    assert keys
    assert first.state is OperationState.DONE, await linked.evidence(first)
    assert f"Redis holds {len(keys)} keys of the cache, 0 before." in await linked.evidence(first)
    assert second.state is OperationState.DONE
    assert "written anew" in await linked.evidence(second)


@pytest.mark.row("P7")
async def test_a_service_that_says_it_warmed_and_wrote_nothing_has_failed(cached: Bench) -> None:
    """The shared gateway has no Redis: it answers 200 and warms nothing."""
    operation = await cached.run("cache warm")

    assert operation.state is OperationState.FAILED
    assert "Redis holds no key of the cache." in await cached.evidence(operation)


@pytest.mark.row("P7")
async def test_warming_that_nobody_can_see_is_unverified(cached: Bench, redis_service: Server) -> None:
    redis_service.client.set("cache:fee:ETH", 1)
    same = await cached.run("cache warm")
    cached.ports = {Cache: redis_service.service(warmed="")}
    unnamed = await cached.run("cache warm")

    assert same.state is OperationState.UNVERIFIED
    assert "nothing tells whether they were written anew" in await cached.evidence(same)
    assert unnamed.state is OperationState.UNVERIFIED
    assert "redis.warmed names no keys" in await cached.evidence(unnamed)


@pytest.mark.row("P7")
@pytest.mark.parametrize(
    ("path", "said"), [("/api/no-such-page", "answered 404"), ("/health", "Redis holds no key of the cache")]
)
async def test_an_answer_of_another_page_warms_nothing(cached: Bench, path: str, said: str) -> None:
    async with HttpClient() as http:
        cached.ports[WarmUp] = HttpGateway(Config(url=cached.live.demo.url, warm_up=path), http=http)
        operation = await cached.run("cache warm")

    assert operation.state is OperationState.FAILED
    assert said in await cached.evidence(operation)


async def test_a_service_without_a_warm_up_says_so(cached: Bench) -> None:
    async with HttpClient() as http:
        cached.ports[WarmUp] = HttpGateway(Config(url=cached.live.demo.url, warm_up=None), http=http)
        with pytest.raises(NotConfigured, match="no warm-up configured"):
            await cached.type("cache warm")


async def test_a_warm_up_that_takes_too_long_has_an_unknown_outcome(cached: Bench) -> None:
    async with HttpClient() as http:
        hurried = Config(url=cached.live.demo.url).model_copy(update={"warm_up_timeout": timedelta(microseconds=1)})
        with pytest.raises(OutcomeUnknown, match="did not answer within"):
            await HttpGateway(hurried, http=http).warm_up()
