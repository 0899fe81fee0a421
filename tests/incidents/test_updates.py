"""Status updates and reminders: told where they belong, once, and asked for in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.command import Filling
from bot.core.errors import Conflict, NotAllowed
from bot.core.incident_results import IncidentUpdate
from bot.core.plan import Json
from bot.incidents.reminders import REMIND
from tests.fakes import FakeChat
from tests.incidents.desk import BEN, OWN, Desk, shown, text

NEWS, STATUS = "C0NEWS", "C0STATUS"


@pytest.fixture
async def announced(desk: Desk) -> Desk:
    """A desk with an open incident and two announcement channels."""
    desk.rules = replace(desk.rules, announce=(NEWS, STATUS))
    await desk.type("open high Card payments fail --impact '200 payments'")
    await desk.type("role scribe", channel=OWN)
    await desk.type("role communications", channel=OWN)
    await desk.work()
    return desk


async def draft(desk: Desk, words: str = "we wait for the provider") -> tuple[IncidentUpdate, str]:
    shown = await desk.type(f"update {words}", channel=OWN)
    assert isinstance(shown, IncidentUpdate)
    return shown, shown.buttons[0].row_id


async def test_without_announcement_channels_an_update_is_told_at_once(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    answer = await desk.type("update we wait for the provider --next 45m", channel=OWN)
    await desk.work()

    (told,) = [told for told in desk.told() if "we wait" in told]
    assert "Incident 1 · High · open" in told
    assert (await desk.incident()).update_due_at == desk.clock() + timedelta(minutes=45)
    assert "Last update" in shown(desk.card())
    assert f"<#{OWN}>" in shown(answer)


async def test_an_update_is_seen_by_its_author_before_other_channels_read_it(announced: Desk, chat: FakeChat) -> None:
    preview, row = await draft(announced)
    await announced.work()
    before = chat.posted(NEWS)
    await announced.click("incident.update_announce", row)
    with pytest.raises(Conflict, match="decided on already"):
        await announced.click("incident.update_here", row)
    waiting = list(announced.deferred.jobs)
    await announced.work()
    announced.deferred.jobs += waiting
    await announced.work()

    assert before == []
    assert "Nobody but you sees it yet" in shown(preview)
    for channel in (NEWS, STATUS, OWN):
        (told,) = [told for told in announced.told(channel) if "we wait for the provider" in told]
        assert (f"<#{OWN}>" in told) is (channel != OWN)
    assert [entry.text for entry in await announced.entries("update")] == ["we wait for the provider"]


async def test_a_draft_is_its_authors_to_change_drop_or_keep_to_the_channel(announced: Desk, chat: FakeChat) -> None:
    _, row = await draft(announced)
    with pytest.raises(NotAllowed):
        await announced.click("incident.update_announce", row, actor=BEN)
    changed = await announced.click("incident.update_edit", row)
    _, other = await draft(announced, "all is well")
    await announced.click("incident.update_drop", other)
    with pytest.raises(Conflict):
        await announced.click("incident.update_here", other)
    await announced.click("incident.update_here", row)
    await announced.work()

    assert changed == Filling(
        ("incident", "update"), given={"text": "we wait for the provider"}, kept={"incident": "1"}
    )
    assert chat.posted(NEWS) == []
    assert any("we wait for the provider" in told for told in announced.told())


async def test_a_channel_that_refuses_an_announcement_is_named(announced: Desk, chat: FakeChat) -> None:
    _, row = await draft(announced)
    chat.refuses[f"post {NEWS}"] = "not_in_channel"
    await announced.click("incident.update_announce", row)
    await announced.work()

    assert any(f"could not be told in <#{NEWS}>: not_in_channel." in told for told in announced.told())
    assert len(chat.posted(STATUS)) == 1


async def test_an_update_of_a_private_incident_stays_in_its_channel(desk: Desk, chat: FakeChat) -> None:
    desk.rules = replace(desk.rules, announce=(NEWS,))
    await desk.type("open private high Keys were stolen")
    answer = text(await desk.type("update keys are replaced", channel=OWN))
    await desk.work()

    assert chat.posted(NEWS) == []
    assert answer.buttons == ()
    assert any("keys are replaced" in told for told in desk.told())


async def test_an_update_that_is_overdue_is_asked_for_until_it_comes(announced: Desk) -> None:
    await announced.later(timedelta(minutes=59))
    early = [told for told in announced.told() if "update is due" in told]
    await announced.later(timedelta(minutes=2))
    first = [told for told in announced.told() if "update is due" in told]
    await announced.later(timedelta(minutes=31))
    second = [told for told in announced.told() if "update is due" in told]
    _, row = await draft(announced)
    await announced.click("incident.update_here", row)
    await announced.later(timedelta(minutes=40))
    quiet = [told for told in announced.told() if "update is due" in told]
    await announced.later(timedelta(minutes=25))
    last = [told for told in announced.told() if "update is due" in told]

    assert (len(early), len(first), len(second), len(quiet), len(last)) == (0, 1, 2, 2, 3)
    assert "<@U0ANA>, how does it stand?" in first[0]


async def test_a_reminder_whose_job_comes_twice_stands_there_once(announced: Desk) -> None:
    announced.clock.advance(timedelta(minutes=61))
    args: Json = {"number": 1, "what": "update", "due": announced.clock().isoformat()}
    async with announced.store.transaction() as tx:
        for _ in range(2):
            await tx.jobs.defer(REMIND, args=args)
        await tx.due.drop(REMIND, "update:1")
    await announced.work()

    assert len([told for told in announced.told() if "update is due" in told]) == 1


async def test_a_reminder_is_put_off_for_everybody(announced: Desk) -> None:
    await announced.later(timedelta(minutes=61))
    put_off = await announced.click("incident.snooze.update", actor=BEN)
    await announced.later(timedelta(minutes=29))
    before = [told for told in announced.told() if "update is due" in told]
    await announced.later(timedelta(minutes=2))
    after = [told for told in announced.told() if "update is due" in told]

    assert "by <@U0BEN>" in shown(put_off)
    assert (len(before), len(after)) == (1, 2)
    with pytest.raises(Conflict, match="done already"):
        await announced.click("incident.snooze.report")


async def test_empty_roles_are_asked_for_once(desk: Desk) -> None:
    await desk.type("open critical Card payments fail")
    await desk.type("open low Dashboard is slow")
    await desk.later(timedelta(minutes=16))
    await desk.later(timedelta(minutes=16))

    asked = [told for told in desk.told() if "roles are empty" in told]
    assert len(asked) == 1
    assert "Nobody is scribe or communications yet." in asked[0]
    assert not [told for told in desk.told("C0NEW1") if "roles are empty" in told]


async def test_the_report_of_what_is_resolved_is_asked_for_until_it_is_there(desk: Desk) -> None:
    await desk.type("open low Dashboard is slow")
    await desk.type("resolve", channel=OWN)
    await desk.later(timedelta(days=2, minutes=1))
    await desk.later(timedelta(days=1, minutes=1))
    await desk.type("reopen slow again", channel=OWN)
    await desk.later(timedelta(days=2))

    asked = [told for told in desk.told() if "the report is missing" in told]
    assert len(asked) == 2
