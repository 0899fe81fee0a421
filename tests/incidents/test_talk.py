"""A talk that is kept small has all that was said, as it was said."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.incidents.conversation import Said
from bot.incidents.talk import Talk
from tests.incidents.talk import DAY, said

_TS = st.integers(0, 2_000_000_000_000_000).map(lambda n: f"{n // 1_000_000}.{n % 1_000_000:06d}")
_ODD = st.sampled_from(["1.2", "01.000001", "note:7", "\N{ARABIC-INDIC DIGIT ONE}.000001", "9" * 30 + ".000001"])
_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)

_SAID = st.builds(
    Said,
    ts=_TS | _ODD,
    at=st.integers(0, 10**12).map(lambda micro: DAY + timedelta(microseconds=micro)),
    user=st.sampled_from(["", "UANA", "UBO"]),
    name=st.sampled_from(["ana", "bo", "robot"]),
    text=_TEXT,
    bot=st.booleans(),
    thread_ts=st.just("") | _TS | _ODD,
    broadcast=st.booleans(),
    files=st.lists(_TEXT, max_size=2).map(tuple),
    reactions=st.dictionaries(_TEXT, st.just(("UBO",)), max_size=2),
    marked=st.just(()) | st.just(("UBO",)),
    edited=st.lists(_TEXT, max_size=2).map(tuple),
    deleted=st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(_SAID, max_size=300, unique_by=lambda each: each.ts), data=st.data())
def test_all_of_it_is_there(messages: list[Said], data: st.DataObject) -> None:
    talk = Talk(messages)
    keys = data.draw(st.sets(st.sampled_from([*(each.ts for each in messages), "none"])))

    assert list(talk) == messages
    assert [talk[place] for place in range(len(talk))] == messages
    assert talk.threads(keys) == {each.ts: each.thread_ts for each in messages if each.ts in keys}
    assert talk.deleted == tuple(each.ts for each in messages if each.deleted)


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(_SAID, max_size=30, unique_by=lambda each: each.ts))
def test_what_stands_is_read_in_order_of_time(messages: list[Said]) -> None:
    talk = Talk(messages)
    out = {each.ts for each in messages[::3]}

    standing = [each for each in messages if not each.deleted and each.ts not in out]
    assert [talk[place] for place in talk.in_order(without=out)] == sorted(
        standing, key=lambda each: (each.at, each.ts)
    )


def test_a_talk_of_many_pages_is_read_from_any_place() -> None:
    talk = Talk(said(f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}", "ana", f"message {n}") for n in range(3_000))

    assert [talk[place].text for place in (0, 2_999, 127, 128, 1_500, 1)] == [
        f"message {place}" for place in (0, 2_999, 127, 128, 1_500, 1)
    ]
    assert len(talk[10:20]) == 10
