"""What the gateway's folders hold from before it was started: backups and an access log."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

_BACKUPS = 7
_DAY = timedelta(days=1)
_FRESH = timedelta(hours=7)
_STALE = timedelta(hours=31)  # a daily backup was missed, and nobody noticed

_VISITS = 240
_PROBED = ("/.env", "/wp-login.php", "/api/payments?status=%27%20OR%201=1--", "/.git/config")
_SCANNER = "203.0.113.77"


def write_backups(folder: Path, *, now: datetime, missed: bool) -> None:
    """Write a backup for each of the last days, the newest of them too old when one was `missed`."""
    folder.mkdir()
    newest = now - (_STALE if missed else _FRESH)
    for number in range(_BACKUPS):
        made_at = newest - number * _DAY
        file = folder / f"payments-{made_at:%Y%m%d-%H%M%S}.jsonl.gz"
        file.write_bytes(gzip.compress(_payments(900 - 12 * number, made_at), mtime=int(made_at.timestamp())))
        os.utime(file, (made_at.timestamp(), made_at.timestamp()))


def _payments(count: int, made_at: datetime) -> bytes:
    """`count` settled payments, one each minute before `made_at`."""
    rows = (
        {
            "id": f"pay_past_{number:05d}",
            "amount": 10 + number * 37 % 400,
            "currency": "USDC",
            "status": "completed",
            "created_at": (made_at - timedelta(minutes=number)).isoformat(),
        }
        for number in range(count)
    )
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def write_access_log(file: Path, *, now: datetime, scanned: bool) -> None:
    """Write four hours of customers' requests in nginx's format, with a scanner's among them when `scanned`."""
    lines = []
    for number in range(_VISITS):
        at = now - timedelta(minutes=_VISITS - number)
        lines.append(_line(at, f"198.51.100.{1 + number * 37 % 200}", "POST /api/payments", 201, "checkout-web/3.2"))
        if scanned and number % 8 == 0:
            page = _PROBED[number // 8 % len(_PROBED)]
            lines.append(_line(at, _SCANNER, f"GET {page}", 404, "sqlmap/1.7"))
    file.write_text("".join(lines))


def _line(at: datetime, client: str, request: str, status: int, agent: str) -> str:
    return f'{client} - - [{at:%d/%b/%Y:%H:%M:%S %z}] "{request} HTTP/1.1" {status} 212 "-" "{agent}"\n'
