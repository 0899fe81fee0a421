"""The deployed service: its git checkout, its modules, its settings and its build."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from bot.demo.gateway.commands import run
from bot.demo.gateway.history import RELEASES, fast_import
from bot.demo.gateway.layout import Layout, environment
from bot.demo.tools import Tools

_MODULE = "dotenv"  # the service's one dependency

_HEADER = """\
# Settings of the payment gateway, read at start.
# ENABLE_MAINTENANCE_MODE=true keeps customers out.
"""


async def check_out(layout: Layout, tools: Tools) -> Mapping[str, str]:
    """Make the repository with all releases, the newest checked out; returns the SHA of each release by its tag."""
    env = environment(layout, tools) | {"GIT_CONFIG_NOSYSTEM": "1"}

    async def git(*arguments: str, stdin: bytes = b"") -> str:
        return await run((tools.git, *arguments), env=env, cwd=layout.app, stdin=stdin)

    layout.first.mkdir(parents=True)
    layout.app.symlink_to(layout.first)
    await git("init", "--quiet", "--initial-branch=main")
    await git("fast-import", "--quiet", stdin=fast_import())
    await git("reset", "--quiet", "--hard", RELEASES[-1].tag)
    await asyncio.to_thread(_copy_modules, tools.modules, layout.app / "node_modules")
    shas = await git("rev-parse", *(f"{release.tag}^{{commit}}" for release in RELEASES))
    return dict(zip((release.tag for release in RELEASES), shas.split(), strict=True))


def _copy_modules(source: Path, target: Path) -> None:
    """Copied, not linked: `npm ci` in the checkout empties the folder, and through a link it would empty the tools."""
    shutil.copytree(source / _MODULE, target / _MODULE)


async def build(layout: Layout, tools: Tools) -> None:
    """Stamp the build, as `npm run build` does, without npm's half second."""
    await run((tools.node, "scripts/build.js"), env=environment(layout, tools), cwd=layout.app)


def write_env(layout: Layout, settings: Mapping[str, str], *, final_newline: bool) -> None:
    """Write the service's `.env`, readable by its owner alone."""
    lines = "\n".join(f"{name}={value}" for name, value in settings.items())
    end = "\n" if final_newline else ""
    layout.env_file.touch(mode=0o600)
    layout.env_file.write_text(f"{_HEADER}{lines}{end}")
