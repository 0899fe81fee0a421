from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.mrkdwn import bold, code, escape, mrkdwn, unescape
from bot.core.prose import Bold, Channel, Code, Line, Link, Person, When

AT = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ((Person("U1A"), " in ", Channel("C1A")), "<@U1A> in <#C1A>"),
        ((Person("opsbot"), Channel("!channel>")), "opsbot!channel&gt;"),
        ((When(AT),), "<!date^1772491800^{time}|22:50 UTC>"),
        ((When(AT, date=True),), "<!date^1772491800^{date_short_pretty} at {time}|2026-03-02 22:50 UTC>"),
        ((Code("a`b\n  <!here>"), Bold("*x*")), "`a'b &lt;!here&gt;`*x*"),
        ((Code(" "), Bold("**")), ""),
        ((Link("https://x.io/?a=1&b=2", "the <page>"),), "<https://x.io/?a=1&amp;b=2|the &lt;page&gt;>"),
        ((Link("https://x.io/a|b>c", "x"),), "x (https://x.io/a|b&gt;c)"),
        ((Link("javascript:alert(1)", "x"),), "x (javascript:alert(1))"),
        ((Link("https://x.io", ""),), "<https://x.io|https://x.io>"),
    ],
)
def test_a_line_is_written_in_mrkdwn(line: Line, shown: str) -> None:
    assert mrkdwn(line) == shown


@given(st.text())
def test_escaped_text_is_inert_and_comes_back(text: str) -> None:
    escaped = escape(text)

    assert not {"<", ">"} & {*escaped}
    assert unescape(escaped) == text


def test_text_is_unescaped_once() -> None:
    assert unescape("&amp;lt;!channel&amp;gt; &lt;b&gt;") == "&lt;!channel&gt; <b>"


@given(st.text())
def test_code_and_bold_cannot_be_left(text: str) -> None:
    assert code(text).count("`") in {0, 2}
    assert bold(text).count("*") in {0, 2}
    assert not {"\n", "<", ">"} & {*code(text)}
