"""Single rules of the choice: what is told as one, what is left out, and what the timeline can be asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.incidents.bots import Kind, kind_of
from bot.incidents.chosen import Phase, Selection
from bot.incidents.conversation import Person, Said
from bot.incidents.selection import budget, select
from tests.incidents.talk import found, key, moment, read_case, said, talk

CHATTER = tuple(
    said(f"10:{minute:02d}:30", "tim", text) for minute, text in enumerate(("hi", "hm", "ok", "lunch?") * 6)
)
"""What is said in every channel, and belongs in no timeline."""


def chosen(*messages: Said) -> Selection:
    return select(talk(*messages))


def sources(*messages: Said) -> list[tuple[str, ...]]:
    return [entry.source for entry in chosen(*CHATTER, *messages).entries]


def test_a_burst_of_one_author_is_one_entry_with_all_its_words() -> None:
    (entry,) = chosen(
        said("11:00:00", "ana", "checkout fails"), said("11:00:20", "ana", "503 on every request of 40 customers")
    ).entries

    assert entry.source == (key("11:00:00"), key("11:00:20"))
    assert entry.text == "checkout fails\n503 on every request of 40 customers"


def test_a_burst_ends_where_another_speaks_or_some_time_passes() -> None:
    first, second, third = (
        said("11:00:00", "ana", "checkout fails, 503 for 40 customers"),
        said("11:00:20", "bo", "same here, 503 for 12 customers"),
        said("11:00:40", "ana", "and 504 for 9 customers"),
    )

    assert all(len(source) == 1 for source in sources(first, second, third))


def test_a_correction_belongs_to_what_it_puts_right_though_others_spoke_between() -> None:
    kept = sources(
        said("11:00", "ana", "it started 10:41 with 30 failed orders"),
        said("11:01", "bo", "really?"),
        said("11:02", "ana", "sorry, 10:14"),
    )

    assert (key("11:00"), key("11:02")) in kept


def test_a_yes_is_told_with_the_question_that_it_answers() -> None:
    selection = chosen(
        *CHATTER,
        said("10:50", "alerts", "[FIRING] OrdersFailing"),
        said("11:00", "ana", "I'd rather put the banner up than lose orders. @bo ok?"),
        said("11:01", "bo", "do it"),
    )

    (entry,) = (entry for entry in selection.entries if key("11:00") in entry.source)
    assert entry.source == (key("11:00"), key("11:01"))
    assert entry.text.endswith(" — bo: do it")
    assert entry.phase is Phase.DECIDE


def test_a_command_is_told_with_what_came_of_it() -> None:
    kept = sources(
        said("11:00", "ana", "!ops maintenance on"), said("11:00:40", "robot", "Maintenance is on: gw-1, gw-2")
    )

    assert kept == [(key("11:00:40"), key("11:00"))]


def test_an_all_clear_soon_after_a_change_is_told_with_it() -> None:
    kept = sources(
        said("11:00", "alerts", "[FIRING] OrdersFailing"),
        said("11:10", "robot", "orders-api restarted (by ana)"),
        said("11:14", "alerts", "[RESOLVED] OrdersFailing"),
    )

    assert kept == [(key("11:00"),), (key("11:10"), key("11:14"))]


def test_a_storm_of_one_bots_alerts_is_one_entry() -> None:
    storm = [said(f"11:00:{second:02d}", "alerts", f"[FIRING] Down{second}") for second in (0, 20, 40)]

    assert sources(*storm) == [tuple(each.ts for each in storm)]


def test_an_alert_that_people_explain_away_weighs_less_than_one_that_they_take_up() -> None:
    kept = sources(
        said("11:00", "alerts", "[FIRING] DiskFull on backup-1"),
        said("11:01", "bo", "that's planned, ignore"),
        said("11:20", "alerts", "[FIRING] OrdersFailing on shop-1"),
        said("11:21", "bo", "orders fail on shop-1 for 30 customers"),
    )

    assert (key("11:20"),) in kept
    assert (key("11:00"),) not in kept


def test_what_happens_in_staging_is_left_out() -> None:
    assert sources(said("11:00", "alerts", "[FIRING] OrdersFailing (staging)")) == []


def test_people_without_anything_to_say_are_left_out() -> None:
    assert chosen(*CHATTER).entries == ()


def test_what_others_react_to_weighs_more() -> None:
    words = said("12:00", "ana", "the door of hall two stands open since the delivery")
    noticed = replace(words, reactions={"eyes": ("UBO", "UCLEO", "UDAN", "UEVE")})

    assert words.ts not in {key for entry in chosen(*CHATTER, words).entries for key in entry.source}
    assert noticed.ts in {key for entry in chosen(*CHATTER, noticed).entries for key in entry.source}


def test_talk_before_the_one_in_which_somebody_takes_the_lead_is_left_out() -> None:
    before = said("09:00", "bo", "the new checkout went out for 12 customers in 3 shops")
    lead = [said("10:00", "ana", "checkout fails with 503"), said("10:01", "cleo", "sev high, I'm IC")]

    assert (before.ts,) in [entry.source for entry in chosen(before, lead[0]).entries]
    assert (before.ts,) not in [entry.source for entry in chosen(before, *lead).entries]


@pytest.mark.parametrize("marks", [1, 30])
def test_every_mark_of_people_is_kept_and_leaves_room_for_others(marks: int) -> None:
    talked = [said(f"11:{minute:02d}", "ana", f"503 for {minute} customers of shop-{minute}") for minute in range(20)]
    marked = [said(f"12:{minute:02d}", "bo", "hm", marked=("UANA",)) for minute in range(marks)]

    kept = {key for source in sources(*talked, *marked) for key in source}

    assert {each.ts for each in marked} <= kept
    assert kept & {each.ts for each in talked}


@pytest.mark.parametrize(("messages", "most"), [(0, 5), (20, 6), (100, 16), (400, 35), (100_000, 40)])
def test_the_budget_grows_with_the_talk_and_ends_at_forty(messages: int, most: int) -> None:
    assert budget(messages) == most


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("ok sev high, I'm IC", "High"),
        ("declaring this a SEV-1", "Critical"),
        ("sev2, bridge is open", "High"),
        ("that's an incident. medium.", "Medium"),
        ("schweregrad: critical", "Critical"),
        ("false alarm, sorry", "Low"),
        ("that is P1 for me", "Critical"),
        ("P1 is open with the vendor", None),
        ("the traffic is high", None),
    ],
)
def test_the_severity_is_what_people_call_the_incident(words: str, severity: str | None) -> None:
    found_severity = chosen(*CHATTER, said("11:00", "ana", words)).severity

    assert (found_severity.text if found_severity else None) == severity


def test_the_last_severity_counts() -> None:
    selection = chosen(said("11:00", "ana", "sev medium"), said("12:00", "ana", "this is sev high now"))

    assert selection.severity is not None
    assert (selection.severity.text, selection.severity.source) == ("High", (key("12:00"),))


def test_the_start_is_what_people_say_and_not_when_somebody_noticed() -> None:
    selection = chosen(
        said("11:00", "alerts", "[FIRING] OrdersFailing 12% > 1% for 5m"),
        said("11:04", "ana", "first failed order in the log is 10:41"),
        said("11:05", "bo", "their page puts the start at 10:42"),
        said("11:06", "ana", "next update 11:30"),
    )

    assert selection.started.at == moment("10:42")
    assert key("11:04") in selection.started.source
    assert selection.detected.at == moment("11:00")


def test_a_start_that_was_put_right_counts_as_the_last_word_has_it() -> None:
    selection = chosen(
        said("11:00", "alerts", "[FIRING] OrdersFailing"),
        said("11:04", "ana", "so it started 10:51"),
        said("11:05", "ana", "sorry, 10:15 not 10:51"),
    )

    assert selection.started.at == moment("10:15")


def test_without_a_word_on_the_start_it_says_that_only_the_notice_is_known() -> None:
    selection = chosen(said("11:00", "alerts", "[FIRING] OrdersFailing"))

    assert selection.started.at == moment("11:00")
    assert "nobody said when it began" in selection.started.how


def test_an_end_that_was_taken_back_is_none() -> None:
    closed = said("12:00", "ana", "all orders go through, closing")
    opened = said("13:00", "ana", "reopening, orders fail for 40 customers")
    again = said("14:00", "ana", "fixed, now it's resolved")

    assert chosen(closed).resolved.at == moment("12:00")
    assert chosen(closed, opened).resolved.at is None
    assert chosen(closed, opened, again).resolved.at == moment("14:00")


@pytest.mark.parametrize(
    "words", ["can we close it?", "not resolved yet", "if quiet at 12:30 I say resolved", 'say "resolved"']
)
def test_who_asks_doubts_or_quotes_does_not_close(words: str) -> None:
    assert chosen(said("12:00", "ana", words)).resolved.at is None


def test_nothing_is_mitigated_where_nothing_was_wrong() -> None:
    selection = chosen(
        said("11:00", "alerts", "[FIRING] OrdersFailing"),
        said("11:10", "robot", "cache restarted (by ana)"),
        said("11:20", "ana", "false alarm, no order was lost. closing"),
    )

    assert selection.mitigated.at is None
    assert "false alarm" in selection.mitigated.how


def test_a_false_alarm_that_trouble_comes_after_was_another() -> None:
    selection = chosen(
        said("11:00", "alerts", "[FIRING] OrdersFailing"),
        said("11:02", "bo", "disk of backup-1 was a false alarm"),
        said("11:10", "ana", "still failing, 40 errors a second"),
        said("11:20", "robot", "orders-api rolled back to 4.1 (by ana)"),
        said("12:20", "ana", "closing"),
    )

    assert selection.mitigated.at == moment("11:20")


def test_mitigated_is_the_change_after_which_there_is_no_trouble() -> None:
    selection = chosen(
        said("11:00", "alerts", "[FIRING] OrdersFailing"),
        said("11:10", "robot", "orders-api restarted (by ana)"),
        said("11:15", "bo", "still failing, 40 errors a second"),
        said("11:20", "robot", "orders-api rolled back to 4.1 (by ana)"),
        said("12:00", "robot", "banner removed (by ana)"),
        said("12:20", "ana", "closing"),
    )

    assert selection.mitigated.at == moment("11:20")


def test_action_items_have_the_owner_that_people_named() -> None:
    selection = select(
        talk(
            said("11:00", "bo", "looking at the 503 of 40 customers"),
            said("11:59", "cleo", "here"),
            said("12:00", "ana", "all good, closing. bo: alert on 5xx of the provider; cleo: a test for null amounts"),
            said("12:01", "ana", "todos in thread"),
            said("12:02", "bo", "me: write the runbook page on failover", thread="12:01"),
            said("12:03", "cleo", "rename the column in two steps. I'll add a check", thread="12:01"),
            said("12:04", "bo", "why did the page come so late?", thread="12:01"),
            said("12:05", "ana", "action item: quarterly test of the backup line"),
        )
    )

    assert [(item.owner, item.text) for item in selection.action_items] == [
        ("UBO", "alert on 5xx of the provider"),
        ("UCLEO", "a test for null amounts"),
        ("UBO", "write the runbook page on failover"),
        ("UCLEO", "rename the column in two steps. I'll add a check"),
        ("", "quarterly test of the backup line"),
    ]


def test_who_is_said_to_do_something_later_owns_it_whatever_they_are_called_by() -> None:
    conversation = talk(
        said("11:00", "bo", "looking at the 503 of 40 customers"),
        said("11:02", "cleo", "here"),
        said("11:10", "ana", "bo will restart the payments worker now"),
        said("12:00", "ana", "all good, closing"),
        said("12:01", "ana", "Bo Lind will raise the pool size tomorrow"),
        said(
            "12:02",
            "bo",
            "cleo\N{RIGHT SINGLE QUOTATION MARK}ll write the runbook page, I\N{RIGHT SINGLE QUOTATION MARK}ll"
            " test the failover this week",
        ),
        said("12:03", "ana", "and Ida is going to rename the column next sprint; idas will grow in the garden"),
        said("12:03:30", "ana", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}lker will renew the certificate by hand"),
        said("12:04", "cleo", "sam will probe the provider each minute"),
        said("12:05", "cleo", "it will be a quiet evening of cooking"),
    )
    people = {
        **conversation.people,
        "UBO": Person("Bo Lind"),
        "UIDA": Person("ida.k"),
        "USAM1": Person("Sam Ek"),
        "USAM2": Person("Sam Oz"),
        "UIT": Person("It Support"),
        "UILK": Person("ilker"),
    }

    selection = select(replace(conversation, people=people))

    assert [(item.owner, item.text) for item in selection.action_items] == [
        ("UBO", "will raise the pool size tomorrow"),
        ("UCLEO", "write the runbook page"),
        ("UBO", "I\N{RIGHT SINGLE QUOTATION MARK}ll test the failover this week"),
        ("UIDA", "is going to rename the column next sprint; idas will grow in the garden"),
        ("UILK", "will renew the certificate by hand"),
    ]


def test_several_names_in_one_message_afterwards_tell_who_does_what_but_not_who_did_what() -> None:
    selection = select(
        talk(
            said("11:00", "bo", "looking at the 503 of 40 customers"),
            said("11:02", "cleo", "here"),
            said("11:10", "ana", "bo takes the database, cleo the failing queue"),
            said("12:00", "ana", "all good, closing"),
            said(
                "12:01",
                "ana",
                "before we forget: bo an alert on pool usage and cleo null checks in the client. me: the runbook page",
            ),
            said("12:02", "ana", "bo rolled back the release, cleo restarted the payments worker"),
            said("12:03", "bo", "cleo you are a great cook"),
        )
    )

    assert [(item.owner, item.text) for item in selection.action_items] == [
        ("UBO", "an alert on pool usage"),
        ("UCLEO", "null checks in the client"),
        ("UANA", "the runbook page"),
    ]


@pytest.mark.parametrize("told", ["bo will raise the pool size tomorrow", "action item: I'll fix the leak tomorrow"])
def test_what_somebody_will_do_is_no_root_cause_though_it_is_marked(told: str) -> None:
    selection = select(
        talk(
            said("11:00", "bo", "looking at the 503 of 40 customers"),
            said("11:10", "ana", told, marked=("UANA",)),
            said("11:20", "ana", "the pool was too small. bo will raise it", marked=("UANA",)),
        )
    )

    assert [quote.text for quote in selection.root_cause] == ["the pool was too small. bo will raise it"]


def test_the_report_gets_only_peoples_own_words() -> None:
    conversation = read_case("warehouse").conversation
    selection = select(conversation)
    text = "\n".join(each.text for each in conversation.said)

    for quote in (*selection.impact, *selection.root_cause, *selection.resolution, *selection.lessons):
        assert all(line in text for line in quote.text.splitlines())
        assert quote.source


@pytest.mark.parametrize("name", ["video", "warehouse", "hosting"])
def test_conversations_of_other_kinds_are_told_as_a_person_would(name: str) -> None:
    case = read_case(name)
    selection = select(case.conversation)

    precision, recall = found(case, selection.entries)
    assert 2 * precision * recall / (precision + recall) >= 0.65
    for told, expected in case.moments.items():
        at = getattr(selection, told).at
        assert abs((at - expected).total_seconds()) <= 120, told


def test_a_range_that_looks_back_tells_when_it_began_and_ended_also_the_day_after() -> None:
    selection = chosen(
        said("10:10", "ana", "checkout fails with 503 for 40 customers"),
        said("10:11", "bo", "same here"),
        said("11:00", "ana", "half an hour clean, resolved"),
        said("1 09:20", "ana", "for the report: 10:02-10:49 nothing worked"),
    )

    assert selection.started.at == moment("10:02")
    assert selection.mitigated.at == moment("10:49")


@pytest.mark.parametrize(("hour", "began"), [("13", "13:03"), ("16", "16:03")], ids=["their walls' times", "UTC"])
def test_times_are_read_as_others_in_the_channel_tell_theirs(hour: str, began: str) -> None:
    selection = select(
        talk(
            said(f"{hour}:04", "ana", "checkout fails with 503 for 40 customers"),
            said(f"{hour}:07", "cleo", "same here, the page came at 16:02"),
            said(f"{hour}:12", "bo", "failover at 16:10 did nothing"),
            said("16:45", "bo", "it started 16:03"),
            people={who: Person(who, "Europe/Istanbul") for who in ("UANA", "UBO", "UCLEO")},
        )
    )

    assert selection.started.at == moment(began)


def test_what_was_said_in_other_talk_before_somebody_took_the_lead_is_no_detection() -> None:
    selection = chosen(
        said("09:00", "bo", "the printer fails again, 3 customers complain"),
        said("09:01", "cleo", "same here"),
        said("10:08", "cleo", "checkout fails with 503 for 40 customers"),
        said("10:10", "ana", "sev high, I'm IC"),
    )

    assert selection.detected.at == moment("10:08")


def test_an_alert_hours_before_anybody_took_the_lead_is_the_detection() -> None:
    selection = chosen(
        said("07:00", "alerts", "[FIRING] OrdersFailing on shop-1"),
        said("07:20", "bo", "orders of shop-1 fail for 40 customers"),
        said("10:08", "cleo", "orders of shop-1 fail with 503 for 400 customers"),
        said("10:10", "ana", "sev high, I'm IC"),
    )

    assert selection.detected.at == moment("07:00")


def test_a_bot_that_keeps_the_incident_tells_when_it_was_declared_mitigated_opened_again_and_over() -> None:
    told = [
        said("10:00", "robot", "*[DECLARED] INC-7* checkout is down"),
        said("10:30", "robot", "*[STATUS: MITIGATED] INC-7* rolled back"),
        said("11:00", "robot", "*[STATUS: REOPENED] INC-7* it fails again"),
        said("11:30", "robot", "*[STATUS: MITIGATED] INC-7* cache switched off"),
        said("12:00", "robot", "*[STATUS: RESOLVED] INC-7* no errors for 30 min"),
    ]

    selection = chosen(*told)

    assert (selection.detected.at, selection.resolved.at) == (moment("10:00"), moment("12:00"))
    assert selection.mitigated.at == moment("11:30")
    assert chosen(*told[:3]).resolved.at is None


def test_a_time_of_many_hours_ago_is_meant_in_the_zone_of_most_people() -> None:
    selection = select(
        talk(
            said("03:09", "ana", "checkout fails with 503 for 40 customers"),
            said("03:10", "ana", "sev high, I'm IC"),
            said("03:40", "ana", "rolled back"),
            said("05:00", "ana", "30 min clean, closing"),
            said("05:02", "bo", "for the report: 412k logins failed between 12:01 and 12:39"),
            people={"UANA": Person("ana", "Asia/Seoul"), "UBO": Person("bo", "America/Vancouver")},
        )
    )

    assert (selection.started.at, selection.mitigated.at) == (moment("03:01"), moment("03:39"))


def test_what_nobody_takes_up_is_no_detection() -> None:
    selection = chosen(
        said("09:00", "bo", "the printer is broken again, 3 customers complain"),
        said("10:10", "ana", "checkout fails with 503 for 40 customers"),
        said("10:11", "bo", "same here"),
    )

    assert selection.detected.at == moment("10:10")


@pytest.mark.parametrize(
    ("words", "over"),
    [
        ("two hours and nothing left over. closed. thanks all", True),
        ("clean for 20, calling it", True),
        ("closed. the provider retries for a day", False),
        ("thank you. P1 is closed at 11:00", True),
        ("the ticket of the P1 was closed by the vendor", False),
        ("I'll call it finished then", True),
    ],
)
def test_a_word_by_itself_closes_only_after_another_sentence(words: str, *, over: bool) -> None:
    found_at = chosen(said("10:10", "ana", "checkout fails with 503"), said("11:00", "ana", words)).resolved.at

    assert (found_at == moment("11:00")) is over


def test_a_bot_that_has_something_on_by_default_ran_no_command() -> None:
    assert kind_of("deploys", "shop 3.18.0 → prod (compression on by default)", commanded=False) is Kind.SHIPPED
