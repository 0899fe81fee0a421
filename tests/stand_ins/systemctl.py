"""A stand-in for systemctl and journalctl: it answers as their manuals show, not as a real systemd was recorded.

Called as `systemctl.py STATE WORDS...`; as a journal with `systemctl.py STATE journal WORDS...`. It knows the words
that the bot and its helper use, and refuses every other.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from state import State, end, is_there, opened, record, spawn  # type: ignore[import-not-found]

DOWN = "System has not been booted with systemd as init system (PID 1). Can't operate."


def fail(words: str, code: int = 1) -> None:
    """As systemctl does."""
    sys.stderr.write(f"{words}\n")
    sys.exit(code)


def main(file: Path, words: list[str]) -> None:
    """Find what was asked for."""
    state = record(file, words)
    if state["down"]:
        fail(DOWN)
    match words:
        case ["journal", *options, "-n", count, "--output=short-iso", "--no-pager"] if options[::2].count("-u"):
            sys.stderr.write(state["journal_hint"])
            lines = state["logs"][0][-int(count) :] or ["-- No entries --"]
            sys.stdout.write("".join(f"{line}\n" for line in lines))
        case ["show", "--no-pager", properties, *patterns]:
            names = properties.partition("=")[2].split(",")
            rows = [shown(unit, state) for pattern in patterns for unit in matching(state, pattern)]
            # In an order of its own, as systemd does.
            blocks = ["\n".join(f"{name}={row[name]}" for name in reversed(names) if name in row) for row in rows]
            sys.stdout.write("\n\n".join(blocks) + "\n" * bool(blocks))
        case ["start" | "stop" | "restart" | "reset-failed" as verb, unit]:
            time.sleep(state["slow"])
            with opened(file) as state:
                change(file, state, verb, unit)
        case _:
            fail(f"Unknown command verb {' '.join(words)}.")


def change(file: Path, state: State, verb: str, unit: str) -> None:
    """What PID 1 does; systemctl waits for it."""
    now = state["units"].setdefault(unit, {"state": "inactive", "pid": 0, "since": 0.0})
    settle(state)
    if verb == "reset-failed":
        if now["state"] == "failed":
            now["state"] = "inactive"
        return
    if verb in {"stop", "restart"}:
        end(now["pid"])
        now.update(pid=0, state="inactive")
    if verb != "stop" and not is_there(now["pid"]):
        pid = spawn(state, file)
        if not is_there(pid):
            now.update(state="failed", pid=0)
            fail(f"Job for {unit} failed because the control process exited with error code.")
        now.update(pid=pid, state="active", since=time.time())


def settle(state: State) -> None:
    """A unit whose process has ended by itself has failed."""
    for each in state["units"].values():
        if each["state"] == "active" and not is_there(each["pid"]):
            each.update(state="failed", pid=0)


def matching(state: State, pattern: str) -> list[str]:
    """Units in memory for a pattern, and whatever was named for a name."""
    settle(state)
    loaded = [name for name, each in state["units"].items() if each["state"] != "inactive"]
    return [name for name in loaded if fnmatchcase(name, pattern)] if "*" in pattern else [pattern]


def shown(unit: str, state: State) -> dict[str, Any]:
    """All that is known of it; a unit without a file is told as such, with exit code 0."""
    now = state["units"].get(unit, {"state": "inactive", "pid": 0, "since": 0.0})
    since = datetime.fromtimestamp(now["since"], UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC") if now["since"] else ""
    sub = {"active": "running", "inactive": "dead", "failed": "failed"}[now["state"]]
    return {
        "Id": unit,
        "LoadState": "loaded" if unit in state["files"] else "not-found",
        "ActiveState": now["state"],
        "SubState": sub,
        "MainPID": now["pid"],
        "ActiveEnterTimestamp": since,
        "NRestarts": 0,
        "MemoryCurrent": "41943040" if now["pid"] else "[not set]",
        "MemoryMax": "infinity",
        "Environment": state["unit_environment"],
        "EnvironmentFiles": state["environment_files"],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
