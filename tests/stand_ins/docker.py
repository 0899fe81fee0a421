"""A stand-in for Docker with Compose v2: it answers as their documentation shows, not as a real engine was recorded.

Called as `docker.py STATE WORDS...`. It knows the words that the bot uses, and refuses every other.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parent))
from state import State, end, is_there, now, opened, record, spawn  # type: ignore[import-not-found]

DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


def fail(words: str) -> None:
    """As the engine does."""
    sys.stderr.write(f"{words}\n")
    sys.exit(1)


def main(file: Path, words: list[str]) -> None:
    """Find what was asked for."""
    state = record(file, words)
    if state["down"] and "config" not in words:
        fail(DOWN)
    match words:
        case ["compose", "--ansi", "never", "--project-name", project, "--file", _, *rest]:
            if project != state["project"] or (rest[-1] != state["service"] and rest[0] != "config"):
                fail(f"no such service: {rest[-1]}")
            compose(file, state, rest)
        case ["inspect", "--type", "container", "--format", template, *ids]:
            for each in ids:
                sys.stdout.write(filled(template, found(state, each)) + "\n")
        case ["stats", "--no-stream", "--format", "{{json .}}", *ids]:
            for each in ids:
                row = {"ID": each[:12], "CPUPerc": "0.35%", "MemUsage": "49.3MiB / 1.9GiB"}
                sys.stdout.write(json.dumps(row) + "\n")
        case ["rm", "--force", name]:
            with opened(file) as state:
                box = next(each for each in state["boxes"] if each["name"] == name)
                end(box["pid"])
                state["boxes"].remove(box)
        case _:
            fail(f"docker: unknown command: docker {' '.join(words)}")


def compose(file: Path, known: State, words: list[str]) -> None:
    """What `docker compose` does."""
    match words:
        case ["ps", "--all", "--format", "json", _]:
            rows = [row(known, each) for each in boxes(known)]
            text = json.dumps(rows) if known["in_array"] else "".join(json.dumps(each) + "\n" for each in rows)
            sys.stdout.write(text)
        case ["up", "--detach", *options, _]:
            time.sleep(known["slow"])
            with opened(file) as state:
                up(file, state, options)
        case ["stop", _]:
            time.sleep(known["slow"])
            with opened(file) as state:
                for each in state["boxes"]:
                    end(each["pid"])
                    each.update(pid=0, status="exited")
        case ["config", "--format", "json"]:
            section = {**known["section"], "environment": {"TOKEN": "xoxb-invented"}}
            sys.stdout.write(json.dumps({"name": known["project"], "services": {known["service"]: section}}))
        case ["logs", "--no-color", "--no-log-prefix", "--timestamps", "--tail", count, _]:
            for lines in known["logs"]:
                sys.stdout.write("".join(f"{line}\n" for line in lines[-int(count) :]))
        case _:
            fail(f"unknown docker command: compose {' '.join(words)}")


def up(file: Path, state: State, options: list[str]) -> None:
    """Bring the containers to the declared count, or to the one asked for."""
    scale = [int(word.partition("=")[2]) for word in options if word.startswith(f"{state['service']}=")]
    count = scale[0] if scale else state["section"].get("deploy", {}).get("replicas", 1)
    for each in [box for box in state["boxes"] if box["number"] > count]:
        end(each["pid"])
        state["boxes"].remove(each)
    for number in range(1, count + 1):
        there = next((each for each in state["boxes"] if each["number"] == number), None)
        if there and "--force-recreate" in options:
            end(there["pid"])
            state["boxes"].remove(there)
            there = None
        if there is None:
            state["boxes"].append(there := new(state, number))
        if not is_there(there["pid"]):
            there.update(pid=spawn(state, file, hostname=there["id"][:12]), status="running", started=now())


def new(state: State, number: int) -> dict[str, Any]:
    """A container that was never started."""
    name = f"{state['project']}-{state['service']}-{number}"
    return {"id": uuid4().hex * 2, "name": name, "number": number, "pid": 0, "status": "created", "started": now()}


def boxes(state: State) -> list[dict[str, Any]]:
    """The containers as they are: one whose process has ended has exited."""
    for each in state["boxes"]:
        if each["status"] == "running" and not is_there(each["pid"]):
            each.update(pid=0, status="exited")
    return sorted(state["boxes"], key=lambda each: -each["number"])


def found(state: State, name: str) -> dict[str, Any]:
    """The container of this id."""
    for each in boxes(state):
        if each["id"] == name:
            return each
    fail(f"Error: No such container: {name}")
    raise AssertionError


def row(state: State, box: dict[str, Any]) -> dict[str, Any]:
    """As https://docs.docker.com/reference/cli/docker/compose/ps/ shows it."""
    code = 0 if box["status"] == "running" else 137
    return {
        "ID": box["id"],
        "Name": box["name"],
        "Command": '"node server.js"',
        "Project": state["project"],
        "Service": state["service"],
        "State": box["status"],
        "Health": state["health"],
        "ExitCode": code,
        "Publishers": None,
    }


def filled(template: str, box: dict[str, Any]) -> str:
    """The template with what it asks for, which is never the environment."""
    known = {
        "json .Id": box["id"],
        "json .Name": f"/{box['name']}",
        "json .State.Pid": box["pid"],
        "json .State.Status": box["status"],
        "json .State.StartedAt": box["started"],
        "json .RestartCount": 0,
        "json .Config.Hostname": box["id"][:12],
        'json (index .Config.Labels "com.docker.compose.container-number")': str(box["number"]),
        'json (index .Config.Labels "com.docker.compose.oneoff")': "False",
    }
    health = json.loads(Path(sys.argv[1]).read_text())["health"]
    template = re.sub(r"\{\{if \.State\.Health\}\}.*?\{\{end\}\}", json.dumps(health), template)
    return re.sub(r"\{\{(.*?)\}\}", lambda asked: json.dumps(known[asked[1]]), template)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
