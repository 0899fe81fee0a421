"""Identifiers and timestamps that look like Slack's and never repeat within one workspace."""

import secrets
from decimal import Decimal, InvalidOperation

from bot.demo.workspace.values import Clock, SlackError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Ids:
    """Makes the identifiers of one workspace, and its message timestamps from its clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._count = 0
        self._last_micros = 0

    def new(self, prefix: str) -> str:
        """An identifier such as `U0000000001`: eleven characters, in the order of making."""
        self._count += 1
        number, digits = self._count, ""
        while number:
            number, rest = divmod(number, len(_ALPHABET))
            digits = _ALPHABET[rest] + digits
        return prefix + digits.rjust(11 - len(prefix), "0")

    def ts(self) -> str:
        """A timestamp `seconds.micros`: unique and rising, even when the clock stands still."""
        self._last_micros = max(self._last_micros + 1, int(self.clock().timestamp() * 1_000_000))
        return f"{self._last_micros // 1_000_000:010d}.{self._last_micros % 1_000_000:06d}"

    def now(self) -> int:
        """The clock in whole seconds, as Slack's `created` and `event_time` are."""
        return int(self.clock().timestamp())


def secret(prefix: str) -> str:
    """A random token with Slack's prefix."""
    return prefix + secrets.token_hex(16)


def parse_ts(value: str) -> str:
    """A timestamp argument at the width of our own, so that text order is time order."""
    try:
        return f"{Decimal(value):017.6f}"
    except InvalidOperation:
        raise SlackError("invalid_arguments") from None
