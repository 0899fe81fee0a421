"""The addresses that Slack gives for answers, in a process of their own: what they wait for is not the bot's time.

`POST /3` is answered after three seconds, and `GET /` says how many answers have come.
"""

from __future__ import annotations

import asyncio
import sys

from tests.bench.wire import HOST, whole

taken = 0


class _Hook(asyncio.Protocol):
    """One connection of the bot."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        global taken  # noqa: PLW0603 - of all connections
        self._data += data
        if (request := whole(self._data)) is None:
            return
        self._data = b""
        method, path, _ = request[0].split(maxsplit=2)
        if method == b"GET":
            self._say(str(taken))
            return
        taken += 1
        asyncio.get_running_loop().call_later(float(path[1:]), self._say, "ok")

    def _say(self, text: str) -> None:
        self._transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())


async def main() -> None:
    """Listen, and say where."""
    server = await asyncio.get_running_loop().create_server(_Hook, HOST, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
