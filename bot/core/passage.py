"""What a section of a report says, as people edit it by hand: lines of a few kinds, and links in them.

A line begins with `- ` (a bullet), `- [ ] ` or `- [x] ` (a task), `> ` (somebody's words), or is plain. `[words](#KEY)`
rests on the message or the act that `KEY` names, `[words](https://...)` is a link, and a backslash takes its meaning
from the mark behind it. All the rest is text, which each document escapes for itself. Lines between `BEGIN` and `END`
are two versions that nobody has chosen between yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.mrkdwn import is_safe_url
from bot.core.prose import Inline, Link

BEGIN, BETWEEN, END = "<<<<<<< edited by hand", "=======", ">>>>>>> drafted anew"
"""Lines around two versions: what a person wrote, then what the record says."""

TODO = "TODO: "
"""Begins a line that people have to fill in."""


class Mark(StrEnum):
    """What kind of line it is."""

    PLAIN = "plain"
    BULLET = "bullet"
    TASK = "task"
    DONE = "done"
    QUOTE = "quote"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its kind, and its text with links."""

    mark: Mark
    line: tuple[Inline, ...]

    @property
    def words(self) -> str:
        """Its text alone."""
        return "".join(part.text if isinstance(part, Link) else str(part) for part in self.line)

    @property
    def is_todo(self) -> bool:
        """Whether people have to fill it in."""
        return self.words.startswith(TODO.strip())


@dataclass(frozen=True, slots=True)
class Passage:
    """The text of a section, and the addresses of what it rests on by their keys."""

    text: str
    links: Mapping[str, str]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its lines; a key without an address is no link."""
        return parse(self.text, self.links)


_STARTS = (("- [ ] ", Mark.TASK), ("- [x] ", Mark.DONE), ("- ", Mark.BULLET), ("> ", Mark.QUOTE))
_CONFLICT = {BEGIN: "Conflict, edited by hand:", BETWEEN: "Conflict, drafted anew:", END: "End of the conflict."}
_INLINE = re.compile(r"\\([\\\[\]<>=-])|\[((?:\\.|[^\\\[\]])*)\]\((#[^\s()]+|[a-z]+:[^\s()<>]+)\)")
_ESCAPED = re.compile(r"\\([\\\[\]<>=-])")
_SPACES = re.compile(r"\s+")


def parse(text: str, links: Mapping[str, str]) -> tuple[Row, ...]:
    """The lines of a passage without those that are empty."""
    return tuple(_row(line.strip(), links) for line in text.split("\n") if line.strip())


def said(text: str, *, longest: int = 0) -> str:
    """Foreign text for a passage: one line, in which nothing is a mark; cut visibly to `longest` characters."""
    text = _SPACES.sub(" ", text).strip()
    if longest and len(text) > longest:
        text = f"{text[:longest]}… (cut)"
    text = re.sub(r"[\\\[\]]", r"\\\g<0>", text)
    return f"\\{text}" if text[:1] in {"-", "<", ">", "="} else text


def cite(words: str, key: str) -> str:
    """`words` that rest on what `key` names."""
    return f"[{words}](#{key})" if key else words


def cited(text: str) -> frozenset[str]:
    """The keys of all that a passage rests on."""
    return frozenset(match[3][1:] for match in _INLINE.finditer(text) if match[3] and match[3].startswith("#"))


def _row(line: str, links: Mapping[str, str]) -> Row:
    if line in _CONFLICT:
        return Row(Mark.CONFLICT, (_CONFLICT[line],))
    for start, mark in _STARTS:
        if line.startswith(start):
            return Row(mark, tuple(_inlines(line[len(start) :].strip(), links)))
    return Row(Mark.PLAIN, tuple(_inlines(line, links)))


def _inlines(text: str, links: Mapping[str, str]) -> Iterator[Inline]:
    plain, end = "", 0
    for match in _INLINE.finditer(text):
        plain, end = plain + text[end : match.start()], match.end()
        literal, words, target = match.groups()
        if literal:
            plain += literal
            continue
        url = links.get(target[1:], "") if target.startswith("#") else target
        words = _ESCAPED.sub(r"\1", words)
        if is_safe_url(url) and words:
            if plain:
                yield plain
            yield Link(url, words)
            plain = ""
        else:
            plain += words if target.startswith("#") else match[0]
    if plain + text[end:]:
        yield plain + text[end:]
