"""Digests as people in the channel see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.fleet import Fleet
from bot.demo.workspace import Workspace
from bot.digests.rounds import take_round
from bot.digests.schedules import Schedule
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeBackups, FakeProcesses, backup, service, worker
from tests.fixtures_slack import SlackBot

GATEWAY = service(
    processes=FakeProcesses((worker(0), worker(1, "errored"))),
    backups=FakeBackups((backup(made_at=datetime(2026, 2, 28, tzinfo=UTC)),)),
)


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "killed between the post and its record"])
async def test_a_slot_is_one_message_in_the_channel(
    workspace: Workspace, slack_bot: SlackBot, store: Postgres, deferred: Deferred, clock: SetClock, *, killed: bool
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    plan = Schedule("daily", ops.id, "gateway", "daily 09:30")
    digests = made(plan, store, Fleet((GATEWAY,)), slack_bot.link.chat, clock)
    await digests.tick(clock())
    await digests.tick(clock.advance(timedelta(minutes=30)))
    (job,) = deferred.jobs
    if killed:
        checks = await take_round(GATEWAY, store=store, now=clock())
        await slack_bot.link.chat.post(ops.id, checks, key="digest:daily:2026-03-02T09:30")

    await digests.post(**job.args)  # type: ignore[arg-type]  # as the queue hands them over
    await digests.post(**job.args)  # type: ignore[arg-type]  # and once more, after a stall

    (digest,) = [seen for seen in ana.sees(ops) if seen.thread_ts in (None, "", seen.ts)]
    assert len([seen for seen in ana.sees(ops) if seen is not digest and seen.thread_ts == digest.ts]) == 1
    first, *rest = digest.text.splitlines()
    assert "Health of gateway (production)" in first
    assert "2 fail, 1 warn" in first
    assert "newest is 57.5 h old" in " ".join(rest)
