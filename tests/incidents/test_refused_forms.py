"""Forms and direct messages that Slack refuses: whoever asked is told, and what stands in the record stays."""

from __future__ import annotations

import pytest

from tests.fixtures_incident import Room
from tests.waiting import until


@pytest.mark.parametrize("code", ["expired_trigger_id", "exchanged_trigger_id", "internal_error"])
async def test_a_form_of_the_card_that_slack_does_not_open_is_said_to_who_clicked(room: Room, code: str) -> None:
    card = await room.ana.wait_for(room.channel, "Commander")
    room.workspace.faults.fail("views.open", code)

    await room.ana.click(card, "Resolve")
    await until(lambda: any(code in each.plain() for each in room.ana.sees(room.channel) if each.ephemeral))
    await room.ana.click(card, "Resolve")

    assert "Resolve" in (await room.ana.wait_for_modal()).plain()
    assert not any(code in each.plain() for each in room.ben.sees(room.channel))


async def test_without_direct_messages_the_figures_are_said_where_they_were_asked_for(room: Room) -> None:
    room.workspace.faults.fail("conversations.open", "user_disabled")

    answer = (await room.command("metrics")).plain()

    assert "The chart could not be shared (user_disabled)." in answer
    assert "To resolve (MTTR)" in answer
