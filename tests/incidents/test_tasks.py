"""Action items of an incident, as people find, assign and tick them."""

from __future__ import annotations

from tests.fixtures_incident import Room


async def test_action_items_are_picked_from_the_conversation_with_owner_and_place(room: Room) -> None:
    await room.hear(room.ana, "the provider answers 503")
    said = await room.hear(room.ben, f"action item: {room.ana.mention} will add an alert on upstream errors")

    await room.command("report")
    listed = await room.command("actions")

    assert "to do · " in listed.plain()
    assert "add an alert on upstream errors" in listed.plain()
    assert "owner @ana" in listed.plain()
    assert f"/archives/{room.channel.id}/p{said.ts.replace('.', '')}" in str(listed.blocks)
    assert (
        said.ts.replace(".", "") in str(room.channel.messages.get(listed.ts, listed)) or "said here" in listed.plain()
    )
    assert "add an alert on upstream errors (owner: ana, said here)" in room.pages()["Action Items"].plain()


async def test_whom_somebody_names_as_doing_something_later_owns_it(room: Room) -> None:
    await room.hear(room.ben, "the provider answers 503")
    await room.hear(room.ana, "ben will restart the payments worker now")
    await room.hear(room.ana, "all good, closing")
    await room.hear(room.ana, "Ben will raise the pool size tomorrow")

    await room.command("report")
    listed = await room.command("actions")

    assert "raise the pool size tomorrow · owner @ben" in listed.plain()
    assert "restart" not in listed.plain()


async def test_what_is_typed_is_assigned_and_ticked_by_buttons(room: Room) -> None:
    await room.command("report")
    added = await room.command("action add Probe the provider each minute")
    assert "no owner yet" in added.plain()
    await room.shows("Action Items", "TODO: owner")
    assert 'The action item "Probe the provider each minute" has no owner.' in room.pages()["Summary"].plain()

    await room.ana.click(added, "Assign")
    form = await room.ana.wait_for_modal()
    await room.ana.submit(form, {"Owner": "@ben"})
    await room.shows("Action Items", "owner: ben")
    listed = await room.command("actions", who=room.ben)
    turn = await room.ben.click(listed, "Done")
    page = await room.shows("Action Items", "☑ done: Probe the provider each minute")

    assert "TODO" not in page.plain()
    assert "0 to do, 1 done" in (await turn.reply()).plain()
    assert "by @ben" in (await room.command("actions")).plain()


async def test_a_person_sees_what_is_to_be_done_wherever_it_is_asked_and_after_the_incident(room: Room) -> None:
    await room.command("action add Renew the certificate --owner me")
    await room.command("action add Thank the provider --owner @ben")
    await room.command("resolve it is over")

    mine, all_of_them = await room.command("actions --mine"), await room.command("actions --everywhere")

    assert "1/1. ☐ to do · Renew the certificate · owner @ana" in mine.plain()
    assert "Thank" not in mine.plain()
    assert "1/2. ☐ to do · Thank the provider · owner @ben" in all_of_them.plain()


async def test_an_action_item_is_reworded_dropped_and_taken_up_again(room: Room) -> None:
    await room.command("action add Do something")
    reworded = await room.command("action edit 1 Probe the provider")
    await room.command("action done 1")
    reopened = await room.command("action reopen 1")
    dropped = await room.command("action drop 1")
    none = await room.command("action done 1")

    assert "Probe the provider" in reworded.plain()
    assert "1 to do, 0 done" in reopened.plain()
    assert "No action item" in dropped.plain()
    assert "Incident 1 has no action item 1." in none.plain()


async def test_what_a_person_changed_is_not_taken_back_by_the_conversation(room: Room) -> None:
    said = await room.hear(room.ben, f"action item: {room.ana.mention} will add an alert")
    await room.command("report")
    await room.command("action edit 1 Add an alert on upstream errors")

    await room.ben.edit(said, f"action item: {room.ana.mention} will add two alerts")
    await room.hear(room.ben, "and that is it")
    listed = await room.command("actions")

    assert "Add an alert on upstream errors" in listed.plain()
    assert "two alerts" not in listed.plain()


async def test_an_action_item_of_a_deleted_message_is_gone(room: Room) -> None:
    said = await room.hear(room.ben, f"action item: {room.ana.mention} will add an alert")
    await room.command("report")

    await room.ben.delete(said)
    await room.hear(room.ben, "and that is it")
    await room.command("report")

    assert "add an alert" not in (await room.command("actions")).plain()
    assert "add an alert" not in room.pages()["Action Items"].plain()
