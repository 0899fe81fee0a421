"""The timeline of an incident whose record is in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.incident_results import TimelineEntry
from bot.core.incidents import Change, Entry, EntryEdit, Incident, Message
from bot.core.plan import Area, Call, Plan
from bot.core.ports import MessageRef, Profile
from bot.core.records import Operation
from bot.core.results import OperationState, PlanState
from bot.incidents.timeline import read_timeline
from bot.store.postgres import Postgres
from tests.fakes import FakeChat

OPENED = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
OWN = "C0INC"


def minute(number: float) -> datetime:
    return OPENED + timedelta(minutes=number)


def said(number: float, user: str, text: str, *, thread: str = "", subtype: str = "") -> Message:
    at = minute(number)
    return Message(OWN, f"{at.timestamp():.6f}", at, user, "", text, thread_ts=thread, subtype=subtype)


@pytest.fixture
def chat() -> FakeChat:
    names = {"U0ANA": "Ana", "U0BEN": "Ben", "U0CHI": "Chi"}
    return FakeChat(people={user: Profile(user, name, "T0", trusted=True) for user, name in names.items()})


@pytest.fixture
async def incident(store: Postgres) -> Incident:
    """Declared by Ana at 22:30 UTC, which is 23:30 in Berlin."""
    async with store.transaction() as tx:
        return await tx.incidents.declare(
            Incident(0, "Card payments fail", "Critical", "open", OWN, "U0ANA", "U0ANA", OPENED)
        )


async def record(store: Postgres, messages: Sequence[Message], changes: Sequence[Change] = ()) -> None:
    async with store.transaction() as tx:
        await tx.messages.record(messages, changes)


async def note(store: Postgres, text: str, *, at: datetime, kind: str = "note", who: str = "U0BEN") -> None:
    async with store.transaction() as tx:
        await tx.entries.add(Entry(f"{kind}:{text}", 1, at, who, kind, text))


async def operate(store: Postgres, state: OperationState, *, why: str = "", approver: str = "") -> None:
    """Store an operation of Ana's as the engine leaves it behind."""
    operation = Operation(
        id=f"op-{state}",
        call=Call(("maintenance", "on")),
        plan=Plan("Maintenance on", Area.PROCESSES, (), ()),
        plan_hash="h",
        service="gateway",
        environment="production",
        host="web-1",
        reason="provider down",
        requester="U0ANA",
        approver=approver,
        channel=OWN,
        plan_state=PlanState.ACCEPTED,
        state=state,
        epoch=1,
        proposed_at=minute(10),
        started_at=minute(11),
        ended_at=minute(12),
        why=why,
    )
    entry = Entry(
        f"operation:{operation.id}", 1, minute(12), "U0ANA", "operation", f"Maintenance on: {state}.", operation.id
    )
    async with store.transaction() as tx:
        await tx.operations.propose(operation)
        await tx.entries.add(entry)


async def entries(incident: Incident, store: Postgres, chat: FakeChat) -> tuple[TimelineEntry, ...]:
    return (await read_timeline(incident, store=store, chat=chat, zone="UTC")).entries


