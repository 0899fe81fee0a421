"""The pieces that messages are made of; each returns no block at all when there is nothing to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
    SectionBlock,
)

from bot.core.mrkdwn import bold, mrkdwn
from bot.core.parts import Button, Style
from bot.core.prose import Line
from bot.core.results import Field
from bot.views.fit import HEADER, SECTION, cut, cut_plain
from bot.views.words import said

_FIELD = 1_900
_FIELDS = 10
_BUTTONS = 10
_STYLES = {Style.PLAIN: None, Style.PRIMARY: "primary", Style.DANGER: "danger"}


def header(title: str) -> list[Block]:
    """The heading; plain text, in which Slack reads nothing."""
    return [HeaderBlock(text=PlainTextObject(text=cut_plain(title, HEADER), emoji=False))] if title.strip() else []


def section(text: str) -> list[Block]:
    """One paragraph of mrkdwn."""
    return [SectionBlock(text=_mrkdwn(cut(text, SECTION)))] if text.strip() else []


def paragraphs(lines: Iterable[Line]) -> list[Block]:
    """Lines of prose, as many to a section as fit."""
    return packed(mrkdwn(line) for line in lines)


def packed(lines: Iterable[str]) -> list[Block]:
    """Lines of mrkdwn, as many to a section as fit."""
    found: list[Block] = []
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > SECTION:
            found += section(text)
            text = line
        else:
            text = f"{text}\n{line}" if text else line
    return found + section(text)


def pairs(fields: Sequence[Field]) -> list[Block]:
    """Names with values, two beside each other."""
    shown = [_mrkdwn(cut(f"{bold(field.name)}\n{value(field)}", _FIELD)) for field in fields]
    return [SectionBlock(fields=shown[start : start + _FIELDS]) for start in range(0, len(shown), _FIELDS)]


def value(field: Field) -> str:
    """A field's value in mrkdwn, with its state in front."""
    text = mrkdwn(field.value).strip() or "-"
    return f"{said(field.state)} · {text}" if field.state else text


def small(lines: Iterable[str]) -> list[Block]:
    """Remarks in mrkdwn below the matter."""
    text = "\n".join(line for line in lines if line.strip())
    return [ContextBlock(elements=[_mrkdwn(cut(text, SECTION))])] if text else []


def preformatted(text: str) -> list[Block]:
    """Text as it came, letter by letter: rich text parses no mentions and no links."""
    if not text:
        return []
    return [RichTextBlock(elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=text)])])]


def actions(buttons: Sequence[Button]) -> list[Block]:
    """Buttons, whose `action_id` is the verb: unique in its block, so a repeated one begins a new one."""
    rows: list[list[Button]] = []
    for button in buttons[:_BUTTONS]:
        if not rows or any(button.verb == other.verb for other in rows[-1]):
            rows.append([])
        rows[-1].append(button)
    found: list[Block] = [ActionsBlock(elements=[_button(button) for button in row]) for row in rows]
    more = len(buttons) - _BUTTONS
    return [*found, *small([f"… {more} more buttons are left out."])] if more > 0 else found


def _button(button: Button) -> ButtonElement:
    confirm = None
    if button.confirm:
        confirm = ConfirmObject(
            title=PlainTextObject(text=cut_plain(button.label, 100)),
            text=PlainTextObject(text=cut_plain(button.confirm, 300)),
            confirm=PlainTextObject(text=cut_plain(button.label, 30)),
            deny=PlainTextObject(text="Back"),
            style=_STYLES[button.style],
        )
    return ButtonElement(
        text=PlainTextObject(text=cut_plain(button.label, 75)),
        action_id=button.verb,
        value=button.row_id,
        style=_STYLES[button.style],
        confirm=confirm,
    )


def _mrkdwn(text: str) -> MarkdownTextObject:
    # verbatim: addresses and names in foreign text stay text, only what we wrote between < and > is a link
    return MarkdownTextObject(text=text, verbatim=True)
