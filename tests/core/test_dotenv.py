from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.core import dotenv
from bot.core.errors import IntegrationError, UsageError
from bot.demo.tools import ensure_tools

KEY = "ENABLE_MAINTENANCE_MODE"
Parse = Callable[[bytes], dict[str, str]]

READER = """
const { parse } = require('dotenv');
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(parse(Buffer.from(line, 'base64').toString('utf8')))}\\n`);
});
"""


@pytest.fixture(scope="session")
def node_dotenv() -> Iterator[Parse]:
    """The Node package itself, as a service loads its file with it."""
    tools = ensure_tools()
    argv = (str(tools.node), "-e", READER)
    env = {"PATH": tools.path, "NODE_PATH": str(tools.modules)}
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin
        assert node.stdout
        to, back = node.stdin, node.stdout

        def parse(content: bytes) -> dict[str, str]:
            to.write(f"{base64.b64encode(content).decode()}\n")
            to.flush()
            values: dict[str, str] = json.loads(back.readline())
            return values

        yield parse
        to.close()


pieces = st.sampled_from(
    [
        *(
            "A",
            "B",
            "API_KEY",
            KEY,
            f"OLD_{KEY}",
            "export ",
            "export",
            "=",
            " = ",
            ":",
            ": ",
            "#",
            "# a comment",
            " ",
            "\t",
        ),
        *("\n", "\n", "\n", "\r\n", "\r", "\n\n", "'", '"', "`", "\\", "\\n", '\\"', "true", "false", "x y", "a.b-c"),
        *("\ufeff", "\u00a0", "\u2028", "\u2029", "\x85", "\x1c", "ü", "🔑", "$", "postgres://u:p@h/d?x=1#y", "\0"),
    ]
)
texts = st.lists(pieces, max_size=14).map("".join)
lines = st.lists(st.lists(pieces, max_size=6).map("".join), max_size=6).map("\n".join)
contents = st.one_of(texts.map(str.encode), lines.map(str.encode), st.binary(max_size=40))
new_values = st.one_of(
    st.sampled_from(["true", "false", "", "30", "a b", "#", "it's", '"', "`", "\\n", " x ", "é", "🔑"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp", "Zs")), max_size=8),
)
real_node = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(content=contents)
@example(content=b"KEY=\n'a'\nB=1")
@example(content=b"A:\nB=1")
@example(content=b"A='x\r\ny' # c\r\nB=2")
@example(content=b'A="x\\ny"\nA=2')
@real_node
def test_every_key_is_read_as_dotenv_reads_it(content: bytes, node_dotenv: Parse) -> None:
    assert dotenv.values(dotenv.decode(content)) == node_dotenv(content)


@given(content=contents, value=st.one_of(st.none(), new_values))
@example(content=b"FOO=bar", value="true")
@example(content=b"# no final newline", value="true")
@example(content=b"ENABLE_MAINTENANCE_MODE=", value="true")
@example(content=b"ENABLE_MAINTENANCE_MODE=\n'x'\n", value="true")
@example(content=b"ENABLE_MAINTENANCE_MODE:\nFOO=1\n", value="true")
@example(content=b"FOO:\n", value="true")
@real_node
def test_setting_a_key_changes_what_dotenv_reads_for_it_and_no_other_line(
    content: bytes, value: str | None, node_dotenv: Parse
) -> None:
    before = dotenv.decode(content)
    try:
        after = dotenv.with_value(before, KEY, value)
    except (IntegrationError, UsageError):
        return  # refused, and nothing is changed; which of the two is told by the tests below

    loaded = node_dotenv(dotenv.encode(after))
    assert loaded.pop(KEY, None) == value
    assert loaded == {key: kept for key, kept in node_dotenv(content).items() if key != KEY}
    assert others(after) == others(before)


def others(text: str) -> list[bytes]:
    """The lines with something on them that no entry of the key stands on, byte by byte."""
    own = [(entry.start, entry.value_end) for entry in dotenv.entries(text) if entry.key == KEY]
    lines = re.finditer(r"[^\n\r\u2028\u2029]+", text)
    return [
        dotenv.encode(line[0])
        for line in lines
        if not any(start <= line.end() and end >= line.start() for start, end in own)
    ]


@pytest.mark.row("G1")
def test_a_key_added_to_a_file_without_a_final_newline_stands_on_a_line_of_its_own() -> None:
    assert dotenv.with_value("API_KEY=abc", KEY, "true") == f"API_KEY=abc\n{KEY}=true\n"


@pytest.mark.row("G2")
def test_of_doubles_the_last_one_counts_and_setting_the_key_leaves_one() -> None:
    text = f"{KEY}=true\nA=1\n{KEY}=false\n"

    assert dotenv.values(text)[KEY] == "false"
    assert dotenv.with_value(text, KEY, "true") == f"A=1\n{KEY}=true\n"


@pytest.mark.row("G3")
def test_comments_and_other_keys_that_mention_the_key_stay() -> None:
    text = f"# {KEY}=true keeps customers out\n{KEY}=true\nOLD_{KEY}_REASON=provider\n"

    assert dotenv.with_value(text, KEY, None) == f"# {KEY}=true keeps customers out\nOLD_{KEY}_REASON=provider\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f"{KEY}=false # see the wiki\n", f"{KEY}=true # see the wiki\n", id="comment on the line"),
        pytest.param(f"export {KEY}='false'\n", f"export {KEY}=true\n", id="export and quotes"),
        pytest.param(f"  {KEY}: false\nA=1\n", f"  {KEY}: true\nA=1\n", id="indent and colon"),
        pytest.param(f"{KEY}=\nA=1\n", f"{KEY}=true\nA=1\n", id="empty"),
        pytest.param(f"{KEY}='a\nb'\nA=1\n", f"{KEY}=true\nA=1\n", id="value over two lines"),
        pytest.param(f"{KEY}:\n'A'\n", f"{KEY}: true\n'A'\n", id="value that dotenv takes from the next line"),
        pytest.param(f"{KEY}\n= false\nA=1\n", f"{KEY}\n= true\nA=1\n", id="equals sign on a line of its own"),
        pytest.param("A=1\r\n", f"A=1\r\n{KEY}=true\r\n", id="windows line breaks"),
        pytest.param("", f"{KEY}=true\n", id="empty file"),
    ],
)
def test_a_line_keeps_its_form(before: str, after: str) -> None:
    assert dotenv.with_value(before, KEY, "true") == after