async def test_messages_notes_and_acts_stand_in_order_of_time(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    await record(store, [said(5, "U0BEN", "the provider is down, <@U0CHI>"), said(1, "U0ANA", "I see errors")])
    await note(store, "First complaint", at=minute(-40))
    await operate(store, OperationState.DONE)

    assert [(entry.at, entry.author, entry.text, entry.kind) for entry in await entries(incident, store, chat)] == [
        (minute(-40), "Ben", "First complaint", "note"),
        (minute(1), "Ana", "I see errors", "message"),
        (minute(5), "Ben", "the provider is down, @Chi", "message"),
        (minute(12), "Ana", "Maintenance on: done.", "operation"),
    ]


async def test_edits_show_the_new_text_and_deletions_leave_a_tombstone(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    wrong, secret = said(1, "U0ANA", "worker 1 is down"), said(2, "U0BEN", "the password is hunter2")
    edit = Change(OWN, wrong.ts, "e1", minute(3), "worker 2 is down", "worker 1 is down")
    await record(store, [wrong, secret], [edit, Change(OWN, secret.ts, "d1", minute(4), None)])

    edited, deleted = await entries(incident, store, chat)

    assert (edited.text, edited.edited) == ("worker 2 is down", True)
    assert (deleted.author, deleted.text, deleted.kind) == ("Ben", "(deleted)", "deleted")


async def test_what_bots_and_slack_itself_say_is_left_out(incident: Incident, store: Postgres, chat: FakeChat) -> None:
    await record(
        store,
        [
            said(1, "U0ANA", "has joined the channel", subtype="channel_join"),
            said(2, "U0BOT", "Incident 1", subtype="opsbot"),
            said(3, "U0ANA", "to all as well", subtype="thread_broadcast"),
            said(4, "U0ALERT", "DOWN: checkout", subtype="bot_message"),
        ],
    )

    assert [entry.text for entry in await entries(incident, store, chat)] == ["to all as well", "DOWN: checkout"]


async def test_what_people_made_of_entries_is_shown_with_who_did(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    kept, dropped, redacted = (said(n, "U0ANA", text) for n, text in enumerate(("donw", "it is DNS", "hunter2"), 1))
    await record(store, [kept, dropped, redacted])
    async with store.transaction() as tx:
        await tx.entries.edit(EntryEdit(1, kept.ts, minute(5), "U0BEN", text="down", at=minute(9)))
        await tx.entries.edit(EntryEdit(1, dropped.ts, minute(5), "U0BEN", dropped=True))
        await tx.messages.redact(OWN, redacted.ts, by="U0BEN", at=minute(6))

    assert [(entry.at, entry.author, entry.text) for entry in await entries(incident, store, chat)] == [
        (minute(3), "Ana", "(redacted)"),
        (minute(9), "Ana", "down (edited by Ben)"),
    ]


async def test_the_record_begins_where_it_was_told_to_unless_the_channel_had_an_incident_before(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    await record(store, [said(-30, "U0ANA", "earlier"), said(1, "U0ANA", "later")])
    async with store.transaction() as tx:
        await tx.backfills.record_from(OWN, minute(-60))
        second = await tx.incidents.declare(replace(incident, title="Again"))

    assert [entry.text for entry in await entries(incident, store, chat)] == ["earlier", "later"]
    assert [entry.text for entry in await entries(second, store, chat)] == ["later"]


async def test_a_long_message_is_cut_visibly_and_its_files_are_named(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    long, shot = said(1, "U0ANA", "x" * 500), said(2, "U0ANA", "see")
    shot = Message(OWN, shot.ts, shot.at, "U0ANA", "", "see", files=(("graph.png", "https://x.example/graph"),))
    await record(store, [long, shot])

    first, second = await entries(incident, store, chat)

    assert first.text == "x" * 300 + "… (cut)"
    assert second.text == "see [file: graph.png]"


async def test_every_message_is_linked_with_one_question_to_slack(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    parent = said(1, "U0ANA", "look")
    reply = said(2, "U0BEN", "where?", thread=parent.ts)
    await record(store, [parent, reply])
    async with store.transaction() as tx:
        await tx.entries.add(
            Entry("op", 1, minute(3), "U0ANA", "operation", "done", message=MessageRef("C0OPS", "9.8"))
        )

    links = [entry.permalink for entry in await entries(incident, store, chat)]

    base = "https://example.slack.com/archives"
    assert links == [
        f"{base}/{OWN}/p{parent.ts.replace('.', '')}",
        f"{base}/{OWN}/p{reply.ts.replace('.', '')}?thread_ts={parent.ts}&cid={OWN}",
        f"{base}/C0OPS/p98",
    ]


async def test_without_an_answer_from_slack_there_are_no_links_and_ids_for_names(
    incident: Incident, store: Postgres
) -> None:
    await record(store, [said(1, "U0ANA", "look")])
    chat = FakeChat(refuses={"permalink": "message_not_found"})

    (entry,) = await entries(incident, store, chat)

    assert (entry.permalink, entry.author) == ("", "U0ANA")


async def test_an_incident_of_which_nothing_is_stored_has_an_empty_timeline(
    incident: Incident, store: Postgres, chat: FakeChat
) -> None:
    assert await entries(incident, store, chat) == ()
