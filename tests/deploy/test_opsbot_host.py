"""The root-owned helper does its few fixed things and refuses every other word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core import dotenv
from bot.core.errors import OpsbotError
from tests.core.test_dotenv import KEY, contents, new_values
from tests.namespaces import HELPER


def told(tmp_path: Path, *words: str, conf: object = None, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Its exit code and its words, run without rights to change anything."""
    file = tmp_path / "conf.json"
    file.write_text(json.dumps({"lock": str(tmp_path / "lock"), **(conf if isinstance(conf, dict) else {})}))
    done = subprocess.run(
        (sys.executable, "-I", str(HELPER), "--conf", str(file), *words),
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "unknown words"),
        (("help",), "unknown words"),
        (("block", "198.51.100.7"), "unknown words"),
        (("block", "198.51.100.7", "60", "U1", "more"), "unknown words"),
        (("block", "198.51.100.7", "60", "U1; id"), "no mark"),
        (("block", "198.51.100.7", "60", '"'), "no mark"),
        (("block", "198.51.100.7", "0", "U1"), "number of seconds"),
        (("block", "198.51.100.7", "9999999", "U1"), "number of seconds"),
        (("block", "198.51.100.7", "1e3", "U1"), "number of seconds"),
        (("block", "0.0.0.0/0", "60", "U1"), "wider than"),
        (("block", "198.51.100.7/24", "60", "U1"), "host bits set"),
        (("block", "198.51.100.7;flush ruleset", "60", "U1"), "does not appear"),
        (("block", "2001:DB8::5", "60", "U1"), "is not spelt"),
        (("block", "127.0.0.1", "60", "U1"), "no address of a stranger"),
        (("unblock", "@file"), "does not appear"),
        (("restart-unit", "ssh"), "not in units"),
        (("restart-unit", "postgresql@15-main;reboot"), "not in units"),
        (("read-env", "/etc/shadow"), "is not in env"),
        (("set-env", "/srv/.env", "PATH", "absent", "=x"), "is not in env"),
        (("set-env", "/srv/../srv/.env", "MODE", "absent", "=x"), "is not in env"),
        (("set-env", "/srv/.env", "MODE", "absent", "x"), "unknown words"),
        (("set-env", "/srv/.env", "MODE", "", "=x"), "unknown words"),
    ],
)
def test_other_words_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    conf = {"units": ["postgresql@15-main"], "env": {"/srv/.env": {"user": "root", "keys": ["MODE"]}}}

    code, error = told(tmp_path, *words, conf=conf)

    assert code == 2
    assert said in error


def test_another_configuration_is_refused_under_sudo(tmp_path: Path) -> None:
    code, error = told(tmp_path, "blocked", env={"SUDO_UID": "1000"})

    assert (code, "not for use with sudo" in error) == (2, True)


def test_what_must_never_be_blocked_is_kept_by_the_helper_too(tmp_path: Path) -> None:
    code, error = told(tmp_path, "block", "203.0.113.9", "60", "U1", conf={"never": ["203.0.113.0/24"]})

    assert (code, "never blocked" in error) == (2, True)


def loaded() -> dict[str, Any]:
    """What the program defines."""
    scope: dict[str, Any] = {"__name__": "helper"}
    exec(compile(HELPER.read_text(), str(HELPER), "exec"), scope)  # noqa: S102 - a program of ours that is no module
    return scope


PROGRAM = loaded()


@given(content=contents)
@settings(max_examples=500)
def test_it_reads_environment_files_as_the_bot_does(content: bytes) -> None:
    text = dotenv.decode(content)

    assert PROGRAM["_values"](text) == dotenv.values(text)


@given(content=contents, key=st.sampled_from(["A", "B", KEY]), value=st.one_of(st.none(), new_values))
@example(content=b"A:\n'B'\n", key="A", value="x")
@example(content=b"A=1\r\nB:\nA='x\ny'\n", key="B", value="")
@example(content=b"B:\n", key="A", value="x")
@example(content=b"", key="A", value="'`\"")
@settings(max_examples=500)
def test_it_edits_environment_files_as_the_bot_does_and_refuses_what_the_bot_refuses(
    content: bytes, key: str, value: str | None
) -> None:
    text = dotenv.decode(content)
    try:
        expected = dotenv.with_value(text, key, value)
    except OpsbotError:
        with pytest.raises(PROGRAM["RefusedError"]):
            PROGRAM["_with_value"](text, key, value)
    else:
        assert PROGRAM["_with_value"](text, key, value) == expected


