"""Passages of a report as Markdown, as HTML and as Slack shows them; what is no link and no mark in them is escaped."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from bot.core.mrkdwn import bold, mrkdwn
from bot.core.passage import Mark, Row
from bot.core.prose import Link

Escape = Callable[[str], str]

_MARKDOWN = {Mark.BULLET: "- ", Mark.TASK: "- [ ] ", Mark.DONE: "- [x] ", Mark.QUOTE: "> "}
_MRKDWN = {Mark.BULLET: "• ", Mark.TASK: "☐ to do: ", Mark.DONE: "☑ done: ", Mark.QUOTE: "• "}
_LISTED = {Mark.BULLET, Mark.TASK, Mark.DONE}
_BOXES = {Mark.TASK: "<input type=checkbox disabled> ", Mark.DONE: "<input type=checkbox disabled checked> "}


def as_markdown(rows: Sequence[Row], escape: Escape) -> str:
    """Markdown without a line break at its end; paragraphs have an empty line between them, lists do not."""
    text = ""
    for before, row in zip([None, *rows], rows, strict=False):
        if before:
            tight = before.mark in _LISTED and row.mark in _LISTED
            between = "\n>\n" if before.mark is row.mark is Mark.QUOTE else "\n\n"
            text += "\n" if tight else between
        words = _joined(
            row, lambda part: _spaced(part, escape), lambda link: f"[{escape(link.text)}]({_address(link)})"
        )
        text += f"**{words}**" if row.mark is Mark.CONFLICT else _MARKDOWN.get(row.mark, "") + words
    return text


def as_html(rows: Sequence[Row]) -> str:
    """Elements for a body: paragraphs, quotes and lists."""
    return "\n".join(_element(kind, list(group)) for kind, group in groupby(rows, key=_kind))


def as_mrkdwn(rows: Iterable[Row]) -> list[str]:
    """One line of mrkdwn for each row."""
    return [
        bold(row.words) if row.mark is Mark.CONFLICT else _MRKDWN.get(row.mark, "") + mrkdwn(row.line) for row in rows
    ]


def as_text(rows: Iterable[Row], escape: Escape) -> str:
    """The words alone, for a document that has no links."""
    return "\n".join(escape(row.words) for row in rows)


def _kind(row: Row) -> Mark:
    return Mark.BULLET if row.mark in _LISTED else row.mark


def _element(kind: Mark, rows: Sequence[Row]) -> str:
    lines = [
        _joined(row, html.escape, lambda link: f'<a href="{html.escape(link.url)}">{html.escape(link.text)}</a>')
        for row in rows
    ]
    if kind is Mark.BULLET:
        items = "".join(f"<li>{_BOXES.get(row.mark, '')}{line}</li>\n" for row, line in zip(rows, lines, strict=True))
        return f"<ul>\n{items}</ul>"
    begin, end = {
        Mark.QUOTE: ("<blockquote>", "</blockquote>"),
        Mark.CONFLICT: ("<p><strong>", "</strong></p>"),
    }.get(kind, ("<p>", "</p>"))
    return "\n".join(f"{begin}{line}{end}" for line in lines)


def _joined(row: Row, text: Escape, link: Callable[[Link], str]) -> str:
    return "".join(link(part) if isinstance(part, Link) else text(str(part)) for part in row.line)


def _spaced(text: str, escape: Escape) -> str:
    """Escaped, with the spaces kept that part it from what stands beside it."""
    return f"{' ' * text[:1].isspace()}{escape(text)}{' ' * text[-1:].isspace()}" if text.strip() else " "


def _address(link: Link) -> str:
    return link.url.replace("(", "%28").replace(")", "%29")
