"""What the shared steps see, with the outside as it is only on bad days; the good ones are in test_maintenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.core.errors import Conflict, Indistinct, IntegrationError
from bot.core.plan import Attempt, Observation, Verdict
from bot.core.ports import EnvFile, EnvKey, Health, Voice, Worker
from bot.operations import effects
from bot.operations.effects import (
    EnvSet,
    Maintenance,
    Reload,
    remember_workers,
    see_key,
    see_maintenance,
    see_reload,
    set_key,
)
from tests.fakes import FakeGateway, FakeProcesses, worker

OLD = (worker(0), worker(1))
NEW = (replace(worker(0), pid=2000), replace(worker(1), pid=2001))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between the two looks at new workers."""
    monkeypatch.setattr(effects, "_STABLE", timedelta())


@dataclass(slots=True)
class Changing(FakeProcesses):
    """A process manager that shows other workers at each look; the last ones stay."""

    later: list[tuple[Worker, ...]] = field(default_factory=list)
    busy: bool = False

    async def workers(self) -> tuple[Worker, ...]:
        seen = self.found
        if self.later:
            self.found = self.later.pop(0)
        return seen

    async def wait_idle(self) -> None:
        if self.busy:
            raise Conflict("Another change still runs.")


@dataclass(slots=True)
class Door(FakeGateway):
    """A service whose workers say `said` of maintenance, and that answers a customer with `away` in turn."""

    said: dict[Voice, bool] = field(default_factory=dict)
    away: list[bool | None] = field(default_factory=lambda: [None])
    waiting: int | Exception | None = None
    unreachable: bool = False

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        if self.unreachable:
            raise IntegrationError("connection refused")
        return await FakeGateway.health_by_worker(self, voices, kind=kind)

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        return {voice: self.said[voice] for voice in voices if voice in self.said}

    async def turns_customers_away(self) -> bool | None:
        self.away.append(self.away[0])
        return self.away.pop(0)

    async def pending_payments(self) -> int | None:
        if isinstance(self.waiting, Exception):
            raise self.waiting
        return self.waiting


@dataclass(slots=True)
class Variables:
    """An environment file in memory."""

    values: dict[str, str | None]
    path: str = "/srv/app/.env"

    async def read(self, key: str) -> EnvKey:
        value = self.values.get(key)
        return EnvKey(key, value, () if value is None else (3,))

    async def write(self, key: str, value: str | None, *, expected: str | None) -> None:
        assert self.values.get(key) == expected
        self.values[key] = value

    async def secrets(self) -> tuple[str, ...]:
        return ()

    async def secret_keys(self) -> tuple[str, ...]:
        return ()


async def test_a_key_is_done_when_the_file_says_so() -> None:
    env: EnvFile = Variables({"LOG_LEVEL": "info"})
    attempt = Attempt(EnvSet(key="LOG_LEVEL", old="info", new="debug"), {})
    before = await see_key(attempt, env=env)

    said = await set_key(attempt, env=env)

    assert before == Observation(Verdict.NOT_DONE, "LOG_LEVEL is info on line 3.")
    assert said == "LOG_LEVEL info -> debug in /srv/app/.env"
    assert await see_key(attempt, env=env) == Observation(Verdict.DONE, "LOG_LEVEL is debug on line 3.")


async def test_a_key_that_goes_is_done_when_it_is_absent() -> None:
    env: EnvFile = Variables({})
    attempt = Attempt(EnvSet(key="LOG_LEVEL", old="debug", new=None), {})

    assert await see_key(attempt, env=env) == Observation(Verdict.DONE, "LOG_LEVEL is absent.")


async def test_a_reload_remembers_the_pids_that_have_to_go() -> None:
    assert await remember_workers(Reload(), processes=FakeProcesses(OLD)) == {"pids": [1000, 1001]}


