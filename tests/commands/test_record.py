"""Marks, notes, edited entries and redaction, as people in an incident's channel do them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from bot.core.contacts import Contacts
from bot.core.incidents import EntryEdit, Incident
from bot.core.marks import MarkKind
from bot.core.people import Role
from bot.core.records import Store
from bot.core.results import Text
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.demo.workspace.seen import Seen
from bot.incidents.chosen import Chosen, Phase
from bot.incidents.edits import edited
from bot.incidents.rules import IncidentRules
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from commands import record
from tests.fixtures_slack import SlackBot, running_bot


@dataclass(slots=True)
class Room:
    """The channel of incident 1, with Ana and Ben in it."""

    workspace: Workspace
    bot: SlackBot
    ana: Person
    ben: Person
    inc: Channel

    @property
    def store(self) -> Postgres:
        return self.bot.store

    async def say(self, text: str, *, thread: Seen | None = None) -> Seen:
        """Ben writes, and it is stored."""
        said = await self.ben.say(self.inc, text, thread=thread)
        await self.workspace.settled()
        return said

    async def edits(self) -> tuple[EntryEdit, ...]:
        async with self.store.transaction() as tx:
            return await tx.entries.edits(1)

    async def audit(self, kind: str) -> list[dict[str, object]]:
        async with self.store.transaction() as tx:
            return [dict(row.data) for row in await tx.audit.recent() if row.kind == kind]

    async def dump(self) -> str:
        """Everything that the database holds, as text."""
        async with self.store._pool.connection() as connection:
            names = await (
                await connection.execute("select tablename from pg_tables where schemaname = 'public'")
            ).fetchall()
            found = []
            for (name,) in names:
                query = sql.SQL("select t::text from {} t").format(sql.Identifier(name))
                rows = await (await connection.execute(query)).fetchall()
                found += [row for (row,) in rows]
        return "\n".join(found)


@pytest.fixture
async def room(workspace: Workspace, store: Postgres) -> AsyncIterator[Room]:
    ana, ben = workspace.person("ana", tz="Europe/Berlin"), workspace.person("ben")
    inc = workspace.channel("inc-1", [ana, ben])
    async with store.transaction() as tx:
        now = datetime.now(UTC)
        await tx.incidents.declare(Incident(0, "Fire", "High", "open", inc.id, ana.id, ana.id, now))
    async with running_bot(
        workspace,
        store,
        roles=Roles(default=Role.RESPONDER),
        commands=record.COMMANDS,
        clicks=record.CLICKS,
        shortcuts=record.SHORTCUTS,
        ports=lambda _link: {Store: store, IncidentRules: IncidentRules(), Contacts: Contacts()},
    ) as bot:
        yield Room(workspace, bot, ana, ben, inc)


async def test_a_message_in_a_thread_is_put_into_the_timeline_and_taken_out_again(room: Room) -> None:
    parent = await room.say("why?")
    reply = await room.say("because", thread=parent)

    answer = await (await room.ana.shortcut(reply, "entry.add")).reply()
    async with room.store.transaction() as tx:
        (put,) = await tx.marks.standing(room.inc.id)
    await (await room.ana.click(answer, "Take it out again")).reply()
    async with room.store.transaction() as tx:
        left = await tx.marks.standing(room.inc.id)

    assert (put.ts, put.kind, put.user) == (reply.ts, MarkKind.SHORTCUT, room.ana.id)
    assert "in the timeline of incident 1" in answer.plain()
    assert left == ()


async def test_a_message_is_put_into_the_timeline_by_its_link(room: Room) -> None:
    said = await room.say("provider is down")
    link = f"https://local.slack.com/archives/{room.inc.id}/p{said.ts.replace('.', '')}"

    await (await room.ana.command(room.inc, f"/incident entry add {link}")).reply()

    async with room.store.transaction() as tx:
        assert [mark.ts for mark in await tx.marks.standing(room.inc.id)] == [said.ts]


async def test_a_message_from_before_the_record_has_the_record_begin_with_it(room: Room) -> None:
    async with room.store.transaction() as tx:
        await tx.backfills.record_from(room.inc.id, datetime.now(UTC) + timedelta(hours=1))
    said = await room.ben.say(room.inc, "it began much earlier")

    await (await room.ana.shortcut(said, "entry.add")).reply()

    async with room.store.transaction() as tx:
        since = await tx.backfills.recorded_from(room.inc.id)
    assert since is not None
    assert since < datetime.fromtimestamp(float(said.ts), UTC)


async def test_in_a_channel_of_no_incident_there_is_no_timeline(room: Room) -> None:
    lunch = room.workspace.channel("lunch", [room.ana])
    said = await room.ana.say(lunch, "pizza?")

    answer = await (await room.ana.shortcut(said, "entry.add")).reply()

    assert "no incident's channel" in answer.plain()


async def test_an_entry_is_edited_and_moved_in_a_form_that_knows_what_it_says(room: Room) -> None:
    said = await room.say("provder is donw")

    await room.ana.shortcut(said, "entry.change")
    form = await room.ana.wait_for_modal()
    shown = form.plain()
    await room.ana.submit(form, {"text": "The provider is down", "at": "2026-03-02 10:05"})
    await room.ana.wait_for(room.inc, "is changed")
    (edit,) = await room.edits()
    async with room.store.transaction() as tx:
        message = await tx.messages.get(room.inc.id, said.ts)

    assert "provder is donw" in shown
    assert (edit.source, edit.by, edit.text) == (said.ts, room.ana.id, "The provider is down")
    assert edit.at == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    assert message is not None
    assert message.text == "provder is donw"
    assert await room.audit("entry") == [{"incident": 1, "source": said.ts, "act": "edited"}]


async def test_a_form_that_is_sent_as_it_was_changes_nothing(room: Room) -> None:
    said = await room.say("provider is down")

    await room.ana.shortcut(said, "entry.change")
    await room.ana.submit(await room.ana.wait_for_modal(), {})
    told = await room.ana.wait_for(room.inc, "leaves the entry as it is")

    assert told.ephemeral
    assert await room.edits() == ()


async def test_an_entry_is_dropped_put_back_and_edited_again_by_typing(room: Room) -> None:
    said = await room.say("it is DNS")

    dropped = await (await room.ana.command(room.inc, f"/incident entry drop {said.ts}")).reply()
    without = await room.edits()
    await (await room.ana.click(dropped, "Put it back")).reply()
    back = await room.edits()
    await (await room.ana.command(room.inc, f"/incident entry edit {said.ts} It is the cache")).reply()
    changed = await room.edits()
    await (await room.ana.command(room.inc, f"/incident entry restore {said.ts}")).reply()

    assert [edit.dropped for edit in without] == [True]
    assert back == ()
    assert [edit.text for edit in changed] == ["It is the cache"]
    assert await room.edits() == ()


async def test_a_dropped_message_that_somebody_marks_is_in_the_timeline_again(room: Room) -> None:
    said = await room.say("it is DNS")
    await (await room.ana.command(room.inc, f"/incident entry drop {said.ts}")).reply()

    await (await room.ben.shortcut(said, "entry.add")).reply()

    assert await room.edits() == ()


async def test_a_note_is_edited_and_left_out_by_its_buttons(room: Room) -> None:
    await room.ana.command(room.inc, "/incident note at 00:05 first complaint")
    noted = await room.ana.wait_for(room.inc, "first complaint")

    await room.ana.click(noted, "Edit")
    await room.ana.submit(await room.ana.wait_for_modal(), {"text": "First complaint, by phone"})
    await room.ana.wait_for(room.inc, "is changed")
    (edit,) = await room.edits()

    assert edit.source.startswith("note:")
    assert (edit.text, edit.at) == ("First complaint, by phone", None)


@pytest.mark.parametrize(
    "entry", ["nonsense", "1772445600.000100", "https://x.slack.com/archives/C0ELSE/p1772445600000100"]
)
async def test_what_is_no_entry_of_the_incident_is_told(room: Room, entry: str) -> None:
    for verb in ("drop", "add"):
        turn = await room.ana.command(room.inc, f"/incident entry {verb} {entry}")
        said = (await turn.reply()).plain()
        if (verb, entry) != ("add", "1772445600.000100"):
            assert "Copy link" in said


async def test_what_was_redacted_is_nowhere_in_the_database_and_does_not_come_back(room: Room) -> None:
    said = await room.say("the password is hunter2")
    await room.ben.edit(said, "the password was hunter2")
    await room.workspace.settled()
    await (await room.ana.command(room.inc, f"/incident entry edit {said.ts} hunter2 was posted")).reply()
    before = await room.dump()

    question = await (await room.ana.shortcut(said, "entry.redact")).reply()
    still = await room.dump()
    answer = await (await room.ana.click(question, "Take it out")).reply()
    room.workspace.faults.redeliver(1)
    await room.ben.edit(said, "hunter2 again")
    await room.ben.delete(said)
    await room.workspace.settled()
    async with room.store.transaction() as tx:
        message = await tx.messages.get(room.inc.id, said.ts)

    assert before.count("hunter2") >= 3
    assert "hunter2" in still
    assert "hunter2" not in question.plain()
    assert "hunter2" not in await room.dump()
    assert "cant_delete_message" in answer.plain()
    assert message is not None
    assert (message.redacted, message.user, message.text) == (True, room.ben.id, "")
    assert await room.audit("redaction") == [{"incident": 1, "source": said.ts}]


async def test_what_is_kept_after_all_stays(room: Room) -> None:
    said = await room.say("a harmless line")

    question = await (await room.ana.command(room.inc, f"/incident redact {said.ts} looked like a key")).reply()
    kept = await (await room.ana.click(question, "Keep it")).reply()

    assert "stays in the record" in kept.plain()
    assert "a harmless line" in await room.dump()


async def test_a_note_can_be_redacted_too(room: Room) -> None:
    await room.ana.command(room.inc, "/incident note the key is hunter2")
    await room.ana.wait_for(room.inc, "hunter2")
    async with room.store.transaction() as tx:
        (note,) = await tx.entries.of_incident(1)
        await tx.pending.prune(before=datetime.now(UTC) + timedelta(days=1))

    question = await (await room.ana.command(room.inc, f"/incident redact {note.id}")).reply()
    await (await room.ana.click(question, "Take it out")).reply()
    async with room.store.transaction() as tx:
        (left,) = await tx.entries.of_incident(1)

    assert left.text == "(redacted)"


async def test_a_note_is_redacted_by_the_menu_of_the_post_that_tells_it(room: Room) -> None:
    await room.ana.command(room.inc, "/incident note the key & the door: hunter2")
    await room.ana.command(room.inc, "/incident note the lock")
    post = await room.ana.wait_for(room.inc, "hunter2")
    await room.ana.wait_for(room.inc, "the lock")
    await room.workspace.settled()
    async with room.store.transaction() as tx:
        await tx.pending.prune(before=datetime.now(UTC) + timedelta(days=1))

    question = await (await room.ana.shortcut(post, "entry.redact")).reply()
    answer = await (await room.ana.click(question, "Take it out")).reply()
    async with room.store.transaction() as tx:
        left = [entry.text for entry in await tx.entries.of_incident(1)]

    assert sorted(left) == ["(redacted)", "the lock"]
    assert "hunter2" not in await room.dump()
    assert "I have deleted it in Slack too." in answer.plain()


async def test_of_another_post_of_the_bot_only_the_post_is_redacted_and_that_is_said(room: Room) -> None:
    await room.ana.command(room.inc, "/incident note hunter2")
    note = await room.ana.wait_for(room.inc, "hunter2")
    question = await (await room.ana.shortcut(note, "entry.redact")).reply()
    await (await room.ana.click(question, "Keep it")).reply()
    told = await room.bot.link.chat.post(room.inc.id, Text(("hunter2 " * 60,)))
    await room.workspace.settled()

    asked = await (await room.ana.command(room.inc, f"/incident redact {told.ts}")).reply()

    assert "It is a post of mine: what it tells of stays in the record." in asked.plain()
    assert "It is a post of mine" not in question.plain()


def test_entries_stand_where_people_moved_them_and_say_who_changed_them() -> None:
    def at(minute: int) -> datetime:
        return datetime(2026, 3, 2, 9, minute, tzinfo=UTC)

    first, second, third = (
        Chosen(at(n), "ben", text, Phase.DIAGNOSE, (str(n),)) for n, text in enumerate(("one", "two", "three"))
    )
    edits = [
        EntryEdit(1, "0", at(9), "U1", text="One", at=at(30)),
        EntryEdit(1, "1", at(9), "U1", dropped=True),
        EntryEdit(1, "7", at(9), "U1", text="of something else"),
    ]

    assert [(each.at, each.text, each.edited_by) for each in edited([first, second, third], edits, {"U1": "ana"})] == [
        (at(2), "three", ""),
        (at(30), "One", "ana"),
    ]
