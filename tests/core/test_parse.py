import contextlib
import shlex
from datetime import timedelta
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from bot.core.command import Args, ChangeArgs
from bot.core.duration import Duration
from bot.core.errors import UsageError
from bot.core.parse import join, missing, option, parse, person, split, usage, words


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"

    @classmethod
    def _missing_(cls, value: object) -> "Level | None":
        return cls.INFO if value == "normal" else None


class On(ChangeArgs):
    lasts: timedelta | None = option(None, "How long.", alias="for")
    reason: str = words("", "Why.")


class Open(Args):
    severity: Literal["Critical", "High", "Medium", "Low"]
    title: str = words(..., "What is wrong.")


class Logs(Args):
    count: int = Field(100, ge=1, le=500)
    errors: bool = option(default=False, description="Only the error log.", alias="err")
    grep: str = option("", "Only lines with this text.")
    level: Level | None = option(None, "Only this level.")
    share: float = option(1.0, "Part of the lines.")


class Block(Args):
    address: str
    lasts: timedelta = option(timedelta(hours=24), "How long.", alias="for")
    reason: str = words("", "Why.")


HALF_HOUR = timedelta(minutes=30)
OPEN = "A quote is opened and never closed, or the text ends with a backslash."


@pytest.mark.parametrize(
    "text",
    [
        "30m provider down",
        "for 30m provider down",
        "provider down for 30m",
        '--for 30m --reason "provider down"',
        "--for=30m provider down",
        "30m --reason 'provider down'",
        "\u2014for 30m \u201cprovider down\u201d",
        "\u2013for 30m \u2018provider down\u2019",
        "  30M\u00a0provider   down ",
    ],
)
def test_one_meaning_has_many_spellings(text: str) -> None:
    assert parse(text, On) == On(lasts=HALF_HOUR, reason="provider down")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("can't reach it", "can't reach it"),
        ("can\u2019t reach the provider\u2019s API", "can't reach the provider's API"),
        ("the users' payments fail", "the users' payments fail"),
        ("down -- --really", "down --really"),
        ("down \u2014 again", "down \u2014 again"),
        ("slow for 30m today", "slow for 30m today"),
        ("latency above 2s", "latency above 2s"),
        ("--for 30m down for 2h", "down for 2h"),
        ("'30m  spaces' kept", "'30m  spaces' kept"),
        ('ana said "it is down"', 'ana said "it is down"'),
        ("ana said \u201cit is  down\u201d", 'ana said "it is  down"'),
        ("'down', said ana, 'not up'", "'down', said ana, 'not up'"),
        ('"down" or "up"', '"down" or "up"'),
        ('"ana said \\"down\\""', 'ana said "down"'),
        ("'it can't be reached'", "it can't be reached"),
        ("the users' payments and the clients' money", "the users' payments and the clients' money"),
        ('5" disk', '5" disk'),
        ('--for 30m 5" disk --service shop', '5" disk'),
        ('say "it is --for 30m', 'say "it is'),
        ('"down', '"down'),
        (r"C:\logs is full", r"C:\logs is full"),
        ("full at C:\\", "full at C:\\"),
        ('"provider down" for 30m', "provider down"),
        ("--reason 'ana said \"down\"'", 'ana said "down"'),
    ],
)
def test_a_reason_is_taken_as_people_write(text: str, reason: str) -> None:
    assert parse(text, On).reason == reason


class Written(Args):
    section: str
    text: str = words(..., "All of it.", lines=True)
    at: str = option("", "When.")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("impact one\n- two  three\n\n- four\n", "one\n- two three\n\n- four"),
        ("impact\none\ntwo", "one\ntwo"),
        ("impact one\n--at\n14:05\ntwo", "one\n\ntwo"),
        ("impact 'one\n  two'", "one\n  two"),
        ('impact "one"\n"two\n  three"', '"one"\n"two\n  three"'),
    ],
)
def test_a_text_of_several_lines_keeps_them(text: str, written: str) -> None:
    assert parse(text, Written).text == written


def test_a_text_of_one_line_is_typed_in_several_too() -> None:
    assert parse("30m\nprovider\ndown", On) == On(lasts=HALF_HOUR, reason="provider down")


@pytest.mark.parametrize("text", ["203.0.113.7 2h scanning", "2h 203.0.113.7 scanning", "203.0.113.7 scanning for 2h"])
def test_a_duration_stands_before_or_after_a_positional(text: str) -> None:
    assert parse(text, Block) == Block(address="203.0.113.7", lasts=timedelta(hours=2), reason="scanning")


