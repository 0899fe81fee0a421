"""What each kind of digest says, from a real store with a past."""
# ruff: noqa: ARG002 - a port names parameters that its fake can do without

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.access_log import AccessLog, Entry, Request, Traffic
from bot.core.dependencies import Dependencies, Weakness
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.fleet import Fleet, Service
from bot.core.incidents import Incident
from bot.core.parts import State
from bot.core.ports import Backups
from bot.core.readings import Reading
from bot.core.results import Digest, Document
from bot.core.schedules import Template
from bot.core.search import Pattern
from bot.digests.digest import Digests
from bot.digests.edition import Order
from bot.digests.editions import edition
from bot.digests.schedules import Schedule
from bot.store.postgres import Postgres
from bot.views import Templates, render
from tests.conftest import Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeBackups, FakeChat, FakeProcesses, backup, service, worker

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Log:
    """An access log of these requests."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests

    async def newest(self, *, since: datetime, wanted: Pattern | None = None, count: int = 0) -> Traffic:
        return Traffic(tuple(Entry("", request) for request in self.requests), since - DAY)


class Packages:
    """A registry that knows these faults, or does not answer."""

    def __init__(self, found: tuple[Weakness, ...] | IntegrationError) -> None:
        self.found = found

    async def weaknesses(self) -> tuple[Weakness, ...]:
        if isinstance(self.found, IntegrationError):
            raise self.found
        return self.found


def requests(path: str, took: float | None, *, status: int = 200, count: int = 10) -> list[Request]:
    return [Request(NOW - timedelta(hours=each), "203.0.113.7", "GET", path, status, took) for each in range(count)]


def gateway(**ports: object) -> Service:
    kinds = {"log": AccessLog, "packages": Dependencies, "backups": Backups}
    plain = service(processes=FakeProcesses((worker(0),)))
    return Service(
        plain.name,
        plain.environment,
        plain.host,
        {**plain.ports, **{kinds[name]: each for name, each in ports.items()}},
    )


def order(store: Postgres, template: Template, shop: Service, now: datetime = NOW) -> Order:
    plan = Schedule("review", "C0OPS", "gateway", "1st of the month 09:00", "Europe/Berlin", template=template)
    return Order(plan, shop, now, store)


async def remember(store: Postgres, check: str, unit: str, days: int, value: float, *, step: float = 0.0) -> None:
    """A reading each quarter of a day, which grows by `step` a day."""
    found = [
        Reading("gateway", check, NOW - DAY * each / 4, State.OK, value - step * each / 4, unit)
        for each in range(4 * days)
    ]
    async with store.transaction() as tx:
        await tx.readings.add(found)


def text(document: Document) -> str:
    return Templates().render(f"digest_{document.template.value}.md.j2", document=document)


@pytest.mark.row("L")
async def test_the_week_tells_trends_slow_endpoints_refusals_and_what_was_done(store: Postgres) -> None:
    await remember(store, "Success rate", "%", 7, 99.0)
    await remember(store, "Disks", "%", 7, 80.0, step=2.0)
    async with store.transaction() as tx:
        await tx.readings.add([Reading("gateway", "Success rate", NOW - 10 * DAY, State.OK, 90.0, "%")])
        await tx.incidents.declare(incident("Card payments fail", private=False))
        await tx.incidents.declare(incident("Somebody has our keys", private=True))
    log = Log(
        [
            *requests("/api/pay", 1.5),
            *requests("/api/health", 0.01),
            *requests("/login", None, status=401, count=3),
            *requests("/api/pay", None, status=429, count=2),
        ]
    )

    found = await edition(order(store, Template.WEEKLY, gateway(log=log)))
    told = text(found.document)

    assert ("Success rate", "99 %", "90 %", "+10%") in found.message.rows
    assert "| Success rate | 99 % | 90 % |" in told
    assert "GET /api/pay: 1.50 s" in told
    assert "Disk full: in 10 days, as it goes" in told.split("## Capacity")[1]
    assert "2 for their number, 3 for want of a login" in told
    assert "incident 1: Card payments fail" in told
    assert "keys" not in told
    assert "keys" not in str(found.pictures)
    assert sorted(found.pictures) == ["gateway-30-days.png", "gateway-7-days.png"]


@pytest.mark.row("L")
async def test_an_hour_of_failures_is_seen_in_the_picture_of_a_month(store: Postgres) -> None:
    await remember(store, "Success rate", "%", 30, 99.0)
    async with store.transaction() as tx:
        await tx.readings.add([Reading("gateway", "Success rate", NOW - 9.1 * DAY, State.FAIL, 71.0, "%")])

    found = await edition(order(store, Template.WEEKLY, gateway()))

    assert "Success rate: 71 to 99 %" in found.pictures["gateway-30-days.png"].words


@pytest.mark.row("L")
async def test_a_log_without_durations_leaves_the_slowest_endpoints_unknown_with_what_to_do(store: Postgres) -> None:
    found = await edition(order(store, Template.WEEKLY, gateway(log=Log(requests("/api/pay", None)))))

    (slowest,) = [check for check in found.message.eyes if check.name == "Slowest endpoints"]
    assert slowest.state is State.UNKNOWN
    assert "$request_time" in slowest.evidence


@pytest.mark.row("M1")
@pytest.mark.row("M2")
async def test_the_month_proves_its_backups_and_tells_faults_of_packages(store: Postgres) -> None:
    backups = FakeBackups(tuple(backup(made_at=NOW - DAY * each) for each in range(25)))
    packages = Packages((Weakness("left-pad", "high", "<2", ("Takes commands",), direct=True, mended_by="2.0.0"),))

    found = await edition(order(store, Template.MONTHLY, gateway(backups=backups, packages=packages)))

    eyes = {check.name: check for check in found.message.eyes}
    assert eyes["Backups of the month"].value == "25 whole ones on 25 of 30 days"
    assert "last 25 days ago" in eyes["Backups of the month"].evidence
    assert eyes["Packages with known faults"].value == "1 high"
    assert "Next review: 2026-04-01." in found.message.notes


async def test_an_audit_that_is_not_answered_is_unknown_and_not_without_faults(store: Postgres) -> None:
    shop = gateway(packages=Packages(OutcomeUnknown("The registry did not answer.")))

    found = await edition(order(store, Template.MONTHLY, shop))

    (packages,) = [check for check in found.message.eyes if check.name == "Packages with known faults"]
    assert (packages.state, packages.evidence) == (State.UNKNOWN, "The registry did not answer.")
    assert found.message.state is not State.OK


@pytest.mark.row("V")
@pytest.mark.row("M3")
async def test_what_was_not_done_is_carried_over_with_its_owner_until_it_is(store: Postgres) -> None:
    march = await edition(order(store, Template.MONTHLY, gateway()))
    again = await edition(order(store, Template.MONTHLY, gateway()))
    async with store.transaction() as tx:
        (row,) = await tx.checklists.opened(kind="review", service="gateway")
        for item in await tx.checklists.items(row.id):
            await tx.checklists.own(item.id, owner="U0ANA")
            if item.name != "queries":
                await tx.checklists.tick(item.id, by="U0ANA", at=NOW, evidence="")
    april = await edition(order(store, Template.MONTHLY, gateway(), NOW + 31 * DAY))
    may = await edition(order(store, Template.MONTHLY, gateway(), NOW + 62 * DAY))

    assert march.tasks
    assert april.tasks
    assert may.tasks
    assert march.tasks == (again.tasks)
    assert len(march.tasks.items) == 11
    assert may.tasks.title == "Monthly review of gateway, 2026-05"
    carried = {item.text: item.owner for item in may.tasks.items if "2026-03" in item.text}
    assert list(carried) == ["Analyze slow queries (carried over since 2026-03)"]
    assert "U0ANA" in str(carried)
    assert len([item for item in april.tasks.items if "carried over" in item.text]) == 1


@pytest.mark.row("U")
async def test_the_performance_report_says_why_a_figure_is_not_available(
    store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await remember(store, "Response time", "ms", 7, 120.0)
    chat = FakeChat()
    plan = Schedule("report", "C0OPS", "gateway", "daily 09:30", template=Template.PERFORMANCE)
    digests: Digests = made(plan, store, Fleet((gateway(),)), chat, clock)
    clock.at = NOW
    await digests.tick(NOW)
    await digests.tick(clock.advance(timedelta(minutes=30)))
    (job,) = deferred.jobs
    await digests.post("report", str(job.args["slot"]))
    await digests.post("report", str(job.args["slot"]), again=True)

    written, picture = chat.files
    assert written[1] == "gateway-performance-20260302.md"
    for heading in ("# Performance Report", "## Transaction Metrics", "## System Metrics", "## Recommendations"):
        assert heading in written[2]
    assert "Success Rate: n/a (nothing is configured that tells it)" in written[2]
    assert "| Response time | 120 ms |" in written[2]
    assert "TODO" in written[2]
    assert picture[1] == "gateway-7-days.png"
    assert "Response time: 120 to 120 ms" in picture[2]


async def test_a_digest_in_which_all_is_well_is_short(store: Postgres) -> None:
    fine = await edition(order(store, Template.DAILY, service(processes=FakeProcesses((worker(0),)))))
    payload = render(Digest(fine.message.title, State.OK, "8 checks: 8 ok", NOW))

    assert payload.text == "✓ ok · Health of gateway (production): 8 checks: 8 ok"
    assert len(payload.blocks) == 2


async def test_a_picture_that_slack_refuses_is_told_in_words_once(
    store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await remember(store, "Success rate", "%", 7, 99.0)
    chat = FakeChat(refuses={"picture": "missing_scope"})
    plan = Schedule("daily", "C0OPS", "gateway", "daily 09:30")
    digests = made(plan, store, Fleet((gateway(),)), chat, clock)
    clock.at = NOW
    await digests.tick(NOW)
    await digests.tick(clock.advance(timedelta(minutes=30)))
    await digests.post("daily", "2026-03-02T09:30")
    await digests.post("daily", "2026-03-02T09:30", again=True)

    refused = [str(each) for each in chat.posted("C0OPS") if "could not be shared" in str(each)]
    assert len(refused) == 2
    assert "Success rate: 99 to 99 %" in refused[0]


def incident(title: str, *, private: bool) -> Incident:
    return Incident(
        0,
        title,
        "High",
        "open",
        f"C0{'X' if private else 'Y'}",
        "U0ANA",
        "U0ANA",
        NOW - DAY,
        services=("gateway",),
        private=private,
    )
