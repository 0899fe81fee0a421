"""Answers to reads: prose, fields, tables, log lines, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slack_sdk.models.blocks import Block, RawTextObject, RichTextBlock, RichTextSectionElement, TableBlock

from bot.core.mrkdwn import code, escape, mrkdwn
from bot.core.parts import State
from bot.core.prose import Line
from bot.core.results import Failure, Fields, LogLines, Table, Text
from bot.views.fit import BUDGET, cut_plain, length, message, take
from bot.views.parts import actions, header, packed, pairs, paragraphs, preformatted, small, value
from bot.views.payload import Attachment, Payload
from bot.views.prose import elements
from bot.views.words import count, said

_LOG_ROOM = 3_000
_CELL = 500
_COLUMNS = 20
_ROWS = 99
_ROWS_IN_TEXT = 5


def text(result: Text) -> Payload:
    """Prose, with its state in front."""
    lines = [mrkdwn(line) for line in result.lines]
    if result.state:
        lines = [f"{said(result.state)} · {lines[0]}", *lines[1:]] if lines else [said(result.state)]
    blocks = [*header(result.title), *packed(lines), *actions(result.buttons)]
    first = ": ".join(filter(None, [escape(result.title), *lines[:1]]))
    return message([first, *lines[1:]], blocks)


def fields(result: Fields) -> Payload:
    """One thing described."""
    state = said(result.state) if result.state else ""
    notes = [mrkdwn(note) for note in result.notes]
    blocks = [*header(result.title), *packed([state]), *pairs(result.fields), *small(notes), *actions(result.buttons)]
    shown = [f"{escape(field.name)}: {value(field)}" for field in result.fields]
    return message([" · ".join(part for part in (escape(result.title), state) if part), *shown, *notes], blocks)


def table(result: Table) -> Payload:
    """Rows under columns, as many as fit; Slack takes one table a message, of 100 rows and 20 columns."""
    notes = [mrkdwn(note) for note in result.notes]
    said_first = f"{escape(result.title)}: {count(len(result.rows), 'row')}"
    if not result.rows:
        blocks = [*header(result.title), *paragraphs([result.empty]), *small(notes), *actions(result.buttons)]
        return message([f"{escape(result.title)}: {escape(result.empty)}", *notes], blocks)
    around = [*header(result.title), *small(notes), *actions(result.buttons)]
    room = BUDGET - 500 - sum(length(block.to_dict()) for block in around)
    columns = _row(result.columns)
    rows = take([_row(row) for row in result.rows[:_ROWS]], room=room - _row_size(columns), size=_row_size)
    more = len(result.rows) - len(rows)
    left_out = f"… {more} more" if more else ""
    blocks = [
        *header(result.title),
        *([TableBlock(rows=[columns, *rows])] if rows else paragraphs([f"{count(len(result.rows), 'row')}."])),
        *small([left_out, *notes]),
        *actions(result.buttons),
    ]
    shown = [" | ".join(mrkdwn(cell) for cell in row) for row in result.rows[:_ROWS_IN_TEXT]]
    unsaid = len(result.rows) - len(shown)
    return message([said_first, *shown, f"… {unsaid} more" if unsaid else "", *notes], blocks)


def grid(columns: Sequence[str], rows: Sequence[Sequence[Line]]) -> list[Block]:
    """A few rows under columns; no block where there are none."""
    return [TableBlock(rows=[_row(columns), *map(_row, rows[:_ROWS])])] if rows else []


def log_lines(result: LogLines) -> Payload:
    """The newest lines that fit; all of them go into a file when that is not all."""
    said_below = [*(mrkdwn(note) for note in result.notes), escape(result.left_out)]
    if not result.lines:
        blocks = [*header(result.title), *paragraphs([result.empty]), *small(said_below)]
        return message([f"{escape(result.title)}: {escape(result.empty)}", *said_below], blocks)
    newest = take(result.lines[::-1], room=_LOG_ROOM, size=length)[::-1]
    shown = "\n".join(newest) or cut_plain(result.lines[-1], _LOG_ROOM)
    whole = "\n".join(result.lines)
    earlier = f"… {len(result.lines) - len(newest)} more, all of them in the file." if shown != whole else ""
    notes = [earlier, *said_below]
    blocks = [*header(result.title), *preformatted(shown), *small(notes)]
    first = f"{escape(result.title)}: {count(len(result.lines), 'line')}"
    file = Attachment("log.txt", whole + "\n") if earlier else None
    return message([first, *notes, escape(result.lines[-1])], blocks, file=file)


def failure(result: Failure) -> Payload:
    """What went wrong and what to do next."""
    first = f"{said(State.FAIL)} · {escape(result.message)}"
    reference = f"Reference: {code(result.reference)}" if result.reference else ""
    hint = escape(result.hint)
    return message([first, hint, reference], [*packed([first, *filter(None, [hint])]), *small([reference])])


def _row(cells: Iterable[Line]) -> Sequence[RawTextObject | RichTextBlock]:
    return [_cell(cell) for cell in cells][:_COLUMNS]


def _cell(line: Line) -> RawTextObject | RichTextBlock:
    if isinstance(line, str):
        return RawTextObject(text=cut_plain(line, _CELL) if line.strip() else "-")
    parts = elements(line)
    return RichTextBlock(elements=[RichTextSectionElement(elements=parts)]) if parts else RawTextObject(text="-")


def _row_size(row: Sequence[RawTextObject | RichTextBlock]) -> int:
    return sum(length(cell.to_dict()) for cell in row) + 4
