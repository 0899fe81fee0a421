"""Signatures of webhooks: HMAC-SHA256 in hexadecimal behind the version `v1=`, of ours and of PagerDuty's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

TIMESTAMP, SIGNATURE = "X-Opsbot-Timestamp", "X-Opsbot-Signature"
"""Headers of a signed request: Unix seconds, and the signature over them, a full stop and the body."""

WINDOW = timedelta(minutes=5)
"""How old, or ahead, a signed request may be, so that one that was overheard is of no use later."""

_DIGITS = 12


def sign(secret: str, content: bytes) -> str:
    """The signature of `content`."""
    return "v1=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def signed_headers(secret: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """The headers that sign a request."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: sign(secret, b"%b.%b" % (timestamp.encode(), body))}


def is_signed(secret: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> bool:
    """Whether the headers sign the body, not longer ago than `WINDOW`."""
    timestamp = headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return False
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        return False
    return is_one_of(sign(secret, b"%b.%b" % (timestamp.encode(), body)), headers.get(SIGNATURE, ""))


def is_one_of(expected: str, given: str) -> bool:
    """Whether `expected` is among signatures with commas between them: two while a secret is replaced."""
    return any([equal(expected, each.strip()) for each in given.split(",")[:4]])  # noqa: C419 - all are compared


def equal(expected: str, given: str) -> bool:
    """A comparison whose time tells nothing."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="surrogateescape"))
