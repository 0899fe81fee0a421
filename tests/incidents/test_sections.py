"""What a report says of what is known, and what keeps it from being final."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.incident_results import Section
from bot.core.passage import BEGIN, BETWEEN, END, TODO, cited
from bot.core.reports import Task
from bot.incidents.chosen import Moment, Quote, Selection
from bot.incidents.faults import faults
from bot.incidents.sections import Changed, Facts, write
from bot.incidents.selection import select
from tests.incidents.talk import acted, key, moment, said, talk

NOBODY = Moment(None, "nobody said so")
EMPTY = Selection((), NOBODY, NOBODY, NOBODY, NOBODY)
WHOLE = {
    Section.DATE: "2026-03-02",
    Section.TIME: "14:05 CET - 15:10 CET (Europe/Berlin)",
    Section.SEVERITY: "High",
    Section.IMPACT: "312 payments failed",
    Section.SUMMARY: "It lasted.",
    Section.TIMELINE: "- [14:05](#1.2): ana: it fails\n- 14:20: ben: mended",
    Section.ROOT_CAUSE: "> ana: a certificate",
    Section.RESOLUTION: "> ben: renewed",
    Section.ACTION_ITEMS: "- [ ] Probe it (owner: ana)",
    Section.LESSONS: "> ana: look sooner",
}


def texts(facts: Facts) -> dict[Section, str]:
    return dict(write(facts))


def test_of_an_incident_of_which_nothing_is_known_everything_is_a_todo() -> None:
    written = texts(Facts(EMPTY, "UTC"))

    for section, text in written.items():
        assert TODO in text or section is Section.SUMMARY
    assert "It is not resolved yet." in written[Section.SUMMARY]
    assert "- Started: unknown, nobody said so" in written[Section.SUMMARY]


def test_a_night_has_both_days_and_the_change_of_the_clocks_both_offsets() -> None:
    start, end = moment("+26 00:30"), moment("+27 01:30")
    night = replace(EMPTY, started=Moment(start, "told"), resolved=Moment(end, "said", ("1.2",)))

    over = texts(Facts(night, "Europe/Berlin"))
    hour = texts(Facts(replace(night, resolved=Moment(start + timedelta(hours=1), "said")), "Europe/Berlin"))

    assert over[Section.DATE] == "2026-03-28 to 2026-03-29"
    assert over[Section.TIME].startswith(
        "2026-03-28 01:30 CET - 2026-03-29 03:30 CEST (Europe/Berlin; start: told; end: "
    )
    assert hour[Section.TIME].startswith("01:30 CET - 02:30 CET (")


def test_causes_and_lessons_are_peoples_own_words_with_their_place() -> None:
    quote = Quote("the certificate had expired", "ana", (key("14:05"),))

    written = texts(Facts(replace(EMPTY, root_cause=(quote,), lessons=(quote,)), "UTC"))

    words = f"> ana: the certificate had expired ([14:05](#{key('14:05')}))"
    assert (written[Section.ROOT_CAUSE], written[Section.LESSONS]) == (words, words)


def test_changes_are_told_with_what_was_seen_and_those_that_worked_resolved_it() -> None:
    done = Changed("operation:1", moment("14:10"), "Maintenance of gateway", "done", ("2 workers",), "ana", "ben")
    failed = Changed("operation:2", moment("14:20"), "Reload", "failed (1 is away)", (), "ana")

    written = texts(Facts(EMPTY, "UTC", changes=(done, failed)))

    told = "- [14:10](#operation:1) Maintenance of gateway: done, seen: 2 workers (asked by ana, approved by ben)."
    assert told in written[Section.SUMMARY]
    assert "- [14:20](#operation:2) Reload: failed (1 is away) (asked by ana)." in written[Section.SUMMARY]
    assert written[Section.RESOLUTION] == told


def test_every_entry_of_the_timeline_names_all_the_messages_that_it_rests_on() -> None:
    conversation = talk(
        said("14:05", "ana", "payments fail [x](https://evil.example)", marked=("UBEN",)),
        acted("14:06", "ana", "declared", "Declared as High: payments fail"),
    )
    selection = select(conversation)

    timeline = texts(Facts(selection, "UTC"))[Section.TIMELINE]

    assert cited(timeline) == {source for entry in selection.entries for source in entry.source}
    assert "payments fail \\[x\\](https://evil.example)" in timeline


def test_a_whole_report_has_no_fault() -> None:
    assert faults(WHOLE, ()) == ()


@pytest.mark.parametrize(
    ("section", "text", "said_of_it"),
    [
        (Section.TIME, "14:05 CET - TODO: end time", "Time does not say START - END, as in 14:05 CET - 15:10 CET."),
        (Section.TIME, "14:05 CET - 9:10 CET", "Time ends before it starts."),
        (Section.TIME, "2026-03-03 01:00 CET - 2026-03-02 23:00 CET", "Time ends before it starts."),
        (Section.SEVERITY, "rather bad", "Severity is none of Critical, High, Medium, Low."),
        (Section.IMPACT, " \n ", "Impact is empty."),
        (Section.LESSONS, "TODO: what we learned", "Lessons Learned has a TODO: what we learned"),
        (Section.TIMELINE, "- 14:20: a\n- 9:05: b", "Timeline is not in order: 09:05 comes after 14:20."),
        (
            Section.ROOT_CAUSE,
            f"{BEGIN}\na\n{BETWEEN}\nb\n{END}",
            "Root Cause has a conflict between what was edited by hand and what the record says now.",
        ),
    ],
)
def test_each_fault_is_told(section: Section, text: str, said_of_it: str) -> None:
    assert faults({**WHOLE, section: text}, ()) == (said_of_it,)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (Section.TIME, "2026-03-02 23:50 CET - 2026-03-03 00:40 CET (Europe/Berlin)"),
        (Section.TIMELINE, "- 2026-03-02 23:50: a\n- 2026-03-03 00:10: b"),
        (Section.TIMELINE, "- [14:05](#1.2): ana: TODO: ask the provider\n- later: b"),
    ],
)
def test_what_is_right_is_no_fault(section: Section, text: str) -> None:
    days = {Section.DATE: "2026-03-02 to 2026-03-03"} if section is Section.TIME else {}
    assert faults({**WHOLE, **days, section: text}, ()) == ()


def test_an_action_item_needs_an_owner() -> None:
    task = Task("1", 1, 1, "Probe it", "", (), "U1", moment("14:05"))

    assert faults(WHOLE, (task, replace(task, owner="ana"))) == ('The action item "Probe it" has no owner.',)


def test_a_report_of_a_hundred_times_as_much_takes_a_hundred_times_as_long() -> None:
    def seconds(count: int) -> float:
        entries = select(talk(acted("14:05", "ana", "note", "x " * 40))).entries * count
        facts = Facts(replace(EMPTY, entries=entries), "Europe/Berlin")
        begun = time.process_time()
        write(facts)
        return time.process_time() - begun

    assert seconds(20_000) < 100 * 5 * max(seconds(200), 0.001)
