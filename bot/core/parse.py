"""Chat text to a command's arguments: one grammar everywhere, `positionals` then `--name value`."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def option(default: Any, description: str) -> Any:  # noqa: ANN401 - stands where a field's default stands, as pydantic's own Field
    """A field that is given as `--name value` only, never by position."""
    return Field(default, description=description, json_schema_extra={"option": True})


def words(default: str, description: str) -> Any:  # noqa: ANN401 - see option
    """A text field that takes all the words that remain."""
    return Field(default, description=description, json_schema_extra={"words": True})
