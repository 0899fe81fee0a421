"""What every part of the local Slack shares: JSON objects, the clock, a refusal."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

# Slack's payloads are open-ended JSON; their shapes are held by tests, not by types.
Json = dict[str, Any]

Clock = Callable[[], datetime]


class SlackError(Exception):
    """A refusal in Slack's words: the method answers `{"ok": false, "error": code, **details}`."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    def body(self) -> Json:
        """The body of the answer."""
        return {"ok": False, "error": self.code, **self.details}
