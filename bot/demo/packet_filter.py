"""A packet filter for the demo: real nftables in a network namespace, so that the machine's own is left alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_HELPER = Path(__file__).resolve().parents[2] / "deploy" / "opsbot_host.py"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_NEEDED = ("unshare", "nsenter", "nft")


@asynccontextmanager
async def packet_filter(folder: Path) -> AsyncIterator[tuple[str, ...]]:
    """The command line of the helper in a fresh namespace; empty where there is no nft, or no namespace allowed."""
    if not _HELPER.exists() or not all(shutil.which(program, path=_PATH) for program in _NEEDED):
        yield ()
        return
    # It ends with its standard input, which closes with this process, even when that is killed.
    holder = await asyncio.create_subprocess_exec(
        *("unshare", "-rn", "sh", "-c", "echo ready; exec cat >/dev/null"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert holder.stdout
        if await holder.stdout.readline() != b"ready\n":
            yield ()
            return
        conf = folder / "opsbot-host.json"
        conf.write_text(json.dumps({"lock": str(folder / "opsbot-host.lock")}))
        inside = ("nsenter", "-t", str(holder.pid), "-U", "-n", "--preserve-credentials", "--")
        yield (*inside, sys.executable, str(_HELPER), "--conf", str(conf))
    finally:
        assert holder.stdin
        holder.stdin.close()
        await holder.wait()
