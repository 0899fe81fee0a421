"""Status updates and reminders: told where they belong, once, and asked for in time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.core.command import Filling
from bot.core.errors import Conflict, NotAllowed, Unreachable
from bot.core.incident_results import IncidentUpdate
from bot.core.plan import Json
from bot.core.ports import MessageRef
from bot.core.results import Result, Text
from bot.incidents.reminders import REMIND
from bot.incidents.updates import ANNOUNCE, Announcer
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


async def announce(desk: Desk) -> None:
    _, row = await draft(desk)
    await desk.click("incident.update_announce", row)


async def redact(desk: Desk) -> str:
    """Redact the one update; what is answered."""
    (entry,) = await desk.entries("update")
    asked = text(await desk.type(f"redact {entry.id}", channel=OWN))
    return shown(await desk.click("redact.confirm", asked.buttons[0].row_id))


async def test_an_announcement_of_what_is_redacted_is_taken_away_where_it_stands(
    announced: Desk, chat: FakeChat
) -> None:
    await chat.post(NEWS, Text(("somebody else's",)), key="other")
    await announce(announced)
    await announced.work()
    before = len(chat.posted(NEWS))
    answer = await redact(announced)
    await announced.work()

    assert before == 2
    assert announced.told(NEWS) == ["somebody else's"]
    assert announced.told(STATUS) == []
    assert f"I take it out of <#{NEWS}>, <#{STATUS}>" in answer
    assert "an admin deletes it" not in answer
    assert not any("may still stand" in told for told in announced.told())


async def test_where_slack_does_not_delete_an_announcement_its_words_are_replaced(
    announced: Desk, chat: FakeChat
) -> None:
    await announce(announced)
    await announced.work()
    chat.refuses["delete"] = "cant_delete_message"
    await redact(announced)
    await announced.work()

    assert announced.told(NEWS) == ["An update of incident 1 stood here. It was redacted."]
    assert not any("may still stand" in told for told in announced.told())


@pytest.mark.parametrize("refused", [("find",), ("delete", "update")])
async def test_what_could_not_be_taken_away_is_said_once_for_each_channel(
    announced: Desk, chat: FakeChat, refused: tuple[str, ...]
) -> None:
    await announce(announced)
    await announced.work()
    await redact(announced)
    chat.refuses |= dict.fromkeys(refused, "missing_scope")
    await announced.work()

    said = [told for told in announced.told() if "may still stand" in told]
    assert [f"<#{channel}>: missing_scope" in told for channel, told in zip((NEWS, STATUS), said, strict=True)] == [
        True,
        True,
    ]


async def test_slack_that_is_away_is_asked_again_for_what_is_redacted(announced: Desk, chat: FakeChat) -> None:
    await announce(announced)
    await announced.work()
    await redact(announced)
    waiting = list(announced.deferred.jobs)
    chat.away["*"] = Unreachable("Slack is away.")
    with pytest.raises(Unreachable):
        await announced.work()
    chat.away.clear()
    announced.deferred.jobs[:] = waiting
    await announced.work()

    assert [*chat.posted(NEWS), *chat.posted(STATUS)] == []


class Late(FakeChat):
    """Something happens `meanwhile`, between a post and the answer to it; `killed` before that is heard."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    killed = False

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        message = await FakeChat.post(self, channel, result, key=key, thread=thread)
        act, self.meanwhile = self.meanwhile, None
        if act:
            await act()
            if self.killed:
                raise RuntimeError("killed")
        return message


@pytest.mark.parametrize("killed", [False, True])
async def test_an_announcement_that_is_redacted_while_it_is_on_its_way_is_taken_back(
    announced: Desk, *, killed: bool
) -> None:
    await announce(announced)
    (update_id,) = {str(job.args["update_id"]) for job in announced.deferred.jobs if job.task == ANNOUNCE}
    late = Late()
    late.meanwhile, late.killed = partial(redact, announced), killed
    announcer = Announcer(store=announced.store, chat=late)
    if killed:
        with pytest.raises(RuntimeError):
            await announcer.announce(update_id, NEWS)
    await announcer.announce(update_id, NEWS)

    assert late.posted(NEWS) == []


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
