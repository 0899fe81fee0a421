"""What the timeline of an incident is made of."""

from __future__ import annotations

import time

from bot.incidents.selection import select
from tests.incidents.talk import acted, key, said, talk


def test_what_was_recorded_and_what_people_marked_is_in_the_timeline_in_order_of_time() -> None:
    chosen = select(
        talk(
            said("10:05", "ana", "so it is the cache", marked=("UBO",)),
            acted("10:00", "ana", "declared", "Declared as High: carts are empty"),
        )
    )

    assert [entry.source for entry in chosen.entries] == [("declared:10:00",), (key("10:05"),)]


def test_a_deleted_message_is_not_told_though_somebody_marked_it() -> None:
    assert select(talk(said("10:05", "ana", "", marked=("UBO",), deleted=True))).entries == ()


def test_what_a_message_tells_and_the_bot_recorded_is_told_once() -> None:
    chosen = select(
        talk(
            said("10:05", "robot", "maintenance is on", marked=("UBO",)),
            acted("10:06", "ana", "operation", "Maintenance on: done", message=key("10:05")),
        )
    )

    assert [(entry.kind, entry.source) for entry in chosen.entries] == [("operation", (key("10:05"),))]


def test_a_marked_yes_is_an_entry_of_its_own_and_not_told_again_with_its_question() -> None:
    chosen = select(
        talk(
            said("10:05", "ana", "@bo shall I fail over to gw-2, 503 for 40% of checkouts?"),
            said("10:06", "bo", "yes, do it", marked=("UANA",)),
        )
    )

    assert [entry.source for entry in chosen.entries] == [(key("10:05"),), (key("10:06"),)]


def test_a_pasted_log_of_forty_thousand_characters_costs_no_minutes() -> None:
    began = time.process_time()

    select(
        talk(*(said(f"10:{minute:02d}", "ana", part * 10_000) for minute, part in enumerate(("1:00", '„"«`', "?!. "))))
    )

    assert time.process_time() - began < 5
