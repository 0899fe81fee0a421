"""Command lines for the shell on the other side: SSH carries one string, and sshd ends nothing that it began.

Reading commands run under `timeout`, so that none outlives the bot's interest for long. Changing ones run in a session
of their own with files for their output, as on the bot's own machine: they outlive the connection, hold their lock
until they end, and what came of them can be asked for on another connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from pathlib import PurePosixPath
from secrets import token_hex
from shlex import join, quote

_LONGEST = 120_000  # Linux takes 128 KiB as one argument, and the shell gets the line as one
_ODD = "a\\b'$c!"
_TOOLS = ("env", "flock", "head", "mkdir", "setsid", "sh", "timeout")
_TMP = '"${TMPDIR:-/tmp}"'
_PREFIX = "opsbot-run-"
_NO_FOLDER = "opsbot: the folder cannot be entered"

PROBE = f"""x={quote(_ODD)}; printf '%s\\n' "$x" "${{x%%b*}}" "$HOME"
for tool in {join(_TOOLS)}; do command -v "$tool" >/dev/null 2>&1 || echo "$tool"; done
find {_TMP} -maxdepth 1 -name '{_PREFIX}*' -user "$(id -u)" -mmin +1440 -exec rm -rf {{}} +"""


def home_of(answer: str) -> tuple[str, tuple[str, ...]]:
    """HOME and the tools that are missing, by the answer to `PROBE`; ValueError when no POSIX shell gave it."""
    odd, start, home, *missing = answer.splitlines() or [""]
    if (odd, start) != (_ODD, "a\\"):
        raise ValueError(answer)
    return home, tuple(missing)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where something runs: its whole environment, and its folder."""

    environment: Mapping[str, str]
    cwd: str | None

    def program(self, argv: Sequence[str]) -> tuple[str, ...]:
        """`argv` with this environment and no other variable."""
        return ("env", "-i", *(f"{name}={value}" for name, value in self.environment.items()), *argv)

    def line(self, argv: Sequence[str], *, streams: str = "</dev/null") -> str:
        """Become `argv`, in the folder, after telling the process group on standard error; see `ended`.

        Messages of the tools on the way are in English.
        """
        enter = (
            "" if self.cwd is None else f"cd -- {quote(self.cwd)} || {{ echo {quote(_NO_FOLDER)} >&2; exit 125; }}; "
        )
        return f"echo $$ >&2; {enter}export LC_ALL=C; exec {join(argv)} {streams}"


def ended(group: int) -> str:
    """End what a line became, with all its children: sshd does not when the session is closed.

    A signal over the session's own channel is refused by many an sshd: by old ones, and for root.
    """
    return f"kill -9 -- -{group}"


def reading(argvs: Sequence[Sequence[str]], setting: Setting, *, within: timedelta) -> str:
    """Run `argvs` joined by pipes; all of them are ended a second after the bot has given up, if not by the bot."""
    limit = ("timeout", "-k", "5", str(ceil(within.total_seconds()) + 1))
    if len(argvs) == 1:
        return setting.line((*limit, *setting.program(argvs[0])))
    return setting.line((*limit, "sh", "-c", _joined(argvs, setting)), streams="</dev/null 3>&2 2>/dev/null")


def _joined(argvs: Sequence[Sequence[str]], setting: Setting) -> str:
    """All are looked for before one begins. What a signal ended is told, but for the broken pipe of a sated reader.

    The shell would tell of it too, in words of its own: its standard error leads nowhere, that of the commands is 3.
    """
    path = quote(f"PATH={setting.environment['PATH']}")
    there = [
        f"{path} command -v {quote(name)} >/dev/null"
        f" || {{ echo {quote(f'env: {name}: No such file or directory')} >&3; exit 127; }}"
        for name, *_ in argvs
    ]
    *before, last = [f"(exec {join(setting.program(argv))} 2>&3 3>&-)" for argv in argvs]
    told = [
        f"{each}; s=$?; [ $s -le 128 ] || [ $s -gt 159 ] || [ $s -eq 141 ]"
        f' || echo {quote(f"{PurePosixPath(argv[0]).name} was ended by signal ")}"$((s-128))" >&3'
        for each, argv in zip(before, argvs, strict=False)
    ]
    pipe = " | ".join(f"{{ {each}; }}" for each in (*told, last))
    return "; ".join((*there, pipe))