@pytest.fixture
def anybody() -> Iterator[Path]:
    """A folder that everybody may look into, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_link_that_its_user_puts_in_the_place_of_the_file_leads_no_further_than_that_user(
    tmp_path: Path, anybody: Path
) -> None:
    secret, home = anybody / "secret", anybody / "home"
    secret.write_text("ROOT_KEY=invented\n")
    secret.chmod(0o600)
    home.mkdir()
    os.chown(home, 65534, 65534)
    (home / ".env").symlink_to(secret)
    conf = {"env": {str(home / ".env"): {"user": "nobody", "keys": ["A"]}}}

    read = told(tmp_path, "read-env", str(home / ".env"), conf=conf)
    set_ = told(tmp_path, "set-env", str(home / ".env"), "A", "absent", "=1", conf=conf)

    assert (read[0], "Permission denied" in read[1]) == (2, True)
    assert (set_[0], "Permission denied" in set_[1]) == (2, True)
    assert secret.read_text() == "ROOT_KEY=invented\n"


@given(words=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=3))
def test_words_without_a_verb_of_its_own_run_nothing(words: list[str]) -> None:
    verbs = re.findall(r"^    opsbot-host ([a-z-]+)", HELPER.read_text(), re.MULTILINE)
    if words and words[0] in (*verbs, "--conf"):
        return
    scope = loaded()

    def run(*argv: str, **_: object) -> str:
        raise AssertionError(argv)

    scope["run"] = run
    act = scope["act"]
    assert callable(act)
    with pytest.raises(Exception, match="unknown words"):
        act({}, words)


UNITS = ["gateway@1.service", "gateway@2.service", "gateway@12.service", "gatewayX1.service", "ssh.service"]


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (("start-unit", "gateway@1.service", "gateway@2.service"), ["start gateway@1", "start gateway@2"]),
        (("stop-unit", "gateway@2.service"), ["stop gateway@2"]),
        (("restart-unit", "ssh.service"), ["restart ssh"]),
        (("scale-unit", "gateway@.service", "1"), ["start gateway@1", "stop gateway@2", "stop gateway@12"]),
        (("scale-unit", "gateway@.service", "2"), ["start gateway@1", "start gateway@2", "stop gateway@12"]),
    ],
)
def test_units_of_the_configuration_are_started_and_stopped(
    tmp_path: Path, words: tuple[str, ...], ran: list[str]
) -> None:
    log = tmp_path / "log"
    systemctl = ["sh", "-c", f'echo "$*" >> {log}', "sh"]

    code, error = told(tmp_path, *words, conf={"units": UNITS, "systemctl": systemctl})

    assert (code, error) == (0, "")
    calls = [line.removesuffix(".service") for line in log.read_text().splitlines()]
    assert [call for call in calls if not call.startswith("reset-failed")] == ran


@pytest.mark.parametrize(
    "words",
    [
        ("start-unit",),
        ("start-unit", "gateway@1.service", "cron.service"),
        ("stop-unit", "--all"),
        ("scale-unit", "gateway@.service", "0"),
        ("scale-unit", "gateway@.service", "4"),
        ("scale-unit", "gateway@.service", "+1"),
        ("scale-unit", "gateway@.service", "3"),
        ("scale-unit", "gateway", "1"),
        ("scale-unit", "ssh.service", "1"),
        ("scale-unit", "*@.service", "1"),
    ],
)
def test_no_other_unit_is_touched(tmp_path: Path, words: tuple[str, ...]) -> None:
    log = tmp_path / "log"

    code, _ = told(tmp_path, *words, conf={"units": UNITS, "systemctl": ["touch", str(log)]})

    assert code == 2
    assert not log.exists()