@pytest.mark.row("D1")
@pytest.mark.parametrize(
    ("processes", "gateway", "evidence"),
    [
        pytest.param(Changing(()), Door(), "The process manager lists no worker.", id="gone"),
        pytest.param(
            Changing((NEW[0], replace(NEW[1], status="errored", pid=0, restarts=16))),
            Door(),
            "Worker 1 is errored after 16 restarts.",
            id="errored",
        ),
        pytest.param(Changing((NEW[0], OLD[1])), Door(), "Worker 1001 is still the old one.", id="half done"),
        pytest.param(Changing((NEW[0],)), Door(), "1 of 2 workers are left.", id="fewer"),
        pytest.param(
            Changing(NEW, later=[(NEW[0], replace(NEW[1], pid=2002, restarts=1))]),
            Door(),
            "Worker 1 keeps restarting.",
            id="crashes again and again",
        ),
        pytest.param(
            Changing(NEW, later=[(NEW[0], replace(NEW[1], status="stopped", pid=0))]),
            Door(),
            "Worker 1 is stopped after 0 restarts.",
            id="stops a moment later",
        ),
        pytest.param(
            Changing(NEW), Door(unreachable=True), "No worker answers health: connection refused", id="nobody listens"
        ),
        pytest.param(Changing(NEW), Door(statuses={2001: 0}), "Worker 2001 does not answer health.", id="one is deaf"),
        pytest.param(
            Changing(NEW), Door(statuses={2000: 500}), "Worker 2000 answers health with 500.", id="one is ill"
        ),
    ],
)
async def test_a_reload_that_ends_badly_is_not_done(processes: Changing, gateway: Door, evidence: str) -> None:
    attempt = Attempt(Reload(), {"pids": [1000, 1001]})

    assert await see_reload(attempt, processes=processes, gateway=gateway) == Observation(Verdict.NOT_DONE, evidence)


async def test_new_steady_workers_that_answer_are_a_reload() -> None:
    seen = await see_reload(Attempt(Reload(), {"pids": [1000, 1001]}), processes=Changing(NEW), gateway=Door())

    assert seen == Observation(Verdict.DONE, "2 workers with new pids (2000, 2001), steady, and each answers health.")


async def test_a_reload_is_not_looked_at_while_one_still_runs() -> None:
    with pytest.raises(Conflict, match="still runs"):
        await see_reload(Attempt(Reload(), {"pids": []}), processes=Changing(NEW, busy=True), gateway=Door())


ALL_ON: dict[Voice, bool] = {1000: True, 1001: True}
ALL_OFF: dict[Voice, bool] = {1000: False, 1001: False}


@pytest.mark.row("G6")
@pytest.mark.parametrize(
    ("gateway", "verdict", "evidence"),
    [
        pytest.param(
            Door(said=ALL_ON, away=[True]),
            Verdict.DONE,
            "Health is good; 2 of 2 workers say that maintenance is on; a customer's request is turned away.",
            id="all agree",
        ),
        pytest.param(
            Door(said=ALL_ON), Verdict.DONE, "Health is good; 2 of 2 workers say that maintenance is on.", id="no probe"
        ),
        pytest.param(
            Door(away=[True]), Verdict.DONE, "Health is good; a customer's request is turned away.", id="only the probe"
        ),
        pytest.param(
            Door(),
            Verdict.UNKNOWN,
            "Worker 1000, 1001 does not tell whether maintenance is on.",
            id="nothing to ask",
        ),
        pytest.param(
            Door(said={1000: True}, away=[True]),
            Verdict.UNKNOWN,
            "Worker 1001 does not tell whether maintenance is on.",
            id="one is silent",
        ),
        pytest.param(
            Door(said={1000: True, 1001: False}, away=[True, False]),
            Verdict.NOT_DONE,
            "Worker 1001 says that maintenance is off; a customer's request is still let in.",
            id="one worker has it not",
        ),
        pytest.param(
            Door(said=ALL_ON, away=[True], statuses={1001: 503}),
            Verdict.NOT_DONE,
            "Worker 1001 answers health with 503.",
            id="health is gone too",
        ),
    ],
)
async def test_maintenance_is_on_when_workers_and_customers_say_so(
    gateway: Door, verdict: Verdict, evidence: str
) -> None:
    seen = await see_maintenance(Attempt(Maintenance(on=True), {}), processes=FakeProcesses(OLD), gateway=gateway)

    assert seen == Observation(verdict, evidence)


