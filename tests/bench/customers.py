"""Customers at a gateway, in a process of their own: half keep their connection, half make a new one each time.

Run as `python -m tests.bench.customers HOST PORT CLIENTS`; counts come as JSON when standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

_BETWEEN = 0.005  # seconds between two requests of a client
_PATIENCE = 10.0  # seconds


async def attend(host: str, port: int, clients: int) -> Counter[str]:
    """Ask until standard input ends; how many requests were answered, and how many were lost."""
    seen: Counter[str] = Counter()
    tasks = [asyncio.create_task(_customer(host, port, seen, keeps=number % 2 == 0)) for number in range(clients)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


async def _customer(host: str, port: int, seen: Counter[str], *, keeps: bool) -> None:
    """Nothing is tried again: whoever pays gets an answer, or does not. A connection that was closed is not used."""
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while True:
        if line and line[0].at_eof():
            line[1].close()
            line = None
        try:
            async with asyncio.timeout(_PATIENCE):
                line = line or await asyncio.open_connection(host, port)
                stays = await _ask(*line, keeps=keeps)
            seen["answered"] += 1
        except (OSError, EOFError, TimeoutError):
            seen["lost"] += 1
            stays = False
        if line and not stays:
            line[1].close()
            line = None
        await asyncio.sleep(_BETWEEN)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keeps: bool) -> bool:
    """One request; whether the connection stays open. `EOFError` when it was closed without an answer."""
    kept = "keep-alive" if keeps else "close"
    writer.write(f"GET /health HTTP/1.1\r\nHost: gateway\r\nConnection: {kept}\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower().decode()
    length = next(int(line.partition(":")[2]) for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(length)
    return keeps and "connection: close" not in head


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(attend(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
