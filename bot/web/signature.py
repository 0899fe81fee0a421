"""Slack's signature, checked on the raw body before anything parses it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
_DIGITS = 12


def is_signed(body: bytes, *, secret: str, timestamp: str, signature: str, now: datetime) -> bool:
    """True when `signature` is Slack's over `timestamp` and `body`, and `timestamp` (Unix seconds) is within `WINDOW`.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return False
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        return False
    expected = "v0=" + hmac.new(secret.encode(), b"v0:%b:%b" % (timestamp.encode(), body), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode(errors="surrogateescape"))
