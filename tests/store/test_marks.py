from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.marks import Mark, MarkKind
from bot.store.postgres import Postgres

TS = "1772442000.000100"
EYES = Mark("C1", TS, MarkKind.REACTION, "eyes", "U1", "1772442001.000000")
CHANNELS = count()


async def heard(store: Postgres, *marks: Mark) -> tuple[Mark, ...]:
    """What is kept of these, told one by one."""
    channel = f"C{next(CHANNELS)}"
    for mark in marks:
        async with store.transaction() as tx:
            await tx.marks.add([replace(mark, channel=channel)])
    async with store.transaction() as tx:
        return unplaced(await tx.marks.of_channel(channel))


def unplaced(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    return tuple(replace(mark, channel="C1") for mark in marks)


async def test_what_was_noticed_makes_way_for_the_event_that_tells_when(store: Postgres) -> None:
    noticed = replace(EYES, event_ts="1772442009.000000", noticed=True)

    assert await heard(store, noticed) == (noticed,)
    assert await heard(store, noticed, EYES) == (EYES,)
    assert await heard(store, noticed, replace(EYES, event_ts="1772442010.000000")) == (
        replace(EYES, event_ts="1772442010.000000"),
    )


async def test_what_was_noticed_in_the_very_moment_of_its_event_makes_way_for_it_too(store: Postgres) -> None:
    assert await heard(store, replace(EYES, noticed=True), EYES) == (EYES,)
    assert await heard(store, EYES, replace(EYES, noticed=True)) == (EYES,)


async def test_a_removal_that_was_noticed_stands_until_the_reaction_is_put_there_again(store: Postgres) -> None:
    gone = replace(EYES, event_ts="1772442005.000000", added=False, noticed=True)
    again = replace(EYES, event_ts="1772442006.000000")

    assert await heard(store, EYES, gone, again) == (EYES, gone, again)


async def test_marks_of_a_part_of_the_channel_can_be_asked_for(store: Postgres) -> None:
    other = replace(EYES, ts="1772442000.000200")
    async with store.transaction() as tx:
        await tx.marks.add([EYES, other])

        assert await tx.marks.standing("C1", first=other.ts) == (other,)
        assert await tx.marks.standing("C1", last=EYES.ts) == (EYES,)


@st.composite
def stories(draw: st.DrawFn) -> list[Mark]:
    """Some people put marks on two messages and take them away again, each in turn."""
    marks: list[Mark] = []
    for number, added in enumerate(draw(st.lists(st.booleans(), max_size=8))):
        user, name = draw(st.sampled_from(["U1", "U2"])), draw(st.sampled_from(["eyes", "pushpin"]))
        kind = draw(st.sampled_from([MarkKind.REACTION, MarkKind.PIN]))
        named = name if kind is MarkKind.REACTION else ""
        marks.append(Mark("C1", TS, kind, named, user, f"17724420{number:02}.000000", added))
    return marks


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), stories())
async def test_any_order_with_any_doubles_makes_the_same_record(
    store: Postgres, data: st.DataObject, story: list[Mark]
) -> None:
    shuffled = data.draw(st.permutations([*story, *story[:3]]))

    assert await heard(store, *shuffled) == await heard(store, *story)
