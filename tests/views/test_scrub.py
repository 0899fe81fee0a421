from datetime import UTC, datetime

from hypothesis import assume, given, settings

from bot.core.incident_results import TimelineEntry
from bot.core.parts import State
from bot.core.prose import Bold, Person
from bot.core.redact import Redactor
from bot.core.results import LogLines, Result, StepProgress, StepState, Text
from bot.views import render, scrubbed
from tests.views.strategies import results

SECRET = "zq8&Lk3/x*y"
REDACT = Redactor([SECRET]).redact


def test_a_secret_is_gone_however_deep_it_lies() -> None:
    lines = (f"the key {SECRET}", (Bold(SECRET), " by ", Person("U1A")))

    shown = scrubbed(Text(lines, title=SECRET, state=State.OK), REDACT)

    assert shown == Text(
        ("the key [redacted]", (Bold("[redacted]"), " by ", Person("U1A"))), title="[redacted]", state=State.OK
    )


def test_a_secret_at_the_edge_of_what_is_shown_is_not_cut_in_half() -> None:
    shown = render(scrubbed(LogLines("Log", ("x" * 2_990 + SECRET,)), REDACT))

    assert SECRET[:6] not in str(shown)


def test_log_lines_lose_private_keys_and_addresses_of_people() -> None:
    key = ("-----BEGIN PRIVATE KEY-----", "MIIEow", "Ab==", "-----END PRIVATE KEY-----")

    shown = scrubbed(LogLines("Log", ("one", *key, "to ada@example.com")), REDACT)

    assert shown.lines == ("one", "[redacted:private-key]", "to [redacted:email]")
    assert scrubbed(LogLines("Log", ()), REDACT).lines == ()


def test_what_is_no_text_stays_as_it_is() -> None:
    step = StepProgress("reload", StepState.DONE, "2 workers online")
    entry = TimelineEntry(datetime(2026, 3, 2, tzinfo=UTC), "Ada", "ok")

    assert scrubbed((step, entry, None, 5), REDACT) == (step, entry, None, 5)


@settings(max_examples=50, deadline=None)
@given(results())
def test_a_result_without_secrets_is_the_same(result: Result) -> None:
    assume(not isinstance(result, LogLines))

    assert scrubbed(result, str) == result
