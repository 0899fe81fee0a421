from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.incidents import Change, Message, edit_key
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MESSAGE = Message("C1", "1772442000.000100", NOW, "U1", "Ann", "provder is down", files=(("F1", "graph.png"),))
EDIT = Change("C1", MESSAGE.ts, "e1", NOW + timedelta(minutes=1), "provider is down", "provder is down")
DELETION = Change("C1", MESSAGE.ts, "d1", NOW + timedelta(minutes=5), None, "provider is down")

Event = Message | Change


async def record(store: Postgres, *events: Event) -> None:
    async with store.transaction() as tx:
        await tx.messages.record(
            [event for event in events if isinstance(event, Message)],
            [event for event in events if isinstance(event, Change)],
        )


async def read(store: Postgres, channel: str = "C1") -> tuple[Message, ...]:
    async with store.transaction() as tx:
        return await tx.messages.of_channel(channel)


async def revisions(store: Postgres) -> tuple[Change, ...]:
    async with store.transaction() as tx:
        return await tx.messages.revisions("C1")


async def test_a_message_comes_back_as_it_was_said(store: Postgres) -> None:
    said = replace(MESSAGE, thread_ts="1772441000.000100", subtype="thread_broadcast")

    await record(store, said, replace(said, text="a double"))

    assert await read(store) == (said,)


async def test_an_edit_that_arrives_before_its_message_is_applied_when_that_comes(store: Postgres) -> None:
    await record(store, EDIT)
    nothing_yet = await read(store)
    await record(store, MESSAGE)

    assert nothing_yet == ()
    assert await read(store) == (replace(MESSAGE, text="provider is down", edited_at=EDIT.at),)


async def test_the_newest_edit_stands_though_an_older_one_arrives_after_it(store: Postgres) -> None:
    newer = replace(EDIT, key="e2", at=EDIT.at + timedelta(minutes=1), text="provider is up again")

    await record(store, MESSAGE, newer)
    await record(store, EDIT)

    assert [message.text for message in await read(store)] == ["provider is up again"]


async def test_a_deleted_message_leaves_its_place_and_no_text_but_in_its_revisions(store: Postgres) -> None:
    await record(store, MESSAGE, DELETION, EDIT)

    async with store.transaction() as tx:
        (left,) = await tx.messages.of_channel("C1")
        revisions = await tx.messages.revisions("C1", MESSAGE.ts)

    assert (left.text, left.author, left.deleted_at) == ("", "Ann", DELETION.at)
    assert revisions == (EDIT, DELETION)


async def test_a_backfilled_message_brings_an_edit_that_was_missed(store: Postgres) -> None:
    backfilled = replace(MESSAGE, text="provider is down", edited_at=EDIT.at)

    await record(store, MESSAGE)
    await record(store, backfilled)
    await record(store, MESSAGE)

    assert await read(store) == (backfilled,)


async def test_an_edit_that_was_only_seen_in_the_history_keeps_the_old_text_and_makes_way_for_its_event(
    store: Postgres,
) -> None:
    key = edit_key(EDIT.at)
    event = replace(EDIT, key=key)

    await record(store, MESSAGE, replace(MESSAGE, text="provider is down", edited_at=EDIT.at))
    (noticed,) = await revisions(store)
    await record(store, event)

    assert noticed == replace(event, noticed=True)
    assert await revisions(store) == (event,)


async def test_the_event_of_a_deletion_tells_its_time_though_it_was_missed_before(store: Postgres) -> None:
    missed = replace(DELETION, at=DELETION.at + timedelta(hours=1), old_text="", noticed=True)

    await record(store, MESSAGE, missed)
    (noticed,) = await revisions(store)
    await record(store, DELETION, missed)
    await record(store, missed)

    assert noticed == replace(missed, old_text=MESSAGE.text)
    assert await revisions(store) == (DELETION,)


async def test_messages_are_read_by_channel_since_a_moment_and_in_order(store: Postgres) -> None:
    first, second = (replace(MESSAGE, ts=f"177244{n}000.000100", at=NOW + timedelta(hours=n)) for n in (1, 2))
    await record(store, second, first, replace(MESSAGE, channel="C2"))

    async with store.transaction() as tx:
        assert await tx.messages.of_channel("C1") == (first, second)
        assert await tx.messages.of_channel("C1", since=second.at) == (second,)


async def test_text_that_postgres_cannot_hold_costs_its_characters_and_not_the_message(store: Postgres) -> None:
    await record(store, replace(MESSAGE, text="a\0b", author="\ud83d!", files=(("F1", "\0"),)), MESSAGE)

    (message,) = await read(store)
    assert (message.text, message.author, message.files) == ("a\ufffdb", "?!", (("F1", "\ufffd"),))


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    """Everything that may be heard of a few messages, in order and once."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 3))):
        at = NOW + timedelta(minutes=number)
        said = Message("", f"17724420{number}0.000100", at, f"U{number}", "Ann", f"first {number}")
        events.append(said)
        for n in range(draw(st.integers(0, 3))):
            edited_at = at + timedelta(seconds=n + 1)
            text = f"edit {n} of {number}"
            as_edit = Change("", said.ts, f"e{n}", edited_at, text, "before")
            as_backfill = replace(said, text=text, edited_at=edited_at)
            events.extend(draw(st.sampled_from([[as_edit], [as_backfill], [as_edit, as_backfill]])))
        if draw(st.booleans()):
            events.append(Change("", said.ts, "d", at + timedelta(seconds=9), None, "before"))
    return events


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]]]:
    """A conversation, and the same in any order, with doubles, in batches."""
    events = draw(conversations())
    heard = draw(st.permutations([*events, *draw(st.lists(st.sampled_from(events), max_size=4))]))
    cuts = sorted(draw(st.lists(st.integers(0, len(heard)), max_size=3)))
    return events, [heard[a:b] for a, b in zip([0, *cuts], [*cuts, len(heard)], strict=True)]


CHANNELS = count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
async def test_any_order_with_any_doubles_makes_the_same_record(
    store: Postgres, delivery: tuple[list[Event], list[list[Event]]]
) -> None:
    events, batches = delivery
    in_order, as_heard = f"C{next(CHANNELS)}", f"C{next(CHANNELS)}"

    for event in events:
        await record(store, replace(event, channel=in_order))
    for batch in batches:
        await record(store, *(replace(event, channel=as_heard) for event in batch))

    assert unplaced(await read(store, as_heard)) == unplaced(await read(store, in_order))
    async with store.transaction() as tx:
        for ts in {event.ts for event in events}:
            expected = await tx.messages.revisions(in_order, ts)
            assert unplaced(await tx.messages.revisions(as_heard, ts)) == unplaced(expected)


def unplaced(rows: Sequence[Event]) -> list[Event]:
    return [replace(row, channel="") for row in rows]
