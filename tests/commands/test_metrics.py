"""The service's figures over all workers, beside what checks found before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.core.errors import IntegrationError, NotFound
from bot.core.parts import State
from bot.core.ports import Gateway, Processes, Voice
from bot.core.readings import Reading
from bot.core.results import Table
from tests.commands.bench import Bench
from tests.fakes import FakeGateway, FakeProcesses, worker


async def rows(bench: Bench, text: str = "metrics") -> dict[str, Sequence[object]]:
    answer = await bench.type(text)
    assert isinstance(answer, Table)
    return {str(name): row for name, *row in answer.rows}


async def found(bench: Bench, check: str, ago: timedelta, said: str, *, state: State = State.OK, of: str = "") -> None:
    """What a check found so long ago."""
    value = None if state is State.UNKNOWN else 1.0
    reading = Reading(of or bench.service.name, check, bench.clock() - ago, state, value, "", said)
    async with bench.store.transaction() as tx:
        await tx.readings.add([reading])


@pytest.mark.row("K1", "K2")
async def test_payments_at_any_worker_count_in_the_metrics_of_the_service(bench: Bench) -> None:
    before = await rows(bench)
    for _ in range(12):
        status, _body = await bench.live.demo.http(
            "/api/payments", method="POST", payload={"amount": 5, "currency": "USDC"}
        )
        assert status == 201
    after = await rows(bench)

    made = [float(str(found["daily_transactions"][0]).replace(",", "")) for found in (before, after)]
    assert made[1] - made[0] == 12
    assert after["success_rate"][0] == "100 %"
    assert "error_rate" in after


@pytest.mark.row("K2")
async def test_what_the_service_does_not_give_is_not_available_with_the_reason_and_no_zero(bench: Bench) -> None:
    bench.ports |= {Processes: FakeProcesses((worker(0),)), Gateway: FakeGateway(numbers={"requests": 1234567.0})}

    said = await bench.says("metrics")

    assert (await rows(bench))["success_rate"] == ["n/a", "n/a", "n/a"]
    assert "the service gives no daily_transactions, success_rate" in said
    assert "1,234,567" in said


@pytest.mark.row("K1", "K2")
async def test_what_was_found_a_day_and_a_week_ago_is_set_beside(bench: Bench) -> None:
    day, week, volume = timedelta(days=1), timedelta(days=7), "Transaction volume"
    await found(bench, volume, day - timedelta(minutes=4), "1,204 today")
    await found(bench, volume, day + timedelta(minutes=9), "1,190 today")
    await found(bench, volume, day, "7 today", of="another-service")
    await found(bench, volume, week, "1,100 today")
    await found(bench, "Success rate", day, "98.7 %", state=State.WARN)
    await found(bench, "Success rate", week, "not known", state=State.UNKNOWN)
    await found(bench, "Response time", week + timedelta(hours=3), "240 ms")

    there = await rows(bench)

    assert there["daily_transactions"][1:] == ["1,204 today", "1,100 today"]
    assert there["success_rate"][1:] == ["98.7 %", "n/a"]
    assert there["avg_response_time"][1:] == ["n/a", "n/a"]
    assert there["requests"][1:] == ["", ""]


@pytest.mark.row("K2")
async def test_a_rate_that_is_no_rate_is_unknown_and_the_others_are_told(bench: Bench) -> None:
    numbers = {"success_rate": 9870.0, "requests": 3.0, "error_rate": 0.0125, "avg_response_time": 1240.517}
    bench.ports |= {Processes: FakeProcesses((worker(0),)), Gateway: FakeGateway(numbers=numbers)}

    found = await rows(bench)

    assert str(found["success_rate"][0]).startswith("unknown: ")
    assert [found[name][0] for name in ("requests", "error_rate", "avg_response_time")] == ["3", "0.0125", "1,240.52"]


async def test_a_part_of_a_name_chooses_and_a_name_that_is_none_is_refused(bench: Bench) -> None:
    chosen = await rows(bench, "metrics RATE")

    assert set(chosen) == {"success_rate", "error_rate"}
    with pytest.raises(NotFound, match="gives no speed"):
        await bench.type("metrics speed")


async def test_without_a_worker_there_is_nobody_to_ask(bench: Bench) -> None:
    bench.ports |= {Processes: FakeProcesses((worker(0, "errored"),)), Gateway: FakeGateway()}

    with pytest.raises(IntegrationError, match="No worker is online"):
        await bench.type("metrics")


@dataclass(slots=True)
class Boxed(FakeGateway):
    """A service in containers, which know one another's hostnames and no pid of the host."""

    async def metrics(self, voices: Sequence[Voice]) -> Mapping[str, float]:
        return {"requests": float(sum(isinstance(voice, str) for voice in voices))}


async def test_containers_are_asked_by_their_hostname(bench: Bench) -> None:
    boxes = tuple(replace(worker(number), hostname=f"box{number}") for number in range(2))
    bench.ports |= {Processes: FakeProcesses(boxes), Gateway: Boxed()}

    assert (await rows(bench, "metrics requests"))["requests"][0] == "2"
