"""The service's figures over all workers, beside what digests of before said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.core.errors import IntegrationError, NotFound
from bot.core.parts import State
from bot.core.ports import Gateway, MessageRef, Processes, Voice
from bot.core.records import Slot
from bot.core.results import Check, Table
from bot.digests.schedules import Schedule, Schedules
from tests.commands.bench import Bench
from tests.fakes import FakeGateway, FakeProcesses, worker

DAILY = Schedule("daily", "C0OPS", "", "daily 09:00")
OTHER = Schedule("other", "C0OPS", "another-service", "daily 09:00")


@pytest.fixture
def service(bench: Bench) -> Bench:
    bench.ports = {Schedules: Schedules((DAILY, OTHER))}
    return bench


async def rows(bench: Bench, text: str = "metrics") -> dict[str, Sequence[object]]:
    answer = await bench.type(text)
    assert isinstance(answer, Table)
    return {str(name): row for name, *row in answer.rows}


async def posted(bench: Bench, schedule: str, ago: timedelta, *checks: Check) -> None:
    """A digest that was posted so long ago."""
    at = bench.clock() - ago
    slot = Slot(schedule, f"{at:%Y-%m-%dT%H:%M}", at, "claimed")
    async with bench.store.transaction() as tx:
        await tx.slots.claim(slot)
        await tx.slots.settle(
            slot.schedule, slot.slot, state="posted", message=MessageRef("C0OPS", "1.1"), checks=checks
        )


@pytest.mark.row("K1", "K2")
async def test_payments_at_any_worker_count_in_the_metrics_of_the_service(service: Bench) -> None:
    before = await rows(service)
    for _ in range(12):
        status, _body = await service.live.demo.http(
            "/api/payments", method="POST", payload={"amount": 5, "currency": "USDC"}
        )
        assert status == 201
    after = await rows(service)

    made = [float(str(found["daily_transactions"][0]).replace(",", "")) for found in (before, after)]
    assert made[1] - made[0] == 12
    assert str(after["success_rate"][0]).startswith("100 % (ok")
    assert "error_rate" in after


@pytest.mark.row("K2")
async def test_what_the_service_does_not_give_is_not_available_with_the_reason_and_no_zero(service: Bench) -> None:
    service.ports |= {Processes: FakeProcesses((worker(0),)), Gateway: FakeGateway(numbers={"requests": 1234567.0})}

    said = await service.says("metrics")

    assert (await rows(service))["success_rate"] == ["n/a", "n/a", "n/a"]
    assert "the service gives no daily_transactions, success_rate" in said
    assert "1,234,567" in said


@pytest.mark.row("K1", "K2")
async def test_digests_of_a_day_and_of_a_week_ago_are_set_beside(service: Bench) -> None:
    day, week = timedelta(days=1), timedelta(days=7)
    volume, success = ("Transaction volume", State.OK), ("Success rate", State.OK)
    await posted(service, "daily", day, Check(*volume, "1,204 today"), Check(*success, "98.7 %"))
    await posted(service, "daily", day + timedelta(hours=3), Check(*volume, "900 today"))
    await posted(
        service, "daily", week, Check(*volume, "1,100 today"), Check("Success rate", State.UNKNOWN, "not known")
    )
    await posted(service, "other", day, Check(*volume, "7 today"))

    found = await rows(service)

    assert found["daily_transactions"][1:] == ["1,204 today", "1,100 today"]
    assert found["success_rate"][1:] == ["98.7 %", "n/a"]
    assert found["requests"][1:] == ["", ""]


@pytest.mark.row("K2")
async def test_a_rate_that_is_no_rate_is_unknown_and_the_others_are_told(service: Bench) -> None:
    numbers = {"success_rate": 9870.0, "requests": 3.0, "error_rate": 0.0125, "avg_response_time": 1240.517}
    service.ports |= {Processes: FakeProcesses((worker(0),)), Gateway: FakeGateway(numbers=numbers)}

    found = await rows(service)

    assert str(found["success_rate"][0]).startswith("unknown: ")
    assert [found[name][0] for name in ("requests", "error_rate", "avg_response_time")] == ["3", "0.0125", "1,240.52"]


async def test_a_part_of_a_name_chooses_and_a_name_that_is_none_is_refused(service: Bench) -> None:
    chosen = await rows(service, "metrics RATE")

    assert set(chosen) == {"success_rate", "error_rate"}
    with pytest.raises(NotFound, match="gives no speed"):
        await service.type("metrics speed")


async def test_without_a_worker_there_is_nobody_to_ask(service: Bench) -> None:
    service.ports |= {Processes: FakeProcesses((worker(0, "errored"),)), Gateway: FakeGateway()}

    with pytest.raises(IntegrationError, match="No worker is online"):
        await service.type("metrics")


@dataclass(slots=True)
class Boxed(FakeGateway):
    """A service in containers, which know one another's hostnames and no pid of the host."""

    async def metrics(self, voices: Sequence[Voice]) -> Mapping[str, float]:
        return {"requests": float(sum(isinstance(voice, str) for voice in voices))}


async def test_containers_are_asked_by_their_hostname(service: Bench) -> None:
    boxes = tuple(replace(worker(number), hostname=f"box{number}") for number in range(2))
    service.ports |= {Processes: FakeProcesses(boxes), Gateway: Boxed()}

    assert (await rows(service, "metrics requests"))["requests"][0] == "2"
