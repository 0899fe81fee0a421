"""An incident that is declared while Slack is not there stands in the store, and all that it has in Slack follows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.errors import Busy, OutcomeUnknown, Unreachable
from tests.fakes import FakeChat
from tests.incidents.desk import OWN, Desk, shown

AWAY = Unreachable("A shell is not connected to Slack.", hint="type this in Slack")


@pytest.mark.parametrize("channel", ["C0OPS", ""], ids=["from a channel", "from nowhere"])
async def test_it_is_in_the_store_with_its_timeline_and_slack_has_it_once_it_is_there(
    desk: Desk, chat: FakeChat, channel: str
) -> None:
    chat.away["*"] = AWAY
    declared = await desk.type("open critical Card payments fail --impact '200 payments'", channel=channel)
    await desk.type("note The provider is down --incident 1", channel=channel)
    await desk.type("severity high some get through --incident 1", channel=channel)
    stored = await desk.incident()
    await desk.later(timedelta(seconds=10))
    assert (stored.commander, stored.own_channel, chat.messages) == ("U0ANA", False, {})

    chat.away.clear()
    await desk.later(timedelta(minutes=2))
    await desk.later(timedelta(hours=8))

    assert "Slack is not there for all of it just now." in shown(declared)
    assert "type this in Slack" not in shown(declared)
    assert [entry.kind for entry in await desk.entries()] == ["declared", "note", "severity"]
    assert (await desk.incident()).channel == OWN
    assert desk.card().severity == "High"
    assert chat.topics[OWN] == "Incident 1 (High): Card payments fail"
    assert chat.members[OWN] == ["U0ANA", "U0BEN", "U0CHI"]
    assert [title for _, title, _ in chat.bookmarks] == ["Summary", "Runbook"]
    assert len(chat.channels) == 1
    assert not any("Could not" in told for told in desk.told())


@pytest.mark.parametrize("method", ["set_topic", "post", "pin", "permalink", "bookmark", "group_members", "invite"])
async def test_what_slack_has_no_time_for_at_the_beginning_comes_later_and_once(
    desk: Desk, chat: FakeChat, method: str
) -> None:
    chat.away[method] = Busy("Slack has no time.", hint="ratelimited")
    await desk.type("open high Webhooks are late")
    chat.away.clear()

    await desk.later(timedelta(seconds=10))
    await desk.later(timedelta(hours=4))

    assert sorted(title for _, title, _ in chat.bookmarks) == ["Runbook", "Summary"]
    assert set(chat.members[OWN]) == {"U0ANA", "U0BEN", "U0CHI"}
    assert chat.topics[OWN]
    assert set(chat.pinned) == {(await desk.incident()).card}
    assert len([told for told in desk.told() if "Before this incident" in told]) == 1


async def test_a_bookmark_of_which_nobody_knows_is_not_doubled(desk: Desk, chat: FakeChat) -> None:
    chat.away["bookmark"] = OutcomeUnknown("Slack gave no answer.", hint="TimeoutError")
    await desk.type("open high Webhooks are late")
    chat.away.clear()

    await desk.later(timedelta(hours=1))

    assert [title for _, title, _ in chat.bookmarks] == ["Runbook"]


async def test_a_private_one_is_not_declared_where_nobody_could_be_asked_in(desk: Desk, chat: FakeChat) -> None:
    chat.away["*"] = AWAY

    with pytest.raises(Unreachable, match="nothing was declared") as refused:
        await desk.type("open private critical Keys were used from elsewhere")

    async with desk.store.transaction() as tx:
        assert await tx.incidents.lasting(since=desk.clock() - timedelta(days=1)) == ()
    assert "Call whoever has to know" in refused.value.hint


async def test_without_any_place_it_is_run_in_the_direct_messages_of_who_declared_it(
    desk: Desk, chat: FakeChat
) -> None:
    chat.away["*"] = AWAY
    await desk.type("open high Webhooks are late", channel="")
    chat.away.clear()
    chat.refuses["create_channel"] = "restricted_action"

    await desk.later(timedelta(minutes=1))

    assert (await desk.incident()).channel == "D0ANA"
    assert desk.card("D0ANA").title == "Webhooks are late"
    assert "Could not create a channel: restricted_action." in desk.told("D0ANA")[-1]


async def test_an_incident_without_a_place_is_in_no_place(desk: Desk, chat: FakeChat) -> None:
    chat.away["*"] = AWAY
    await desk.type("open high Webhooks are late", channel="")
    await desk.type("open high Payments fail", channel="")

    async with desk.store.transaction() as tx:
        assert await tx.incidents.in_channel("") is None
