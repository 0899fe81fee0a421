from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.log_search import LogLine
from bot.core.signatures import gist, grouped, is_error, signature

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WORDS = st.sampled_from(["payment failed for", "timeout after", "cannot reach", "order", "refused by", "Error:"])


@pytest.mark.row("F3")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"level":"error","msg":"x"}', True),
        ('{"level" : "FATAL","msg":"x"}', True),
        ('{"level":50,"msg":"x"}', True),
        ('{"severity":"Critical","message":"x"}', True),
        ('{"level":"info","msg":"ERROR: none"}', False),
        ('{"level":30,"msg":"Error: none"}', False),
        ("2026-03-02T09:00:00.000Z ERROR [gateway] Error: boom", True),
        ("TypeError: x is not a function", True),
        ("java.lang.IllegalStateException: x", True),
        ("[error] upstream timed out", True),
        ("fatal: not a repository", True),
        ("2026-03-02T09:00:00.000Z INFO  [gateway] no error so far", False),
        ("errors_total 0", False),
        ("", False),
    ],
)
def test_a_line_is_an_error_by_its_level_and_without_one_by_its_words(line: str, *, expected: bool) -> None:
    assert is_error(line) is expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"level":"error","time":"2026-03-02","msg":"payment failed","code":"ETIMEDOUT","error":"no \\"x\\""}',
            'payment failed: no \\"x\\" (ETIMEDOUT)',
        ),
        ('{"level":50,"msg":"lost","err":{"message":"x"}}', "lost"),
        ('{"level":"error"}', '{"level":"error"}'),
        ("2026-03-02T09:00:00.000Z ERROR [gateway]  Error: boom", "ERROR [gateway] Error: boom"),
        ("[2026-03-02 09:00:00,123] worker died", "worker died"),
    ],
)
def test_what_a_line_says_is_message_reason_and_code_without_its_time(line: str, said: str) -> None:
    assert gist(line) == said


@pytest.mark.row("H1")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payment pay_1f3870be274f6c49 failed", "payment pay_9a1158154dfa42ca failed"),
        ("timeout after 3000 ms", "timeout after 12.5 ms"),
        ("no column 'a'", "no column 'b c'"),
        ("refused by 203.0.113.7:443", "refused by [2001:db8::1]:443".replace("[", "").replace("]", "")),
        ("at 0xdeadbeef", "at 0x1"),
        ("mail to ana@example.com bounced", "mail to b.e@example.org bounced"),
        ("cannot read `x`", "cannot read `y`"),
    ],
)
def test_the_same_error_has_one_signature(one: str, other: str) -> None:
    assert signature(one) == signature(other)


def test_other_errors_have_other_signatures() -> None:
    said = ["payment failed", "payment refused", "can't read what isn't there", "can't write what isn't there"]

    assert len({signature(each) for each in said}) == len(said)


@given(st.text(max_size=200))
def test_a_signature_has_no_number_and_is_its_own_signature(text: str) -> None:
    once = signature(text)

    assert not any(letter in "0123456789" for letter in once)
    assert signature(once) == once
    assert len(once) <= 300


VALUES = st.tuples(st.uuids(), st.ip_addresses(v=4), st.floats(0, 1e9).map("{:f}".format) | st.integers(0))


@given(WORDS, VALUES, VALUES)
def test_ids_addresses_and_numbers_do_not_tell_errors_apart(
    word: str, one: tuple[object, ...], other: tuple[object, ...]
) -> None:
    assert signature(" ".join(map(str, (word, *one)))) == signature(" ".join(map(str, (word, *other))))


@pytest.mark.parametrize("text", ["'" * 50_000, "a" * 50_000, ":" * 50_000, "0a" * 25_000, "a@" * 25_000, '"' * 49_999])
def test_a_signature_takes_time_linear_in_the_text(text: str) -> None:
    began = time.perf_counter()

    signature(text)
    gist(text)
    is_error(text)

    assert time.perf_counter() - began < 1


@given(st.lists(st.sampled_from(["a 1", "a 2", "b", "c 7"]), max_size=30))
def test_every_line_is_counted_once_and_the_most_frequent_comes_first(said: list[str]) -> None:
    lines = [LogLine(text, START + timedelta(seconds=second)) for second, text in enumerate(said)]

    groups = grouped(lines)

    assert sum(group.count for group in groups) == len(said)
    assert [group.count for group in groups] == sorted((group.count for group in groups), reverse=True)
    assert all(group.first_at <= group.last_at for group in groups if group.first_at and group.last_at)


def test_a_group_tells_its_first_and_last_time_and_what_was_said_last() -> None:
    lines = [
        LogLine("lost 1", None),
        LogLine("lost 2", START),
        LogLine("lost 3", START + timedelta(minutes=1)),
        LogLine("lost 4", None),
    ]

    [group] = grouped(lines)

    assert (group.count, group.sample) == (4, "lost 4")
    assert (group.first_at, group.last_at) == (START, START + timedelta(minutes=1))
