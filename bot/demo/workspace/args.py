"""The arguments of one Web API call, read as Slack reads them: strings, 0/1, or JSON in a string."""

import json

from bot.demo.workspace.ids import parse_ts
from bot.demo.workspace.values import Json, SlackError


class Args:
    """Typed access to a call's arguments; what is missing or malformed is Slack's error."""

    def __init__(self, values: Json) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def need(self, name: str, error: str = "invalid_arguments") -> str:
        """A string that must be there."""
        value = self.text(name)
        if not value:
            detail = {"messages": [f"[ERROR] missing required field: {name}"]}
            raise SlackError(error, **({"response_metadata": detail} if error == "invalid_arguments" else {}))
        return value

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self._values.get(name, default)
        return value if isinstance(value, str) else str(value)

    def maybe(self, name: str) -> str | None:
        """A string, or None when it is absent or empty."""
        return self.text(name) or None

    def flag(self, name: str) -> bool:
        """A boolean, as `true`, `1` or JSON's true."""
        return self.text(name).lower() in {"true", "1"}

    def words(self, name: str) -> list[str]:
        """A list, given as JSON or separated by commas."""
        value = self._values.get(name, [])
        items = value if isinstance(value, list) else str(value).split(",")
        return [str(item).strip() for item in items if str(item).strip()]

    def json(self, name: str, error: str = "invalid_arguments") -> object:
        """A JSON value, given as such or in a string; None when it is absent."""
        value: object = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError(error) from None

    def json_or_text(self, name: str) -> object:
        """A JSON value, or the string itself when it is none."""
        value: object = self._values.get(name)
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value

    def ts(self, name: str, default: str) -> str:
        """A timestamp at full width."""
        return parse_ts(self.text(name) or default)

    def limit(self, default: int, most: int) -> int:
        """The page size."""
        raw = self.text("limit") or str(default)
        if not raw.isdecimal():
            raise SlackError("invalid_limit")
        return min(int(raw) or default, most)