async def test_maintenance_of_a_service_without_workers_is_not_done() -> None:
    seen = await see_maintenance(Attempt(Maintenance(on=True), {}), processes=FakeProcesses(()), gateway=Door())

    assert seen == Observation(Verdict.NOT_DONE, "No worker runs.")


@pytest.mark.row("G8")
@pytest.mark.parametrize(
    ("waiting", "told"),
    [
        (None, ""),
        (3, " Payments still pending: 3."),
        (IntegrationError("no answer"), " Payments still pending: unknown (no answer)"),
    ],
)
async def test_the_end_tells_how_many_payments_still_wait(waiting: int | Exception | None, told: str) -> None:
    gateway = Door(said=dict(ALL_OFF), away=[False], waiting=waiting)

    seen = await see_maintenance(Attempt(Maintenance(on=False), {}), processes=FakeProcesses(OLD), gateway=gateway)

    assert seen == Observation(
        Verdict.DONE,
        f"Health is good; 2 of 2 workers say that maintenance is off; a customer's request is let in.{told}",
    )


async def test_a_customer_who_is_still_turned_away_is_told() -> None:
    gateway = Door(said=dict(ALL_OFF), away=[True])

    seen = await see_maintenance(Attempt(Maintenance(on=False), {}), processes=FakeProcesses(OLD), gateway=gateway)

    assert seen == Observation(Verdict.NOT_DONE, "A customer's request is still turned away.")


BOXES = (replace(worker(1), hostname="a1"), replace(worker(2), hostname="b2"))
"""Two containers."""


@dataclass(slots=True)
class Chorus(Door):
    """A service whose answers do not tell which container gave them; `answers` come in turn."""

    answers: list[Health] = field(default_factory=lambda: [well("a" * 40)])

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        raise Indistinct(f"Which of {len(voices)} said {kind}?")

    async def health(self, kind: str = "basic") -> Health:
        answer = self.answers.pop(0)
        self.answers.append(answer)
        return replace(answer, url=f"http://127.0.0.1/{kind}")


def well(build: str, status: int = 200) -> Health:
    return Health("http://127.0.0.1/health", status, 0.01, {"sha": build})


@pytest.mark.parametrize(
    ("answers", "verdict", "evidence"),
    [
        pytest.param(
            [well("a" * 40)], Verdict.UNKNOWN, "16 answers of health were good, but unknown is whose", id="well"
        ),
        pytest.param(
            [well("a" * 40), well("a" * 40, 503)], Verdict.NOT_DONE, "Of 16 answers of health some are 503.", id="ill"
        ),
        pytest.param(
            [well("a" * 40), well("b" * 40)],
            Verdict.NOT_DONE,
            "The workers are of different builds: aaaaaaaaaaaa, bbbbbbbbbbbb.",
            id="an old one is left",
        ),
    ],
)
async def test_containers_that_cannot_be_told_apart_are_never_seen_to_be_well_each(
    answers: list[Health], verdict: Verdict, evidence: str
) -> None:
    seen = await see_reload(Attempt(Reload(), {"pids": []}), processes=Changing(BOXES), gateway=Chorus(answers=answers))

    assert seen.verdict is verdict
    assert seen.evidence.startswith(evidence)


async def test_maintenance_of_containers_that_cannot_be_told_apart_is_unknown_but_a_customer_let_in_is_a_fault() -> (
    None
):
    attempt = Attempt(Maintenance(on=True), {})

    away = await see_maintenance(attempt, processes=FakeProcesses(BOXES), gateway=Chorus(away=[True]))
    let_in = await see_maintenance(attempt, processes=FakeProcesses(BOXES), gateway=Chorus(away=[False]))

    assert away.verdict is Verdict.UNKNOWN
    assert let_in == Observation(Verdict.NOT_DONE, "A customer's request is still let in.")
