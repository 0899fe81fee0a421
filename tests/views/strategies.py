"""Every result there can be: made from the types themselves, with text that tries to be more than text."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, datetime
from enum import Enum

from hypothesis import strategies as st

from bot.core.incident_results import Timeline
from bot.core.parts import Button
from bot.core.results import Form, FormField, FormKind, Result

HOSTILE = (
    "<!channel>",
    "<!here|x> <@U1> <#C1> <http://evil.example|bank>",
    "`<!everyone>` ```x``` *b* _i_ ~s~ > q",
    "&lt;!channel&gt; &amp;lt;",
    "[text](http://evil.example) ![i](x) <b>h</b>\n# head\n- item",
    "a | b\r\n\n\u2028c",
    '"' * 30,
    " ",
    "",
)
_text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
text = st.builds(lambda part, times: part * times, _text, st.sampled_from((1, 1, 1, 1, 2, 150)))
_word = st.text("abcdefghijklmnop-", min_size=1, max_size=30)
_moment = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def results(kind: type | None = None) -> st.SearchStrategy[Result]:
    """Any result, or one of `kind`."""
    kinds = (kind,) if kind else typing.get_args(Result)
    return typing.cast("st.SearchStrategy[Result]", st.one_of(*(_of(each) for each in kinds)))


def _of(annotation: object) -> st.SearchStrategy[object]:  # noqa: PLR0911 - one kind of type, one return
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    if origin is typing.Literal:
        return st.sampled_from(inside)
    if origin in {types.UnionType, typing.Union}:
        return st.one_of(*(_of(part) for part in inside))
    if origin is tuple and inside[-1] is Ellipsis:
        return _many(_of(inside[0]))
    if origin is tuple:
        return st.tuples(*(_of(part) for part in inside))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return _dataclass(annotation)


def _many(item: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    few = st.lists(item, max_size=2)
    return st.builds(lambda items, times: tuple(items) * times, few, st.sampled_from((1, 1, 1, 1, 30)))


def _dataclass(kind: object) -> st.SearchStrategy[object]:
    assert isinstance(kind, type)
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    given = {field.name: _of(hints[field.name]) for field in dataclasses.fields(kind)}
    if kind is Form:
        given["row_id"] = _word
        given["fields"] = st.lists(_LEAVES[FormField], min_size=1, max_size=5).map(tuple)
    if kind is Timeline:
        given["zone"] = st.sampled_from(("UTC", "America/Argentina/ComodRivadavia"))
    return st.builds(kind, **given)


def _form_field(names: str, field: FormField) -> FormField:
    """Names and choices come from our own models, so they are short and differ."""
    offered = tuple({value[:75]: (value[:75], words) for value, words in field.offered if value.strip()}.values())
    kind = FormKind.LINE if field.kind is FormKind.SEVERAL and not offered else field.kind
    choices = tuple(dict.fromkeys(choice[:75] for choice in field.choices if choice.strip()))
    kind = FormKind.LINE if not choices and kind is FormKind.CHOICE else kind
    label = field.label if field.label.strip() else "label"
    return dataclasses.replace(field, name=names, kind=kind, choices=choices, label=label, offered=offered)


_LEAVES: dict[object, st.SearchStrategy[object]] = {
    str: text,
    int: st.integers(0, 10**6),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: _moment,
    type(None): st.none(),
}
_LEAVES[Button] = st.builds(
    Button,
    label=text.filter(str.strip),
    verb=_word,
    row_id=_word,
    style=_of(typing.get_type_hints(Button)["style"]),
    confirm=text.filter(lambda words: not words or words.strip() != ""),
)
_LEAVES[FormField] = st.builds(_form_field, st.uuids().map(str), _dataclass(FormField))
