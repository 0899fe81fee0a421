"""What stands before the gateway in the demo: a TLS server whose certificate is about to expire."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

_DAYS = 14  # few enough to be warned of
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@asynccontextmanager
async def front_door(folder: Path) -> AsyncIterator[Mapping[str, object]]:
    """The section `tls` for a server on the loopback, while the block runs; empty where there is no openssl."""
    if shutil.which("openssl") is None:
        yield {}
        return
    certificate, key = folder / "front-door.pem", folder / "front-door.key"
    making = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", *_KEY, "-keyout", str(key), "-out", str(certificate), "-days", str(_DAYS)),
        *("-subj", "/O=The demo's authority/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await making.wait():
        yield {}
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(_farewell, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield {"hosts": [f"localhost:{port}"], "ca": str(certificate)}


async def _farewell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
