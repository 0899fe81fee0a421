"""Slack's mrkdwn: the one place where foreign text is escaped, and where mentions, dates and links are made."""

from __future__ import annotations

import re
from datetime import UTC
from typing import assert_never

from bot.core.prose import Bold, Channel, Code, Inline, Line, Link, Person, When

_ID = re.compile(r"[A-Z][A-Z0-9]{1,40}")
_SAFE_URL = re.compile(r"(?:https?|mailto|slack):[^\s<>|\x00-\x1f]+", re.ASCII | re.IGNORECASE)


def escape(text: str) -> str:
    """Foreign text made inert: Slack reads mentions and links between `<` and `>`, in code blocks too.

    https://docs.slack.dev/messaging/formatting-message-text/#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Text as it was typed: Slack escapes what it sends."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain(text: str) -> str:
    """Our own mrkdwn for a reader without Slack: ids for mentions, UTC for moments, text with its address for links."""
    text = re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<([^|<>]+)\|([^>]*)>", r"\2 (\1)", text)
    text = re.sub(r"<([@#])([^|<>]+)>", r"\1\2", text)
    return unescape(text)


def mrkdwn(line: Line) -> str:
    """A line of prose as mrkdwn, fit for `text` and for blocks alike."""
    return escape(line) if isinstance(line, str) else "".join(_inline(part) for part in line)


def code(text: str) -> str:
    """Inline code; a backtick in it becomes an apostrophe, a line break a space, because neither can be quoted."""
    text = re.sub(r"\s*[\r\n]+\s*", " ", text).replace("`", "'").strip()
    return f"`{escape(text)}`" if text else ""


def bold(text: str) -> str:
    """Bold text; an asterisk in it would end it and is left out. A space at its end comes after it, or it were none."""
    text = text.replace("*", "").lstrip()
    end = " " if text[-1:].isspace() else ""
    return f"*{escape(text.rstrip())}*{end}" if text else ""


def is_safe_url(url: str) -> bool:
    """Whether a reader may be offered the address to click on."""
    return _SAFE_URL.fullmatch(url) is not None


def is_id(text: str) -> bool:
    """Whether `text` can be the id of a user or a channel; foreign text in its place is shown as text."""
    return _ID.fullmatch(text) is not None


def _inline(part: Inline) -> str:  # noqa: PLR0911 - one kind of value, one return
    match part:
        case str():
            return escape(part)
        case Person(user_id=user):
            return f"<@{user}>" if is_id(user) else escape(user)
        case Channel(channel_id=channel):
            return f"<#{channel}>" if is_id(channel) else escape(channel)
        case When():
            return f"<!date^{int(part.at.timestamp())}^{date_format(part)}|{fallback(part)}>"
        case Code(text=text):
            return code(text)
        case Bold(text=text):
            return bold(text)
        case Link(url=url, text=text):
            return f"<{escape(url)}|{escape(text or url)}>" if is_safe_url(url) else escape(f"{text} ({url})")
        case _:
            assert_never(part)


def date_format(when: When) -> str:
    """How Slack shows the moment to each reader; https://docs.slack.dev/messaging/formatting-message-text/#date-formatting."""
    return "{date_short_pretty} at {time}" if when.date else "{time}"


def fallback(when: When) -> str:
    """The moment for where Slack cannot put it into the reader's zone."""
    return f"{when.at.astimezone(UTC):{'%Y-%m-%d %H:%M' if when.date else '%H:%M'}} UTC"
