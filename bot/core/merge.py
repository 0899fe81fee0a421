"""Three-way merge of texts, line by line: what one side changed is taken, what both changed is shown as a conflict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.core.passage import BEGIN, BETWEEN, END


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """Lines `start` to `end` of the base, replaced."""

    start: int
    end: int
    side: int
    lines: tuple[str, ...]


def merge(base: str, hand: str, anew: str) -> str:
    """`hand` and `anew`, both made from `base`, in one text.

    Lines that only one of them changed are as it has them, and lines that both added in one place stand there both.
    Where both changed the same lines, both versions stand between `BEGIN` and `END`: nothing that either side wrote is
    left out.
    """
    lines = _lines(base)
    edits = sorted((*_edits(lines, _lines(hand), 0), *_edits(lines, _lines(anew), 1)))
    merged: list[str] = []
    done = 0
    for group in _groups(edits):
        start, end = group[0].start, max(edit.end for edit in group)
        merged += lines[done:start]
        done = end
        versions = [_version(lines, start, end, [edit for edit in group if edit.side == side]) for side in (0, 1)]
        if len({edit.side for edit in group}) == 1:
            merged += versions[group[0].side]
        elif versions[0] == versions[1]:
            merged += versions[0]
        else:
            merged += [BEGIN, *versions[0], BETWEEN, *versions[1], END]
    return "\n".join([*merged, *lines[done:]])


def is_merged(text: str) -> bool:
    """Whether no conflict is left in it."""
    return not {BEGIN, BETWEEN, END} & {line.strip() for line in text.split("\n")}


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _edits(base: Sequence[str], side: Sequence[str], number: int) -> Iterator[_Edit]:
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind != "equal":
            yield _Edit(start, end, number, tuple(side[first:last]))


def _groups(edits: Sequence[_Edit]) -> Iterator[list[_Edit]]:
    """Edits that touch the same lines, together; the same edit of both sides counts once."""
    group: list[_Edit] = []
    for edit in edits:
        if group and edit.start < max(each.end for each in group):
            group.append(edit)
        elif group and (edit.start, edit.end, edit.lines) == (group[-1].start, group[-1].end, group[-1].lines):
            continue
        else:
            if group:
                yield group
            group = [edit]
    if group:
        yield group


def _version(base: Sequence[str], start: int, end: int, edits: Sequence[_Edit]) -> list[str]:
    """Lines `start` to `end` as one side has them."""
    found: list[str] = []
    for edit in edits:
        found += [*base[start : edit.start], *edit.lines]
        start = edit.end
    return [*found, *base[start:end]]