def test_what_is_no_text_comes_back_as_it_was() -> None:
    content = b"NAME=caf\xe9\nA=1\n"

    edited = dotenv.with_value(dotenv.decode(content), "A", "2")

    assert dotenv.encode(edited) == b"NAME=caf\xe9\nA=2\n"


def test_an_edit_that_would_change_another_key_is_refused() -> None:
    with pytest.raises(IntegrationError, match="cannot be changed without touching another key"):
        dotenv.with_value("FOO:\n", KEY, "true")


@pytest.mark.parametrize("value", ["a\nb", "'`\"", "a\x00b"])
def test_a_value_that_the_format_cannot_carry_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        dotenv.with_value("", "A", value)


def test_lines_are_counted_as_editors_count_them() -> None:
    text = "# one\r\nA=1\r\rB='x\ny'\nC=3\n"

    assert {entry.key: entry.line for entry in dotenv.entries(text)} == {"A": 2, "B": 4, "C": 6}


def test_secrets_are_told_by_the_sound_of_their_key_by_their_form_and_by_their_place_in_a_url() -> None:
    text = """
PORT=3000
CROSSMINT_API_KEY=sk_short
WEBHOOK_SECRET='two words'
DATABASE_URL=postgresql://gateway:s3cret%21@db.internal:5432/gateway
PLAIN_URL=https://status.example.com/page
OPAQUE=4f9c1b7a2e8d4c6fb1a0937d
KEYBOARD=qwerty
EMPTY_TOKEN=
"""

    assert set(dotenv.secrets(text)) == {
        "sk_short",
        "two words",
        "s3cret%21",
        "postgresql://gateway:s3cret%21@db.internal:5432/gateway",
        "4f9c1b7a2e8d4c6fb1a0937d",
    }


def test_a_path_is_no_secret_however_long() -> None:
    assert dotenv.secrets("BACKUP_DIR=/srv/gateway-2/backups/of/the/day\n") == ()
