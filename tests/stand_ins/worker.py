"""A payment service as far as the bot looks at it: health, maintenance, and a customer's request."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Service(HTTPServer):
    """Several of these listen on one port."""

    def server_bind(self) -> None:
        """As usual, but for sharing."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def main(state: str, port: str, env_file: str, build: str, hostname: str) -> None:
    """Serve until killed, or until the folder of the test is gone."""
    if build == "badstart":
        sys.exit(1)
    away = "ENABLE_MAINTENANCE_MODE=true" in Path(env_file).read_text().splitlines()
    who: dict[str, object] = {"pid": 1, "hostname": hostname} if hostname else {"pid": os.getpid()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(200, {"status": "ok", "sha": build, "maintenance": away, **who})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.say(503 if away else 400, {"error": "maintenance" if away else "invalid"})

        def say(self, status: int, body: dict[str, object]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = Service(("127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    while Path(state).exists():
        time.sleep(0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])
