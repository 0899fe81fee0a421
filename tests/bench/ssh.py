"""What one command costs over SSH on an open connection, beside asyncssh without anything around it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

import asyncssh

from integrations.ssh.host import SshHost
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.fixtures_ssh import running_sshd

_TURNS = 300


async def ssh(ground: Ground) -> AsyncIterator[Figure]:
    """`true` on the other side, in turns, on a connection each to one sshd."""
    with running_sshd(ground.folder) as sshd:
        if sshd is None:
            return
        config = sshd.config()
        host = SshHost(config)
        link = await asyncssh.connect(
            config.address,
            config.port,
            username=config.user,
            client_keys=[config.key],
            known_hosts=config.known_hosts,
            config=None,
            agent_path=None,
        )
        took: dict[str, list[float]] = {"ours": [], "plain": []}
        for turn in range(_TURNS):
            ours, plain = await _seconds(lambda: host.run(("true",))), await _seconds(lambda: link.run("true"))
            if turn:  # the first one of ours connects
                took["ours"].append(ours)
                took["plain"].append(plain)
        await host.close()
        link.abort()
        await link.wait_closed()
    value, baseline = (median(took[kind]) * 1e3 for kind in ("ours", "plain"))
    yield Figure("ssh.run", value, "ms", baseline, "conn.run of asyncssh on an open connection")


async def _seconds(act: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began
