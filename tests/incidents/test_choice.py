"""What holds for every conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.incidents.conversation import Acted, Conversation, Person, Said
from bot.incidents.selection import budget, select
from tests.incidents.talk import DAY, read_case

few = settings(max_examples=50, deadline=None)

_WORDS = st.sampled_from(
    [
        *(
            "checkout fails 503",
            "for 40 customers",
            "sev high",
            "I'm IC",
            "@bo ok?",
            "do it",
            "since 10:05",
            "14:01 CET",
        ),
        *(
            "sorry, 10:15 not 10:51",
            "rolled back",
            "60/60 ok",
            "closing",
            "reopening",
            "not yet",
            "false alarm",
            "lunch?",
        ),
        *(
            "```ERROR at 12:00```",
            "!ops run x",
            "[FIRING] OrdersFailing for 5m",
            "[RESOLVED] OrdersFailing",
            "(by ana)",
        ),
        *(
            "v2 deployed to prod",
            "because of the cache",
            "todos in thread",
            "me: a test",
            "bo: a rule; ana: a page",
            "",
        ),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=5).map(" ".join) | st.text(alphabet="ab 0159:@?!.`é\n", max_size=30)


@st.composite
def _said(draw: st.DrawFn) -> Said:
    second = draw(st.integers(0, 3 * 86400))
    at = DAY + timedelta(seconds=second)
    name = draw(st.sampled_from(["ana", "bo", "cleo", "alerts", "robot"]))
    bot = name in {"alerts", "robot"}
    deleted = draw(st.integers(0, 9)) == 0
    return Said(
        ts=f"{at.timestamp():.0f}.{draw(st.integers(0, 999_999)):06d}",
        at=at,
        user="" if bot else f"U{name.upper()}",
        name=name,
        text="" if deleted else draw(_TEXTS),
        bot=bot,
        thread_ts=f"{DAY.timestamp() + draw(st.integers(0, 5)):.6f}" if draw(st.booleans()) else "",
        marked=("UBO",) if draw(st.integers(0, 9)) == 0 else (),
        edited=("it was written otherwise",) if draw(st.integers(0, 9)) == 0 else (),
        deleted=deleted,
    )


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    said = draw(st.lists(_said(), max_size=25, unique_by=lambda each: each.ts))
    told = draw(st.sampled_from(["", *(each.ts for each in said)]))
    acted = [
        Acted(
            f"act:{number}",
            DAY + timedelta(minutes=number),
            "UANA",
            "ana",
            kind,
            "done",
            message=told if number == 0 else "",
        )
        for number, kind in enumerate(draw(st.lists(st.sampled_from(["declared", "note", "operation"]), max_size=3)))
    ]
    people = {
        f"U{name.upper()}": Person(name, zone) for name, zone in (("ana", "Europe/Madrid"), ("bo", ""), ("cleo", "UTC"))
    }
    return Conversation(tuple(said), tuple(acted), people)


@few
@given(conversation=conversations(), order=st.randoms(use_true_random=False))
def test_the_choice_is_the_same_in_whatever_order_messages_came(conversation: Conversation, order: object) -> None:
    said, acted = list(conversation.said), list(conversation.acted)
    order.shuffle(said)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    order.shuffle(acted)  # type: ignore[attr-defined]  # as above

    assert select(replace(conversation, said=tuple(said), acted=tuple(acted))) == select(conversation)


@few
@given(conversation=conversations())
def test_every_entry_rests_on_something_that_stands_and_is_in_order(conversation: Conversation) -> None:
    selection = select(conversation)

    standing = {each.ts: each for each in conversation.said if not each.deleted}
    keys = {*standing, *(act.key for act in conversation.acted), *(act.message for act in conversation.acted)}
    assert [entry.at for entry in selection.entries] == sorted(entry.at for entry in selection.entries)
    quotes = (*selection.impact, *selection.root_cause, *selection.resolution, *selection.lessons)
    sources = [*(entry.source for entry in selection.entries), *(item.source for item in selection.action_items)]
    for source in (*sources, *(quote.source for quote in quotes)):
        assert source
        assert set(source) <= keys
    for moment in (selection.started, selection.detected, selection.mitigated, selection.resolved):
        assert moment.how
        assert set(moment.source) <= keys


@few
@given(conversation=conversations())
def test_marks_and_records_are_always_in_it_and_the_rest_is_within_the_budget(conversation: Conversation) -> None:
    selection = select(conversation)

    told = {act.message for act in conversation.acted}
    kept = {key for entry in selection.entries for key in entry.source}
    marked = {each.ts for each in conversation.said if each.marked and not each.deleted} - told
    assert marked <= kept
    assert {act.message or act.key for act in conversation.acted} <= kept
    alone = [entry for entry in selection.entries if entry.kind == "message" and not marked & set(entry.source)]
    assert len(alone) <= budget(len(conversation.said))


@few
@given(conversation=conversations())
def test_no_message_is_told_twice(conversation: Conversation) -> None:
    keys = [key for entry in select(conversation).entries for key in entry.source]

    assert len(keys) == len(set(keys))


@few
@given(conversation=conversations())
def test_moments_lie_in_the_time_of_the_incident(conversation: Conversation) -> None:
    selection = select(conversation)
    standing = [each.at for each in conversation.said if not each.deleted]

    if selection.started.at and selection.detected.at:
        assert selection.started.at <= selection.detected.at + timedelta(minutes=1)
    if selection.resolved.at:
        assert min(standing) <= selection.resolved.at <= max(standing)


def test_a_long_talk_keeps_the_choice_small() -> None:
    case = read_case("video").conversation
    day = timedelta(days=1)
    many = tuple(
        replace(each, ts=f"{(each.at + number * day).timestamp():.6f}", at=each.at + number * day)
        for number in range(60)
        for each in case.said
    )

    assert len(select(replace(case, said=many)).entries) == 40
