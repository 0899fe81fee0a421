"""Fixtures that all tests share: a database each, a store on it, a clock; and how a run of them ends."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from hypothesis import settings
from psycopg import AsyncConnection
from pydantic import JsonValue
from redis import Redis

from bot.store.postgres import Postgres
from integrations.envfile import Config as EnvConfig
from integrations.envfile import DotEnvFile
from tests.fixtures_gateway import demo, live, running_gateway  # noqa: F401 - fixtures
from tests.fixtures_incident import incident_bot, incident_rules, room  # noqa: F401 - fixtures are found by name
from tests.fixtures_slack import refuse, slack_bot, workspace  # noqa: F401 - fixtures are found by name
from tests.fixtures_ssh import sshd, start_sshd  # noqa: F401 - fixtures
from tests.leftovers import Leftovers
from tests.namespaces import namespace  # noqa: F401 - a fixture
from tests.postgres import fresh_database, run_cluster, run_folder, stop_cluster, stop_left_behind
from tests.redis_server import PASSWORD, Server, redis_server
from tests.rows import RowRule, refuse_unknown
from tests.skips import SkipRule

AUDIT_KEY = b"a key that only the tests have"

# How long an example takes says how busy the machine is; how fast the bot is, `make bench` measures.
settings.register_profile("usual", deadline=None)
settings.register_profile("thorough", deadline=None)
settings.load_profile("usual")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was deferred."""

    task: str
    lock: str | None
    args: Mapping[str, JsonValue]


@dataclass(slots=True)
class Deferred:
    """Stands where the queue stands: remembers what was deferred, committed or not."""

    jobs: list[Job] = field(default_factory=list)

    async def __call__(
        self, _connection: AsyncConnection[Any], task: str, lock: str | None, args: Mapping[str, JsonValue]
    ) -> None:
        self.jobs.append(Job(task, lock, args))


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until it is told."""

    at: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> datetime:
        """Move on, and say what time it is then."""
        self.at += by
        return self.at


class XdistNode(Protocol):
    """A worker as its controller sees it."""

    config: pytest.Config
    workerinput: dict[str, object]


_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder of this run's cluster, which a worker is told by the process that started it; mind skips."""
    # A shell that runs us in the background has them ignored, and every process that a test starts would inherit it.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    # Hypothesis says this of a large example that fails, and as an error it would hide what failed.
    config.addinivalue_line("filterwarnings", "default:Generating overly large repr")
    # Unasked, structlog draws each traceback with its sources in colours, which takes seconds.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([*structlog.get_config()["processors"][:-1], plain])
    worker = getattr(config, "workerinput", None)
    config.stash[_FOLDER] = Path(worker["cluster"]) if worker else run_folder()
    if not worker:
        config.pluginmanager.register(SkipRule())
        config.pluginmanager.register(RowRule())
        config.pluginmanager.register(Leftovers(config.stash[_FOLDER]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mind the rows that tests name."""
    refuse_unknown(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: with twice as many, what is waited for with patience is starved of them."""
    return 1 + (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: XdistNode) -> None:
    """Tell an xdist worker where the run's cluster is."""
    node.workerinput["cluster"] = str(node.config.stash[_FOLDER])


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """End the cluster once all workers are gone."""
    yield
    if not hasattr(session.config, "workerinput"):
        stop_left_behind()
        stop_cluster(session.config.stash[_FOLDER])


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[str]:
    """The conninfo of the run's one Postgres cluster, shared by all workers."""
    with run_cluster(pytestconfig.stash[_FOLDER]) as conninfo:
        yield conninfo


@pytest.fixture
def database(cluster: str) -> Iterator[str]:
    """The conninfo of a fresh, migrated database."""
    with fresh_database(cluster) as conninfo:
        yield conninfo


@pytest.fixture
def deferred() -> Deferred:
    """The jobs that `store` was asked to defer."""
    return Deferred()


@pytest.fixture
async def store(database: str, deferred: Deferred) -> AsyncIterator[Postgres]:
    async with Postgres.open(database, defer=deferred, audit_key=AUDIT_KEY) as store:
        yield store


@pytest.fixture
async def other_store(database: str, deferred: Deferred) -> AsyncIterator[Postgres]:
    """The same database as another replica sees it."""
    async with Postgres.open(database, defer=deferred, audit_key=AUDIT_KEY) as store:
        yield store


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Redis with a password, for all tests of one worker process."""
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def redis_service(redis_port: int, tmp_path: Path) -> Iterator[Server]:
    """That Redis, empty and as it was started."""
    env = DotEnvFile(EnvConfig(path=str(tmp_path / ".env")), data=tmp_path)
    with Redis(port=redis_port, password=PASSWORD, decode_responses=True) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_resetstat()
        yield Server(redis_port, client, env)
