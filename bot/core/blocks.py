"""What Slack's blocks and attachments say, as plain lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lines(part: Mapping[str, Any]) -> list[str]:
    """The words of one block or attachment, in the order in which Slack shows them.

    https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments has the fields of attachments.
    """
    if "type" in part:
        return _texts(part)
    body = [str(part[name]) for name in ("pretext", "author_name", "title", "text") if part.get(name)]
    rows = part.get("fields") if isinstance(part.get("fields"), list) else []
    body += [": ".join(str(row[name]) for name in ("title", "value") if row.get(name)) for row in _objects(rows)]
    blocks = part.get("blocks")
    body += [line for block in _objects(blocks) for line in _texts(block)]
    return body or ([str(part["fallback"])] if part.get("fallback") else [])


def _texts(block: Mapping[str, Any]) -> list[str]:
    """What a block says: the texts in it, those of one rich text section as one line."""
    if isinstance(block.get("text"), str):
        return [block["text"]]
    if str(block.get("type")).startswith("rich_text_"):
        return ["".join(line for part in _objects(block.get("elements")) for line in (_texts(part) or _bare(part)))]
    inner = (block.get("text"), block.get("title"), *_sequence(block.get("fields")), *_sequence(block.get("elements")))
    return [line for part in inner if isinstance(part, dict) for line in _texts(part)]


def _bare(part: Mapping[str, Any]) -> list[str]:
    """Parts of rich text that have no text of their own."""
    match part:
        case {"url": str(url)}:
            return [url]
        case {"type": "user", "user_id": str(user)}:
            return [f"<@{user}>"]
        case {"type": "emoji", "name": str(name)}:
            return [f":{name}:"]
        case _:
            return []


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in _sequence(value) if isinstance(each, dict)]
