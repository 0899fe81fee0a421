"""What a reader sees on a message or view, as plain text: names for ids, dates in the reader's zone."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.demo.workspace.inputs import label
from bot.demo.workspace.records import User
from bot.demo.workspace.store import Store
from bot.demo.workspace.typed import unescape
from bot.demo.workspace.values import Json

_ANGLE = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")
_CODE = re.compile(r"```\n?(.+?)\n?```|`([^`\n]+)`", re.DOTALL)
_STYLE = re.compile(r"(?<![\w*_~])([*_~])(?=\S)([^\n]+?)(?<=\S)\1(?![\w*_~])")
_DATE_TOKENS = {
    "{date_num}": "%Y-%m-%d",
    "{date}": "%B %d, %Y",
    "{date_short}": "%b %d, %Y",
    "{date_long}": "%A, %B %d, %Y",
    "{date_pretty}": "%B %d, %Y",
    "{date_short_pretty}": "%b %d, %Y",
    "{date_long_pretty}": "%A, %B %d, %Y",
    "{time}": "%H:%M",
    "{time_secs}": "%H:%M:%S",
}


class Plain:
    """Renders for one reader."""

    def __init__(self, store: Store, viewer: User) -> None:
        self._store = store
        self._zone = ZoneInfo(viewer.tz)
        self._blocks: dict[str, Callable[[Json], str]] = {
            "section": self._section,
            "header": lambda block: self.text(block["text"]),
            "context": lambda block: " ".join(self.element(element) for element in block["elements"]),
            "actions": lambda block: " ".join(self.element(element) for element in block["elements"]),
            "divider": lambda _: "-" * 20,
            "image": lambda block: f"[image: {block.get('alt_text', '')}]",
            "input": self._input,
            "markdown": lambda block: str(block["text"]),
            "rich_text": lambda block: "\n".join(self._rich(part) for part in block["elements"]),
            "table": self._table,
        }
        self._words: dict[str, Callable[[Json], str]] = {
            "user": lambda word: self.user(word["user_id"]),
            "channel": lambda word: self.channel(word["channel_id"]),
            "usergroup": lambda word: self.group(word["usergroup_id"]),
            "broadcast": lambda word: f"@{word['range']}",
            "emoji": lambda word: f":{word['name']}:",
            "date": lambda word: self.date(word["timestamp"], word["format"]),
            "link": lambda word: str(word.get("text") or word["url"]),
        }

    def message(self, text: str, blocks: list[Json], attachments: list[Json], files: Sequence[str]) -> str:
        """A whole message: blocks if it has any, else its text; then previews and the titles of files."""
        parts = [self.blocks(blocks) if blocks else self.mrkdwn(text)]
        for attachment in attachments:
            if "blocks" in attachment:
                parts.append(self.blocks(attachment["blocks"]))
            else:
                parts += [self.mrkdwn(attachment.get(key, "")) for key in ("pretext", "title", "text")]
        parts += [f"[file: {title}]" for title in files]
        return "\n".join(part for part in parts if part)

    def blocks(self, blocks: Sequence[Json]) -> str:
        """Blocks from top to bottom."""
        return "\n".join(self._blocks[block["type"]](block) for block in blocks if block["type"] in self._blocks)

    def text(self, text: Json) -> str:
        """A text object."""
        return self.mrkdwn(text["text"]) if text["type"] == "mrkdwn" else str(text["text"])

    def mrkdwn(self, text: str) -> str:
        """Slack's markup, as it looks: references by name, no style marks; code is left as it is."""
        done, parts = 0, []
        for match in _CODE.finditer(text):
            parts.append(self._styled(text[done : match.start()]))
            parts.append(self._references(match[1] if match[1] is not None else match[2]))
            done = match.end()
        return "".join(parts) + self._styled(text[done:])

    def _styled(self, text: str) -> str:
        while (stripped := _STYLE.sub(r"\2", text)) != text:
            text = stripped
        return self._references(text)

    def _references(self, text: str) -> str:
        return unescape(_ANGLE.sub(self._reference, text))

    def _reference(self, match: re.Match[str]) -> str:
        sign, target, words = match.groups()
        if sign == "@":
            return self.user(target)
        if sign == "#":
            return self.channel(target, words)
        if sign == "!":
            return self._special(target, words)
        return words or target

    def user(self, user_id: str) -> str:
        """A mention."""
        user = self._store.users.get(user_id)
        return f"@{user.name}" if user is not None else f"@{user_id}"

    def channel(self, channel_id: str, words: str | None = None) -> str:
        """A reference to a channel."""
        channel = self._store.channels.get(channel_id)
        return f"#{channel.name}" if channel is not None else f"#{words or channel_id}"

    def group(self, group_id: str) -> str:
        """A mention of a user group."""
        group = self._store.groups.get(group_id)
        return f"@{group.handle}" if group is not None else f"@{group_id}"

    def _special(self, target: str, words: str | None) -> str:
        name, *rest = target.split("^")
        if name == "date" and len(rest) > 1:
            return self.date(int(rest[0]), rest[1])
        if name == "subteam":
            return self.group(rest[0])
        return words or f"@{name}"

    def date(self, timestamp: int, form: str) -> str:
        """A moment in the reader's zone; `{ago}` is not rendered, as it would change while one reads."""
        at = datetime.fromtimestamp(timestamp, self._zone)
        for token, pattern in _DATE_TOKENS.items():
            form = form.replace(token, at.strftime(pattern))
        return form

    def element(self, element: Json) -> str:
        """A button in brackets, a menu with what it shows, a text or an image."""
        kind = element["type"]
        if kind in {"mrkdwn", "plain_text"}:
            return self.text(element)
        if kind == "image":
            return f"[image: {element.get('alt_text', '')}]"
        if kind == "button":
            return f"[{self.text(element['text'])}]"
        preset = element.get("initial_option") or element.get("placeholder") or {}
        words = preset.get("text", "")
        return f"[{(words['text'] if isinstance(words, dict) else words) or element['action_id']} v]"

    def _section(self, block: Json) -> str:
        parts = [self.text(block["text"])] if "text" in block else []
        parts += [self.text(field) for field in block.get("fields", [])]
        if "accessory" in block:
            parts.append(self.element(block["accessory"]))
        return "\n".join(parts)

    def _input(self, block: Json) -> str:
        element = block["element"]
        preset = element.get("initial_value") or ""
        options = [option["text"]["text"] for option in element.get("options", [])]
        hint = f" ({self.text(block['hint'])})" if "hint" in block else ""
        return f"{label(block, element)}{hint}: [{preset or ' | '.join(options)}]"

    def _rich(self, part: Json) -> str:
        kind = part["type"]
        if kind == "rich_text_list":
            indent = "  " * part.get("indent", 0)
            ordered = part.get("style") == "ordered"
            marks = (f"{number}." if ordered else "•" for number in range(1, len(part["elements"]) + 1))
            return "\n".join(
                f"{indent}{mark} {self._rich(item)}" for mark, item in zip(marks, part["elements"], strict=True)
            )
        words = "".join(self._rich_word(word) for word in part["elements"])
        return "\n".join(f"> {line}" for line in words.split("\n")) if kind == "rich_text_quote" else words

    def _rich_word(self, word: Json) -> str:
        make = self._words.get(word["type"])
        return make(word) if make is not None else str(word.get("text", ""))

    def _table(self, block: Json) -> str:
        rows = [[self._cell(cell).replace("\n", " ") for cell in row] for row in block["rows"]]
        widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
        return "\n".join(
            " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
        )

    def _cell(self, cell: Json) -> str:
        if cell["type"] == "rich_text":
            return "\n".join(self._rich(part) for part in cell["elements"])
        return str(cell.get("text", cell.get("value", "")))