def test_options_stand_anywhere_and_flags_take_no_word() -> None:
    parsed = parse("--err 20 --grep=timeout --level INFO --share 0.5", Logs)

    assert parsed == Logs(count=20, errors=True, grep="timeout", level=Level.INFO, share=0.5)


def test_a_choice_may_know_other_words() -> None:
    assert parse("--level normal", Logs).level is Level.INFO


def test_a_flag_can_be_denied() -> None:
    assert parse("--err=false", Logs).errors is False


@pytest.mark.parametrize(
    ("text", "model", "said"),
    [
        ("--fro 30m", On, "I do not know --fro. Did you mean --for?"),
        ("--xyzzy 1", Open, "I do not know --xyzzy. There are: --severity, --title."),
        ("--for 3x", On, '--for: "3x" is not a duration. Write it like 30m, 1h30m or 2d.'),
        ("--for", On, "--for needs a value. Write --for 30m, or --for=... if it starts with --."),
        ("--grep --err", Logs, "--grep needs a value. Write --grep TEXT, or --grep=... if it starts with --."),
        ("--level silly", Logs, '--level: "silly" is not one of its values. It can be debug, info.'),
        ("--level", Logs, "--level needs a value. Write --level debug, or --level=... if it starts with --."),
        ("--for 1h --for 2h", On, "--for is given twice."),
        ("hihg down", Open, 'severity: "hihg" is not one of its values. Did you mean High?'),
        ("P1 down", Open, 'severity: "P1" is not one of its values. It can be Critical, High, Medium, Low.'),
        ("", Open, "severity is missing. title is missing."),
        ("many", Logs, "count must be a whole number."),
        ("1.5", Logs, "count must be a whole number."),
        ("501", Logs, "count must be at most 500."),
        ("0", Logs, "count must be at least 1."),
        ("--share half", Logs, "--share must be a number."),
        ("--err=maybe", Logs, "--err must be yes or no."),
        ("5 6 7", Logs, 'I did not expect "6 7". Put quotes around a value that has spaces in it.'),
        ('--reason "down', On, OPEN),
        ('--reason="provider down', On, OPEN),
        ("--reason down\\", On, OPEN),
        ('"203.0.113.7 scanning', Block, OPEN),
        (
            f"{'x' * 60} down",
            Open,
            f'severity: "{"x" * 39}…" is not one of its values. It can be Critical, High, Medium, Low.',
        ),
    ],
)
def test_a_fault_says_what_was_typed_and_what_would_be_valid(text: str, model: type[BaseModel], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, model)

    assert f"{caught.value} {caught.value.hint}".strip() == said


class Rules(Args):
    code: str = Field("AB", pattern="^[A-Z]{2}$")
    lasts: timedelta | None = option(None, "How long.", alias="for")
    name: str = option("", "A name.")

    @field_validator("name")
    @classmethod
    def _no_spaces(cls, name: str) -> str:
        if " " in name:
            raise ValueError("a name has no spaces")
        return name


class Bounded(Args):
    grace: Duration | None = option(None, "How long to wait.")
    lasts: timedelta = Field(HALF_HOUR, le=timedelta(hours=1), json_schema_extra={"alias": "for"})


@pytest.mark.parametrize(
    ("text", "model", "said"),
    [
        ("abc", Rules, "code must match ^[A-Z]{2}$."),
        ("--name 'a b'", Rules, "--name: a name has no spaces."),
        ("--grace 5m 2h", Bounded, "--for must be at most 1 hour."),
    ],
)
def test_a_models_own_rules_are_told_in_plain_words(text: str, model: type[BaseModel], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, model)

    assert str(caught.value) == said


def test_faults_are_told_by_field_for_a_form() -> None:
    with pytest.raises(UsageError) as caught:
        parse("hihg", Open)

    assert caught.value.faults.keys() == {"severity", "title"}


def test_what_is_missing_is_known_before_anything_is_checked() -> None:
    assert missing("", Open) == ("severity", "title")
    assert missing("nonsense", Open) == ("title",)
    assert missing("high it is down", Open) == ()


