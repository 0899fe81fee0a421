"""A form as a modal, and the answers that come back from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import assert_never

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticMultiSelectElement,
    StaticSelectElement,
    UserSelectElement,
)

from bot.core.mrkdwn import escape
from bot.core.results import Form, FormField, FormKind
from bot.views.fit import cut_plain, message
from bot.views.parts import packed, section
from bot.views.payload import Json, Payload

CALLBACK = "form"
"""The `callback_id` of every form; `private_metadata` holds the row's id and nothing else."""

_ACTION = "answer"
_TITLE = 24
_CHOICES = 100
_CHOICE = 75
_INITIAL = 3_000
_YES = "true"
_PIECE = 2_400
"""Characters of a longer text that one input shows, so that each takes some more."""
_JOINTS = {"line": "\n", "word": " ", "cut": ""}
"""What stood between two pieces of a text, by the word for it in the `block_id` of the second."""


def modal(form: Form) -> Json:
    """The form as Slack's `views.open` takes it; each `block_id` is the name of its field.

    A text that is longer than Slack's input takes stands in several, with an empty one below for what is added.
    """
    inputs = [_input(piece, block_id) for field in form.fields for block_id, piece in _pieces(field)]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": form.row_id,
        "title": _plain(form.title, _TITLE),
        "submit": _plain(form.submit, _TITLE),
        "close": _plain("Back", _TITLE),
        "blocks": [block.to_dict() for block in (*section(escape(form.intro)), *inputs)],
    }


def answers(state: Mapping[str, Mapping[str, Json]]) -> dict[str, str]:
    """What was filled in, by field: from `view.state.values` of a submission; what was left empty is not in it."""
    given: dict[str, str] = {}
    for name, joint, _, held in sorted(
        ((*_place(block_id), held) for block_id, held in state.items()), key=itemgetter(2)
    ):
        if text := _answer(next(iter(held.values()), {})):
            given[name] = given[name] + joint + text if name in given else text
    return given


def _place(block_id: str) -> tuple[str, str, int]:
    """The field of an input, what stands before its text, and the how manieth of the field it is."""
    name, _, rest = block_id.partition("/")
    joint, _, number = rest.partition("/")
    return name, _JOINTS.get(joint, ""), int(number or 1)


def asked(form: Form) -> Payload:
    """The questions as a message, for where no modal can be opened."""
    lines = [f"• {escape(field.label)}{'' if field.required else ' (optional)'}" for field in form.fields]
    first = f"{escape(form.title)} needs to know more"
    return message([first, escape(form.intro), *lines], packed([first, *filter(None, [escape(form.intro)]), *lines]))


def _pieces(field: FormField) -> Iterator[tuple[str, FormField]]:
    """The inputs of a field, each with its `block_id`."""
    if field.kind is not FormKind.PARAGRAPH or len(field.value) <= _PIECE:
        yield field.name, field
        return
    (_, first), *others = _cut(field.value)
    yield field.name, replace(field, value=first)
    for number, (joint, text) in enumerate((*others, ("line", "")), start=2):
        label = f"{field.label}, part {number} of {1 + len(others)}" if text else f"{field.label}, more"
        yield (
            f"{field.name}/{joint}/{number}",
            FormField(field.name, label, FormKind.PARAGRAPH, required=False, value=text),
        )


def _cut(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of a text, cut at the ends of lines where there are some, each with what stood before it."""
    joint = "line"
    while len(text) > _PIECE:
        window, following = text[:_PIECE], "cut"
        at = _PIECE
        for name in ("line", "word"):
            found = window.rfind(_JOINTS[name])
            if window[: max(found, 0)].strip():
                at, following = found, name
                break
        yield joint, text[:at]
        text, joint = text[at + len(_JOINTS[following]) :], following
    yield joint, text


def _input(field: FormField, block_id: str) -> Block:
    hint = f"✗ {field.error}" if field.error else field.hint
    return InputBlock(
        block_id=block_id,
        label=PlainTextObject(text=cut_plain(field.label, _INITIAL // 2)),
        element=_element(field),
        hint=PlainTextObject(text=cut_plain(hint, _INITIAL // 2)) if hint else None,
        optional=not field.required,
    )


def _element(field: FormField) -> InputInteractiveElement:
    options = [_option(choice) for choice in field.choices[:_CHOICES]]
    chosen = next((option for option in options if option.value == field.value), None)
    match field.kind:
        case FormKind.CHOICE:
            return StaticSelectElement(action_id=_ACTION, options=options, initial_option=chosen)
        case FormKind.SEVERAL:
            offered = [_option(value, words) for value, words in field.offered[:_CHOICES]]
            initial = [option for option in offered if option.value in field.value.split()] or None
            return StaticMultiSelectElement(action_id=_ACTION, options=offered, initial_options=initial)
        case FormKind.TICK:
            tick = [Option(value=_YES, text=PlainTextObject(text="Yes"))]
            return CheckboxesElement(
                action_id=_ACTION, options=tick, initial_options=tick if field.value == _YES else None
            )
        case FormKind.PERSON:
            return UserSelectElement(action_id=_ACTION, initial_user=field.value or None)
        case FormKind.LINE | FormKind.PARAGRAPH:
            return PlainTextInputElement(
                action_id=_ACTION,
                multiline=field.kind is FormKind.PARAGRAPH,
                initial_value=cut_plain(field.value, _INITIAL) or None,
            )
        case _:
            assert_never(field.kind)


def _answer(held: Json) -> str:
    """The value of one element, whichever kind it is."""
    if options := held.get("selected_options"):
        return " ".join(str(option["value"]) for option in options)
    chosen = held.get("selected_option") or {}
    return str(chosen.get("value") or held.get("selected_user") or held.get("value") or "")


def _option(value: str, words: str = "") -> Option:
    return Option(value=value, text=PlainTextObject(text=cut_plain(words or value, _CHOICE)))


def _plain(text: str, limit: int) -> Json:
    return {"type": "plain_text", "text": cut_plain(text, limit) or "-"}
