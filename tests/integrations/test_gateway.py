from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from pydantic import ValidationError

from bot.core.errors import Indistinct, IntegrationError
from bot.core.ports import Counters, Mean
from integrations import gateway as module
from integrations.gateway import Config, CustomerProbe, HttpGateway, PendingProbe
from integrations.http import HttpClient
from tests.fixtures_gateway import Live

Answer = Mapping[str, Any] | tuple[int, str]


@asynccontextmanager
async def answering(pages: Mapping[str, Sequence[Answer]], **config: Any) -> AsyncIterator[HttpGateway]:  # noqa: ANN401 - fields of Config
    """A gateway in which `pages` answer in turn: an object with 200, or a status and a text."""
    turns = {path: cycle(answers) for path, answers in pages.items()}

    async def handler(request: web.Request) -> web.Response:
        answer = next(turns[request.path])
        status, text = answer if isinstance(answer, tuple) else (200, json.dumps(answer))
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server, HttpClient() as http:
        yield HttpGateway(Config(url=str(server.make_url("/")).rstrip("/"), **config), http=http)


@pytest.mark.row("S")
async def test_each_worker_of_the_real_service_answers_each_health_page(live: Live) -> None:
    pids = [worker.pid for worker in await live.processes.workers()]

    for kind in ("basic", "detailed", "dependencies"):
        answers = await live.gateway.health_by_worker(pids, kind=kind)
        assert set(answers) == set(pids)
        assert {answer.status for answer in answers.values()} == {200}


@pytest.mark.row("S")
async def test_fields_of_health_that_were_not_allowed_are_dropped(live: Live) -> None:
    key = next(line for line in live.demo.env_file.read_text().splitlines() if line.startswith("CROSSMINT_API_KEY="))

    health = await live.gateway.health("detailed")

    assert {"status", "sha", "pid", "memory.rss_mb", "uptime_seconds"} <= set(health.body)
    assert "provider.api_key" not in health.body
    assert key.partition("=")[2] not in repr(health)


@pytest.mark.row("G6")
async def test_the_real_service_tells_maintenance_by_worker_and_lets_customers_in(live: Live) -> None:
    pids = [worker.pid for worker in await live.processes.workers()]

    assert await live.gateway.in_maintenance(pids) == dict.fromkeys(pids, False)
    assert await live.gateway.turns_customers_away() is False


@pytest.mark.row("G6")
async def test_the_customers_request_makes_no_payment(live: Live) -> None:
    before = (await live.demo.http("/api/payments"))[1]["count"]

    await live.gateway.turns_customers_away()

    assert (await live.demo.http("/api/payments"))[1]["count"] == before


@pytest.mark.row("K2")
async def test_metrics_of_the_real_service_are_those_of_all_workers(live: Live) -> None:
    pids = [worker.pid for worker in await live.processes.workers()]
    before = await live.gateway.metrics(pids)
    order = {"amount": 12.5, "currency": "USDC", "customer": "buyer@example.net"}
    for _ in range(4):
        await live.demo.http("/api/payments", method="POST", payload=order)

    after = await live.gateway.metrics(pids)

    assert after["total_transactions"] - before["total_transactions"] == 4
    assert after["success_rate"] == 100
    assert "pid" not in after


async def test_counters_are_summed_and_rates_weighed() -> None:
    one = {"pid": 1, "total_transactions": 90, "success_rate": 100.0, "errors": {"DECLINED": 1}}
    two = {"pid": 2, "total_transactions": 10, "success_rate": 50.0, "avg_response_time": None, "since": "today"}
    three = {"pid": 3, "total_transactions": 0, "success_rate": None}

    async with answering({"/api/metrics": [one, two, three]}) as gateway:
        metrics = await gateway.metrics([1, 2, 3])

    assert metrics == {"total_transactions": 100, "success_rate": 95, "errors.DECLINED": 1}


async def test_averages_are_told_by_worker_with_how_many_each_is_of_and_apart_from_what_is_summed() -> None:
    one = {"pid": 1, "total_transactions": 90, "success_rate": 98.5, "avg_response_time": 40, "error_rate": 0.5}
    two = {"pid": 2, "total_transactions": 0, "success_rate": None}
    both = {"success_rate": Mean(98.5, 90), "avg_response_time": Mean(40, 90)}
    none = {"success_rate": Mean(0, 0), "avg_response_time": Mean(0, 0)}

    async with answering({"/api/metrics": [one, two]}) as gateway:
        by_worker = await gateway.counters([1, 2])
    async with answering({"/api/metrics": [one]}, shared_metrics=True) as gateway:
        shared = await gateway.counters([1, 2])

    assert by_worker == {1: Counters(both, {"total_transactions": 90}), 2: Counters(none, {"total_transactions": 0})}
    assert shared == {"": Counters(both, {"total_transactions": 90})}


async def test_a_rate_that_nothing_weighs_is_missing_and_no_number_is_no_metric() -> None:
    one = {"pid": 1, "success_rate": 100.0, "requests": 0, "error_rate": 0, "up": True}
    two = {"pid": 2, "success_rate": 50.0, "requests": 0, "error_rate": 0}

    async with answering({"/api/metrics": [one, (200, '{"pid": 2, "load": NaN}'), two]}) as gateway:
        assert await gateway.metrics([1]) == {"success_rate": 100, "requests": 0, "error_rate": 0}
    async with answering({"/api/metrics": [one, two]}) as gateway:
        assert await gateway.metrics([1, 2]) == {"requests": 0}