def encoded(line: str) -> bytes:
    """What is sent; ValueError for what no program can take."""
    sent = line.encode(errors="surrogateescape")
    if b"\0" in sent:
        raise ValueError("embedded null byte")
    if len(sent) > _LONGEST:
        raise ValueError("its arguments are too long")
    return sent


READY, GO = b"ready\n", b"go\n"
"""What the other side says when it holds the lock, and what it has to hear then before it begins."""

_HEARS_WITHIN = timedelta(seconds=15)
"""Longer than the bot may take to ask its database; what has not heard by then begins nothing, and frees the lock."""

_COLLECT = """[ -e "$d/alive" ] || answer lost
exec 7<"$d/alive"
flock -s -w "$w" 7 || answer late
[ ! -e "$d/unheard" ] || answer unheard
[ -s "$d/code" ] || answer lost
echo "ended $(cat "$d/code")"
head -c "$cap" "$d/out"
head -c "$cap" "$d/err" >&2
"""
_WORDS = f"""d={_TMP}/$1 w=$2 cap=$3; shift 3
answer() {{ printf '%s\\n' "$*"; exit 0; }}
"""
_START = """l=$1 what=$2 hears=$3; shift 3
m=$(umask); umask 077
mkdir "$d" || answer refused "no folder can be made beside it"
exec 8>"$d/alive"; flock 8
[ ! -L "$l" ] || answer refused "it is a link"
why=$( { : 9<>"$l"; } 2>&1 ) || answer refused "$why"
exec 9<>"$l"; umask "$m"
flock -w "$w" 9 || answer held "$(head -c 200 "$l")"
echo ready
[ "$(timeout "$hears" head -n 1 8>&- 9>&-)" = go ] || { mkdir "$d/unheard"; answer unheard; }
setsid -f sh -c '"$@" >"$0/out" 2>"$0/err" 8>&-; echo $? >"$0/code"' "$d" \\
    sh -c 'printf "%s (pid %s)" "$1" $$ >"$0"; shift; exec "$@"' "$l" "$what" "$@" </dev/null >/dev/null 2>&1
exec 8>&- 9>&-
"""
"""`setsid -f` and not `&`, which would have the command and all that it starts ignore SIGINT.

The runner holds `alive` until the code is written, the command holds the lock: nobody waits for either in vain.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A changing command under its lock; the line that begins it waits for its end too."""

    argv: Sequence[str]
    lock: str
    within: timedelta
    cap: int
    folder: str = field(default_factory=lambda: _PREFIX + token_hex(8))

    def begin(self, setting: Setting) -> str:
        """Take the lock, say `READY`, hear `GO`, run the command, tell what came of it.

        Whoever does not say `GO`, for nobody permits it or the connection is lost, has begun nothing.
        """
        hears = f"{min(self.within, _HEARS_WITHIN).total_seconds():.2f}"
        words = (*self._words(self.within), self.lock, join(self.argv), hears, *setting.program(self.argv))
        return setting.line(("sh", "-c", _WORDS + _START + _COLLECT, "sh", *words), streams="")

    def collect(self, setting: Setting, *, within: timedelta) -> str:
        """Tell what came of it, on a connection after the one that began it was lost."""
        return setting.line(("sh", "-c", _WORDS + _COLLECT, "sh", *self._words(within)))

    def forget(self) -> str:
        """Remove what its output was kept in: nobody will ask any more. It may still run."""
        return f"rm -rf {_TMP}/{self.folder}"

    def _words(self, within: timedelta) -> tuple[str, str, str]:
        return (self.folder, f"{within.total_seconds():.2f}", str(self.cap + 1))


def refusal(argvs: Sequence[Sequence[str]], code: int, err: str) -> tuple[str, str] | None:
    """The program that could not be run and why, when that is what `err` says."""
    if code == 125 and err.strip().endswith(_NO_FOLDER):  # noqa: PLR2004 - as in `Setting.line`
        return argvs[-1][0], "its folder cannot be entered"
    for argv in argvs if code in {126, 127} else ():
        if found := re.search(rf"^env: .*{re.escape(argv[0])}.*: ([^:\n]+)$", err, re.MULTILINE):
            return argv[0], found[1]
    return None
