from __future__ import annotations

import pytest

from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat
from tests.incidents.desk import Desk, fake_slack


@pytest.fixture
def chat() -> FakeChat:
    return fake_slack()


@pytest.fixture
def desk(store: Postgres, chat: FakeChat, clock: SetClock, deferred: Deferred) -> Desk:
    return Desk(store, chat, clock, deferred)
