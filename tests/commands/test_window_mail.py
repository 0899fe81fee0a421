"""What is mailed of a maintenance window, and what the bot says of it when the mail server does not do as usual."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.mail import Scrub
from bot.core.results import OperationState
from bot.core.windows import WindowState
from tests.commands.bench import CHIEF, Bench
from tests.commands.night import MINUTE, PLAN, START, Night
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


@pytest.mark.row("N1")
async def test_what_is_mailed_has_no_secret_and_a_title_stays_one_line(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = {**night.bench.program, Scrub: Scrub(lambda text: text.replace("hunter22", "[redacted]"))}
    monkeypatch.setattr(Bench, "program", program)

    await night.planned('maintenance plan 22:00 for 1h "Update hunter22\nBcc: eve@example.com"')

    [(_, _, message)] = night.server.taken
    assert "What: Update [redacted] Bcc: eve@example.com" in message.get_content()
    assert message["Bcc"] is None


@pytest.mark.row("N1")
async def test_a_mail_that_may_have_been_taken_is_unverified_and_not_sent_again(night: Night) -> None:
    night.server.drops_after_data = True
    operation = await night.planned()
    night.server.drops_after_data = False

    seen = await night.bench.evidence(operation)
    await night.at(START - 15 * MINUTE)

    assert operation.state is OperationState.UNVERIFIED
    assert "Whether the mail server took it is not known; its log tells by <" in seen
    assert len(night.server.taken) == 1
    assert (await night.window()).state is WindowState.PLANNED


@pytest.mark.row("N1")
async def test_recipients_who_are_refused_are_named(night: Night) -> None:
    night.server.answers = {"bob@example.net": "550 no such user"}

    operation = await night.planned()

    assert operation.state is OperationState.UNVERIFIED
    assert "for 1 person of partners" in (seen := await night.bench.evidence(operation))
    assert "Refused: bob@example.net (550 no such user)" in seen


async def test_a_replica_that_died_over_a_mail_leaves_it_to_be_looked_up(night: Night) -> None:
    """It was killed between handing the mail over and writing that down."""
    await night.bench.type(PLAN)
    operation = await night.bench.newest()
    await night.bench.engine.approval.approve(night.bench.context(CHIEF), operation.id)
    night.server.slow = asyncio.Event()
    first = asyncio.create_task(night.bench.engine.run(operation.id))
    await until(lambda: bool(night.server.taken))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    night.server.slow.set()

    await night.bench.engine.run(operation.id)

    assert (await night.bench.newest()).state is OperationState.UNVERIFIED
    assert len(night.server.taken) == 1
    assert sum("We plan maintenance" in said for said in night.said()) == 1