def test_the_usage_line_comes_from_the_model() -> None:
    assert usage("/ops maintenance on", On) == (
        "/ops maintenance on [reason ...] [--for DURATION] [--service TEXT] [--break-glass TEXT] [--dry-run]"
    )
    assert usage("/incident open", Open) == "/incident open <Critical|High|Medium|Low> <title ...>"
    assert usage("/ops logs", Logs) == ("/ops logs [count] [--err] [--grep TEXT] [--level debug|info] [--share NUMBER]")


class Nested(Args):
    many: list[str]


class Either(Args):
    one: int | str


@pytest.mark.parametrize("model", [Nested, Either])
def test_a_field_that_cannot_be_typed_is_a_fault_of_the_program(model: type[BaseModel]) -> None:
    with pytest.raises(RuntimeError, match="cannot be typed in chat"):
        parse("", model)


class Three(Args):
    first: str
    second: str
    named: str = option("", "Named.")
    rest: str = words("", "The rest.")


THIRD = 3
odd = st.text(st.characters(exclude_characters="\u201c\u201d\u201e\u2018\u2019\u00a0", exclude_categories=["Cs"]))


@given(st.lists(odd.filter(lambda word: not word.startswith(("--", "\u2013", "\u2014"))), min_size=2), odd)
def test_any_argument_survives_quoting(free: list[str], named: str) -> None:
    text = shlex.join([*free, f"--named={named}"])

    parsed = parse(text, Three)

    assert (parsed.first, parsed.second, parsed.named) == (free[0], free[1], named)
    assert parsed.rest == (free[2] if len(free) == THIRD else shlex.join(free[2:]))


@given(st.lists(odd))
def test_splitting_agrees_with_a_shell_on_what_a_shell_has_quoted(arguments: list[str]) -> None:
    plain = [word for word in arguments if not word.startswith(("\u2013", "\u2014"))]

    assert [word.given for word in split(shlex.join(plain))] == plain


@given(st.lists(odd.filter(lambda word: " \u2013" not in word and " \u2014" not in word)))
def test_what_a_shell_has_split_is_joined_so_that_it_is_split_alike(arguments: list[str]) -> None:
    assert [word.given for word in split(join(arguments))] == arguments


def test_what_a_shell_has_split_is_joined_without_quotes_that_nobody_needs() -> None:
    assert join(["note", "it", "can't", "be", ">", "2s"]) == "note it can't be > 2s"


class Note(Args):
    text: str = words(..., "What happened.")


typed = st.lists(
    st.text("ab'\"\\(,.", min_size=1).filter(lambda word: not word.startswith("--")), min_size=1, max_size=8
).map(" ".join)


@given(typed)
def test_prose_stays_as_it_was_typed_but_for_quotes_around_the_whole(text: str) -> None:
    said = parse(text, Note).text

    assert said == text or (text[0] == text[-1] and text[0] in "'\"" and len(said) <= len(text) - 2)


@given(typed.filter(lambda text: '"' not in text and "\\" not in text))
def test_one_pair_of_quotes_around_the_whole_is_taken_off(text: str) -> None:
    assert parse(f'"{text}"', Note).text == text
    assert parse(f'"{text}" --', Note).text == text
    assert parse(f'see "{text}"', Note).text == f'see "{text}"'


@given(st.text() | st.text("'\"\\ -=a1m\u2014\u2019"), st.sampled_from([On, Open, Logs, Block, Three]))
def test_no_text_raises_anything_but_a_usage_error(text: str, model: type[BaseModel]) -> None:
    with contextlib.suppress(UsageError):
        missing(text, model)
        parse(text, model)


class Handed(Args):
    """Who does what."""

    what: str
    to: str = person("", "Who.")
    note: str = words("", "Why.")


@pytest.mark.parametrize("typed", ["<@U0BEN1|ben>", "<@U0BEN1>", "U0BEN1", "<@W0BEN1|ben>"])
def test_a_person_is_kept_as_the_id_that_slack_puts_into_the_text(typed: str) -> None:
    assert parse(f"scribe {typed} as agreed", Handed) == Handed(
        what="scribe", to=typed.strip("<@>").partition("|")[0], note="as agreed"
    )


@pytest.mark.parametrize("typed", ["ben", "@ben", "<#C0OPS>", "<!channel>", "<@>"])
def test_what_is_no_person_of_slack_is_refused_with_what_to_type(typed: str) -> None:
    with pytest.raises(UsageError, match="nobody that Slack knows"):
        parse(f"scribe {typed}", Handed)
