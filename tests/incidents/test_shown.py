"""The timeline that people see in Slack unless they ask for all of it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.incident_results import Timeline
from bot.core.incidents import Entry, EntryEdit, Incident, Message
from bot.core.marks import Mark, MarkKind
from bot.core.ports import Profile
from bot.incidents.shown import choose, read_chosen
from bot.store.postgres import Postgres
from bot.views import Templates, render
from tests.fakes import FakeChat
from tests.fixtures_incident import Room
from tests.incidents.talk import key, moment

OWN = "C0INC"
CHAT = FakeChat(
    people={user: Profile(user, name, "T0", trusted=True) for user, name in (("U0ANA", "Ana"), ("U0BEN", "Ben"))}
)


def said(clock: str, user: str, text: str) -> Message:
    return Message(OWN, key(clock), moment(clock), user, "", text)


async def shown(
    store: Postgres, messages: Sequence[Message], *, marks: Sequence[Mark] = (), edits: Sequence[EntryEdit] = ()
) -> Timeline:
    return await read_chosen(
        await recorded(store, messages, marks=marks, edits=edits),
        store=store,
        chat=CHAT,
        zone="UTC",
        reader="Asia/Tokyo",
    )


async def recorded(
    store: Postgres, messages: Sequence[Message], *, marks: Sequence[Mark] = (), edits: Sequence[EntryEdit] = ()
) -> Incident:
    async with store.transaction() as tx:
        declared = Incident(0, "Card payments fail", "Critical", "open", OWN, "U0ANA", "U0ANA", moment("10:00"))
        incident = await tx.incidents.declare(declared)
        await tx.entries.add(Entry("declared:1", incident.number, moment("10:00"), "U0ANA", "declared", "Declared"))
        await tx.messages.record(messages, ())
        await tx.marks.add(marks)
        for edit in edits:
            await tx.entries.edit(edit)
    return incident


async def test_what_matters_is_shown_with_links_and_the_rest_is_counted(store: Postgres) -> None:
    timeline = await shown(
        store,
        [
            said("10:01", "U0BEN", "hi"),
            said("10:03", "U0BEN", "orders fail with 503 for 40 customers"),
            said("10:05", "U0ANA", "lunch?"),
        ],
    )

    assert [(entry.author, entry.text) for entry in timeline.entries] == [
        ("Ana", "Declared"),
        ("Ben", "orders fail with 503 for 40 customers"),
    ]
    assert timeline.entries[1].permalink.endswith(key("10:03").replace(".", ""))
    assert timeline.left_out == "2 messages, which `timeline --all` shows."


async def test_a_time_that_somebody_tells_is_read_in_their_zone_as_slack_tells_it(store: Postgres) -> None:
    chat = FakeChat(people={"U0BEN": Profile("U0BEN", "Ben", "T0", trusted=True, zone="Asia/Kolkata")})
    incident = await recorded(store, [said("10:03", "U0BEN", "orders fail with 503 since 15:11")])

    choice = await choose(incident, store=store, chat=chat, zone="UTC")

    assert choice.selection.started.at == moment("9:41")


async def test_a_burst_is_one_line_in_which_its_messages_can_be_told_apart_at_the_readers_time(store: Postgres) -> None:
    timeline = await shown(
        store,
        [
            said("10:03", "U0BEN", "orders fail with 503 for 40 customers"),
            said("10:03:10", "U0BEN", "since the deploy of v1.2"),
        ],
    )
    text = Templates().render("timeline.md.j2", timeline=timeline)

    assert "19:03" in text
    assert "orders fail with 503 for 40 customers / since the deploy of v1.2" in text
    assert "Times are in Asia/Tokyo." in render(timeline).text


async def test_a_mark_brings_a_message_in_and_a_person_can_change_what_it_says(store: Postgres) -> None:
    mark = Mark(OWN, key("10:05"), MarkKind.SHORTCUT, "", "U0BEN", key("10:06"))
    edit = EntryEdit(1, key("10:05"), moment("10:07"), "U0BEN", text="Ana asked for a pause")

    timeline = await shown(store, [said("10:05", "U0ANA", "lunch?")], marks=[mark], edits=[edit])

    assert [entry.text for entry in timeline.entries] == ["Declared", "Ana asked for a pause (edited by Ben)"]
    assert not timeline.left_out


async def test_a_pushpin_and_a_pin_put_a_message_into_the_timeline_until_they_are_taken_off(room: Room) -> None:
    said = await room.hear(room.ben, "a remark about nothing")

    async def stands() -> bool:
        await room.workspace.settled()
        return "a remark about nothing" in (await room.command("timeline")).plain()

    assert not await stands()
    await room.ana.react(said, "pushpin")
    assert await stands()
    await room.ana.unreact(said, "pushpin")
    assert not await stands()
    await room.ana.pin(said)
    assert await stands()
    await room.ben.unpin(said)
    assert not await stands()