async def test_metrics_without_one_of_the_workers_are_an_error_and_no_lower_number() -> None:
    async with answering({"/api/metrics": [{"pid": 1, "requests": 5}]}) as gateway:
        with pytest.raises(IntegrationError, match="No metrics came from 1 of 2 workers"):
            await gateway.metrics([1, 2])


async def test_metrics_that_any_worker_gives_for_all_are_taken_from_one() -> None:
    async with answering({"/api/metrics": [{"requests": 5, "success_rate": 0.98}]}, shared_metrics=True) as gateway:
        assert await gateway.metrics([1, 2]) == {"requests": 5, "success_rate": 0.98}


@pytest.mark.parametrize("answer", [(500, '{"requests": 5, "pid": 1}'), (502, "<html>bad gateway</html>")])
async def test_metrics_with_a_bad_status_are_an_error(answer: tuple[int, str]) -> None:
    async with answering({"/api/metrics": [answer]}) as gateway:
        with pytest.raises(IntegrationError, match="/api/metrics answered 50"):
            await gateway.metrics([1])


async def test_a_worker_that_does_not_answer_is_missing() -> None:
    async with answering({"/health": [{"pid": 1, "maintenance": True}, {"pid": 3, "maintenance": False}]}) as gateway:
        assert set(await gateway.health_by_worker([1, 2])) == {1}
        assert await gateway.in_maintenance([1, 2]) == {1: True}


async def test_a_worker_that_does_not_speak_of_maintenance_is_missing() -> None:
    async with answering({"/health": [{"pid": 1}, {"pid": 2, "maintenance": "yes"}]}) as gateway:
        assert await gateway.in_maintenance([1, 2]) == {}


async def test_patience_with_workers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", -1.0)

    async with answering({"/health": [{"pid": 1}]}) as gateway:
        assert await gateway.health_by_worker([1]) == {}


async def test_a_service_that_nobody_answers_for_is_an_error() -> None:
    async with HttpClient() as http:
        gateway = HttpGateway(Config(url=f"http://127.0.0.1:{unused_port()}"), http=http)
        with pytest.raises(IntegrationError, match="cannot be reached"):
            await gateway.health_by_worker([1, 2])


@pytest.mark.parametrize(
    ("answer", "turned_away"),
    [
        pytest.param((503, '{"error": "maintenance"}'), True, id="maintenance"),
        pytest.param((422, '{"error": "bad_amount"}'), False, id="refused as invalid"),
        pytest.param((429, "slow down"), False, id="rate limit"),
    ],
)
async def test_customers_are_turned_away_by_the_maintenance_answer_only(
    answer: tuple[int, str],
    turned_away: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    async with answering({"/api/payments": [answer]}) as gateway:
        assert await gateway.turns_customers_away() is turned_away


@pytest.mark.parametrize("answer", [(503, "no healthy upstream"), (500, "maintenance")])
async def test_a_server_error_of_another_kind_tells_nothing_of_maintenance(answer: tuple[int, str]) -> None:
    async with answering({"/api/payments": [answer]}) as gateway:
        with pytest.raises(IntegrationError, match=f"answered {answer[0]} to a customer's request"):
            await gateway.turns_customers_away()


async def test_probes_that_are_not_configured_say_nothing() -> None:
    async with answering({}, customer=None, pending=None) as gateway:
        assert await gateway.turns_customers_away() is None
        assert await gateway.pending_payments() is None


@pytest.mark.row("G8")
async def test_pending_payments_are_counted(live: Live) -> None:
    assert await live.gateway.pending_payments() == 0


@pytest.mark.parametrize("answer", [(500, '{"count": 3}'), {"payments": []}, (200, "<html>"), (200, "[]")])
async def test_a_count_that_did_not_come_is_an_error_and_not_zero(answer: Answer) -> None:
    async with answering({"/api/payments": [answer]}, pending=PendingProbe(path="/api/payments")) as gateway:
        with pytest.raises(IntegrationError, match="gave no number of pending payments"):
            await gateway.pending_payments()


async def test_a_ping_tells_status_and_latency(live: Live) -> None:
    assert f"{live.demo.url}/health answers 200 in " in await live.gateway.ping()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Config(url="127.0.0.1:3000"), id="no scheme"),
        pytest.param(lambda: Config(url="http://127.0.0.1:3000/api"), id="path in the base"),
        pytest.param(lambda: CustomerProbe(path="api"), id="relative path"),
        pytest.param(lambda: Config.model_validate({"url": "http://h", "healh": "/x"}), id="unknown key"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValidationError):
        make()


async def test_containers_are_told_apart_by_their_hostname_for_each_has_the_same_pid() -> None:
    said = [{"pid": 1, "hostname": "a1", "maintenance": True}, {"pid": 1, "hostname": "b2", "maintenance": False}]
    async with answering({"/health": said}) as gateway:
        assert set(await gateway.health_by_worker(["a1", "b2"])) == {"a1", "b2"}
        assert await gateway.in_maintenance(["a1", "b2"]) == {"a1": True, "b2": False}


async def test_of_several_containers_that_name_no_hostname_nobody_knows_which_answered() -> None:
    async with answering({"/health": [{"pid": 1}]}) as gateway:
        with pytest.raises(Indistinct, match="which of the 2 containers"):
            await gateway.health_by_worker(["a1", "b2"])


async def test_a_single_container_need_not_say_who_it_is_but_another_one_is_not_taken_for_it() -> None:
    async with answering({"/health": [{"pid": 1}], "/health/detailed": [{"pid": 1, "hostname": "old"}]}) as gateway:
        assert set(await gateway.health_by_worker(["a1"])) == {"a1"}
        assert set(await gateway.health_by_worker(["a1"], kind="detailed")) == set()
