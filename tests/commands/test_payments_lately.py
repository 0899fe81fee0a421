"""How payments were lately, from counters of real workers that are never set back but by a start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from aiohttp import web

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.fleet import Fleet
from bot.core.parts import State
from bot.core.results import Check, Checks, Status
from bot.digests.edition import Order
from bot.digests.editions import edition
from bot.digests.lately import FEWEST
from bot.digests.pulse import Patience
from bot.digests.schedules import Schedule
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from tests.commands.bench import CHANNEL, Bench
from tests.fixtures_gateway import pm2_cli, pm2_list

pytestmark = [pytest.mark.row("K2"), pytest.mark.timeout(120)]

MINUTE = timedelta(minutes=1)
SUCCESS, RESPONSE, VOLUME = "Success rate", "Response time", "Transaction volume"


@dataclass(slots=True)
class Shop:
    """The gateway with a provider that takes payments, or refuses them."""

    bench: Bench
    refuses: bool = False

    async def answer(self, _: web.Request) -> web.Response:
        return web.json_response({"code": "DOWN"}, status=500) if self.refuses else web.json_response({}, status=201)

    async def pay(self, good: int = 0, bad: int = 0) -> None:
        """Payments at any worker, in both ways."""
        order = {"amount": 5, "currency": "USDC"}
        for refuses, count in ((False, good), (True, bad)):
            self.refuses = refuses
            for _ in range(count):
                status, _ = await self.bench.live.demo.http("/api/payments", method="POST", payload=order)
                assert status == (HTTPStatus.BAD_GATEWAY if refuses else HTTPStatus.CREATED)

    async def check(self, name: str = SUCCESS) -> Check:
        """What `checks` says of it, a minute later."""
        self.bench.clock.advance(MINUTE)
        found = await self.bench.type("checks")
        assert isinstance(found, Checks)
        return next(check for check in found.checks if check.name == name)

    def start_again(self) -> None:
        """Start every worker anew, with a new pid and counters from nothing."""
        before = {pid for _, pid, _ in pm2_list(self.bench.live.demo)}
        assert pm2_cli(self.bench.live.demo, "reload", "ecosystem.config.js").returncode == 0
        assert not before & {pid for _, pid, _ in pm2_list(self.bench.live.demo)}


@pytest.fixture
async def shop(bench: Bench) -> AsyncIterator[Shop]:
    shop = Shop(bench)
    app = web.Application()
    app.router.add_post("/{anything:.*}", shop.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = bench.live.demo.env_file
    lines = [line for line in file.read_text().splitlines() if not line.startswith("CROSSMINT_API_URL=")]
    file.write_text("\n".join([*lines, f"CROSSMINT_API_URL=http://127.0.0.1:{runner.addresses[0][1]}", ""]))
    shop.start_again()
    yield shop
    await runner.cleanup()


async def test_a_burst_that_is_over_is_told_as_long_as_it_lasts_and_no_longer(shop: Shop) -> None:
    await shop.pay(good=150)
    before = await shop.check()
    await shop.pay(good=10, bad=15)
    burst = await shop.check()
    await shop.pay(good=25)
    after = await shop.check()

    assert [each.state for each in (before, burst, after)] == [State.OK, State.FAIL, State.OK]
    assert burst.value == "40 %"
    assert "15 of 25 payments in 1m failed." in burst.evidence
    assert after.value == "100 %"
    assert "0 of 25 payments in 1m failed." in after.evidence


async def test_what_workers_counted_before_they_were_started_again_is_neither_lost_nor_counted_twice(
    shop: Shop,
) -> None:
    await shop.pay(bad=30)
    before = await shop.check()
    shop.start_again()
    await shop.pay(good=29, bad=1)
    after = await shop.check()

    assert before.evidence.startswith("30 of 30 payments")
    assert after.state is State.WARN
    assert "1 of 30 payments in 1m failed." in after.evidence


async def test_too_few_payments_are_unknown_and_never_good(shop: Shop) -> None:
    await shop.pay(good=30)
    await shop.check()
    shop.bench.clock.advance(timedelta(hours=1))
    await shop.pay(bad=FEWEST - 1)
    few = await shop.check()
    shop.bench.clock.advance(timedelta(hours=2))
    none = await shop.check()
    status = await shop.bench.type("status")

    assert (few.state, few.value) == (State.UNKNOWN, "too few payments")
    assert (none.state, none.value, none.measure) == (State.UNKNOWN, "no payments", None)
    assert isinstance(status, Status)
    assert any("no payments" in str(each.value) for each in status.services[0].fields if each.name == "Rates")


async def test_the_time_that_payments_take_is_that_of_the_last_ones(shop: Shop) -> None:
    await shop.pay(good=30)
    first = await shop.check(RESPONSE)
    await shop.pay(good=FEWEST)
    second = await shop.check(RESPONSE)

    assert "30 payments" in first.evidence
    assert second.state is State.OK
    assert f"Of {FEWEST} payments in 1m." in second.evidence


@pytest.mark.row("K1")
@pytest.mark.parametrize(("day", "least"), [(0, "at least "), (1, "")], ids=["started today", "started yesterday"])
async def test_the_payments_of_the_day_are_those_before_a_reload_too(shop: Shop, day: int, least: str) -> None:
    shop.bench.clock.at = datetime.now(UTC) + timedelta(days=day)
    await shop.pay(good=30)
    before = await shop.check(VOLUME)
    shop.start_again()
    await shop.pay(good=5)
    after = await shop.check(VOLUME)

    assert (before.value, after.value) == (f"{least}30 today", f"{least}35 today")
    assert after.evidence.startswith("30 of them at workers that have ended.")
    assert after.state is State.OK


async def digest(shop: Shop) -> Check:
    """What the daily digest says of it, a minute later."""
    shop.bench.clock.advance(MINUTE)
    plan = Schedule("health", CHANNEL, shop.bench.service.name, "daily 09:00")
    made = await edition(Order(plan, shop.bench.service, shop.bench.clock(), shop.bench.store))
    return next(check for check in made.checks if check.name == SUCCESS)


async def test_the_digest_is_of_the_day_and_no_better_than_how_it_is_now(shop: Shop) -> None:
    shop.bench.clock.at = datetime.now(UTC)  # the workers were started just now
    await shop.pay(good=100)
    await shop.check()
    await shop.pay(good=100, bad=25)
    await shop.check()
    shop.bench.clock.advance(timedelta(hours=9))
    night = await digest(shop)
    shop.bench.clock.advance(timedelta(hours=25))
    await shop.check()
    await shop.pay(good=400)
    shop.bench.clock.advance(timedelta(hours=12))
    await shop.check()
    await shop.pay(good=15, bad=10)
    now = await digest(shop)

    assert (night.state, night.value) == (State.FAIL, "88.89 %")
    assert "25 of 225 payments in 9h" in night.evidence
    assert "0 payments in 9h" in night.evidence
    assert (now.state, now.value) == (State.FAIL, "60 %")
    assert "10 of 425 payments in 12h2m failed. 10 of 25 payments in 1m failed." in now.evidence


def watching(bench: Bench) -> Watches:
    """A watch of nothing but the success rate, of which two of three looks make a problem and two end it."""
    off = frozenset({check.name for check in WatchPlan(bench.service.name, CHANNEL).checks(bench.service)}) - {SUCCESS}
    plan = WatchPlan(bench.service.name, CHANNEL, MINUTE, off, Patience(2, 3, 2))
    take = Intake(AlertRules("", watches={bench.service.name: CHANNEL}), bench.clock).take
    return Watches(WatchPlans((plan,)), bench.store, Fleet((bench.service,)), bench.clock, take, str, bench.registry)


async def firing(bench: Bench) -> list[str]:
    async with bench.store.transaction() as tx:
        return [view.worst[0].title for view in await tx.alerts.firing(now=bench.clock())]


async def test_an_alert_ends_as_soon_as_payments_succeed_again_and_not_for_want_of_payments(shop: Shop) -> None:
    bench = shop.bench
    told: list[list[str]] = []
    await shop.pay(good=100)
    for good, bad, hours in ((25, 0, 0), (5, 20, 0), (5, 20, 0), (0, 0, 2), (0, 0, 0), (25, 0, 0), (25, 0, 0)):
        await shop.pay(good, bad)
        bench.clock.advance(MINUTE + timedelta(hours=hours))
        await watching(bench).look(bench.service.name)
        told.append(await firing(bench))

    assert told[:2] == [[], []]
    assert told[2] == [f"{SUCCESS}: 20 %"]
    assert told[3:5] == [[f"{SUCCESS}: no payments"]] * 2
    assert told[5:] == [[f"{SUCCESS}: 100 %"], []]


async def test_a_night_without_payments_wakes_nobody(shop: Shop) -> None:
    await shop.pay(good=30)
    for _ in range(12):
        shop.bench.clock.advance(timedelta(minutes=30))
        await watching(shop.bench).look(shop.bench.service.name)

    assert await firing(shop.bench) == []
