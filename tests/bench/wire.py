"""HTTP as a benchmark needs it: lines that stay open, with little work of their own beside the server they measure.

An HTTP client takes as long for a request as the servers for their ack: what was measured would be the client.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def whole(data: bytes) -> tuple[bytes, bytes] | None:
    """The head and the body of one request or answer; None while some of it is still to come."""
    head, blank, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not blank or len(body) < (int(length[1]) if length else 0):
        return None
    return head, body


class _Line(asyncio.Protocol):
    """One open connection that is asked one thing at a time."""

    def __init__(self) -> None:
        self._data = b""
        self._answer: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        if (answer := whole(self._data)) and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the line"))
            self._answer.exception()  # nobody may be asking just now

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self._answer.done():
            self._data, self._answer = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        head, body = await self._answer
        return int(head[9:12]), body


class Lines:
    """Open lines by port; a request takes one that is free, or opens another."""

    def __init__(self) -> None:
        self._free: defaultdict[int, list[_Line]] = defaultdict(list)

    async def ask(self, port: int, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; `ConnectionError` when there was none."""
        free = self._free[port]
        while free and free[-1].transport.is_closing():
            free.pop()
        if free:
            line = free.pop()
        else:
            _, line = await asyncio.get_running_loop().create_connection(_Line, HOST, port)
        answer = await line.ask(request)
        free.append(line)
        return answer

    def close(self) -> None:
        """Close those that are free: all, when nothing is being asked."""
        for line in (line for free in self._free.values() for line in free):
            line.transport.close()
