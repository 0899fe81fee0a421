"""A line of prose as the elements of a rich text, which parses nothing: text stays text there."""

from __future__ import annotations

from typing import assert_never

from slack_sdk.models.blocks import RichTextElement, RichTextElementParts

from bot.core.mrkdwn import date_format, fallback, is_id, is_safe_url
from bot.core.prose import Bold, Channel, Code, Inline, Line, Link, Person, When


def elements(line: Line) -> list[RichTextElement]:
    """The line's parts in order; none for an empty line."""
    parts = (line,) if isinstance(line, str) else line
    return [_element(part) for part in parts if part not in {"", Code(""), Bold("")}]


def _element(part: Inline) -> RichTextElement:  # noqa: PLR0911 - one kind of value, one return
    match part:
        case str():
            return _text(part)
        case Person(user_id=user):
            return RichTextElementParts.User(user_id=user) if is_id(user) else _text(user)
        case Channel(channel_id=channel):
            return RichTextElementParts.Channel(channel_id=channel) if is_id(channel) else _text(channel)
        case When():
            return RichTextElementParts.Date(
                timestamp=int(part.at.timestamp()), format=date_format(part), fallback=fallback(part)
            )
        case Code(text=text):
            return _text(text, code=True)
        case Bold(text=text):
            return _text(text, bold=True)
        case Link(url=url, text=text):
            return (
                RichTextElementParts.Link(url=url, text=text or url) if is_safe_url(url) else _text(f"{text} ({url})")
            )
        case _:
            assert_never(part)


def _text(text: str, *, bold: bool | None = None, code: bool | None = None) -> RichTextElement:
    style = RichTextElementParts.TextStyle(bold=bold, code=code) if bold or code else None
    return RichTextElementParts.Text(text=text, style=style)
