"""Chat text to a command's arguments: one grammar everywhere, positionals, then `--name value`.

A duration fills the first `timedelta` field, in front (`30m provider down`, `for 30m provider down`) or at the end
(`provider down for 30m`); the words that remain fill the field made by `words`, as they were typed: with the quotes in
them, save a pair around the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from bot.core.duration import is_duration, parse_duration
from bot.core.errors import NotFound, UsageError
from bot.core.parameters import Parameter, parameters

M = TypeVar("M", bound=BaseModel)

_SMART_QUOTES = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " "}
)
_SMART_DASH = re.compile(r"(?<!\S)[\u2013\u2014](?=\w)")
# An apostrophe that follows a letter opens no quote, and one between two letters closes none.
_PAIR = r"""(?:"(?:[^"\\]|\\.)*"|(?<!\w)'(?:[^']|\b'\b)*?'(?!\w))"""
_PAIRS = re.compile(rf"{_PAIR}+", re.DOTALL)
_WORD = re.compile(rf"\n+|(?:{_PAIR}|\\.|[^ \t\r\n])+", re.DOTALL)
_PLAIN = re.compile(r"""(?:[^\s"'\\]|\b'\b)+""")
_PART = re.compile(rf"""(?P<pair>{_PAIR})|\\(?P<escaped>.)|(?P<open>["\\])""", re.DOTALL)

_PERSON = re.compile(r"<@(?P<id>[UW][A-Z0-9]{2,20})(?:\|[^>]*)?>|(?P<bare>[UW][A-Z0-9]{2,20})", re.ASCII)
_QUOTED = 40
_BOUNDS = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "min_length": "of a length of at least",
    "max_length": "of a length of at most",
}


def option(default: Any, description: str, *, alias: str = "", prose: bool = False) -> Any:  # noqa: ANN401 - stands where a field's default stands, as pydantic's own Field
    """A field that is given as `--name value` only, never by position; `alias` is typed in place of its name.

    For `prose` see `words`.
    """
    return Field(default, description=description, json_schema_extra={"option": True, "alias": alias, "prose": prose})


def words(default: Any, description: str, *, prose: bool = False, lines: bool = False) -> Any:  # noqa: ANN401 - see option
    """A text field that takes all the words that remain; `...` makes it required.

    Of `prose`, which may have to be taken back for good, the audit chain has the length only: it never forgets. Where
    the field has `lines` they end where they were typed to end; elsewhere they are one.
    """
    return Field(default, description=description, json_schema_extra={"words": True, "prose": prose, "lines": lines})


def audited(args: BaseModel) -> dict[str, JsonValue]:
    """The arguments as the audit chain has them: what was given, and the length of prose."""
    given: dict[str, JsonValue] = args.model_dump(mode="json", exclude_defaults=True)
    for name, field in type(args).model_fields.items():
        extra = field.json_schema_extra
        if name in given and isinstance(extra, dict) and extra.get("prose"):
            given[name] = f"{len(str(given[name]))} characters"
    return given


def person(default: Any, description: str, *, named: bool = False) -> Any:  # noqa: ANN401 - see option
    """A text field for one Slack user, typed as `@name` and kept as the id; `named` makes it an option."""
    return Field(default, description=description, json_schema_extra={"person": True, "option": named})


def parse(text: str, model: type[M]) -> M:
    """The arguments that `text` gives; `UsageError` says what was typed and what would be valid."""
    return validate(gather(text, model), model)


def missing(text: str, model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the required fields that `text` does not give."""
    given = gather(text, model)
    return tuple(p.name for p in parameters(model) if p.required and p.name not in given)


def usage(typed: str, model: type[BaseModel]) -> str:
    """One line: `typed`, then `<needed>`, `[optional]` and `[--name VALUE]`."""
    return " ".join([typed, *(p.usage for p in parameters(model))])


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was `typed`, with its quotes and backslashes, or the ends of lines between two words."""

    typed: str

    @property
    def ends_lines(self) -> bool:
        """Whether it is ends of lines and nothing else."""
        return not self.typed.strip("\n")

    @property
    def given(self) -> str:
        """What a POSIX shell makes of it, save that a quote that is never closed is a letter."""
        return _PART.sub(_unquoted, self.typed)

    @property
    def is_enclosed(self) -> bool:
        """Whether quotes enclose the whole of it."""
        return _PAIRS.fullmatch(self.typed) is not None

    @property
    def is_open(self) -> bool:
        """Whether a quote in it is never closed, or a backslash ends it."""
        return any(part["open"] for part in _PART.finditer(self.typed))


def split(text: str) -> list[Word]:
    """Words as a POSIX shell splits them, except that an apostrophe inside a word is a letter: `can't` is one word.

    Ends of lines that stand in no quotes are words of their own.
    """
    text = _SMART_DASH.sub("--", text.translate(_SMART_QUOTES))
    return [Word(match[0]) for match in _WORD.finditer(text)]


def join(arguments: Iterable[str]) -> str:
    """The text of arguments that a shell has split already; `split` has them again."""
    return " ".join(
        argument if _PLAIN.fullmatch(argument) and split(argument) == [Word(argument)] else _in_quotes(argument)
        for argument in arguments
    )


def gather(text: str, model: type[BaseModel]) -> dict[str, str]:
    """What `text` gives to each field by name, as text and not validated yet."""
    known = parameters(model)
    given: dict[str, str] = {}
    free: list[Word] = []
    rest = iter(split(text))
    for word in rest:
        if word.given == "--":
            free.extend(rest)
        elif word.given.startswith("--"):
            _take_option(_closed(word)[2:], rest, known, given)
        else:
            free.append(word)
    _take_free(free, known, given)
    return given


def validate(given: Mapping[str, str], model: type[M]) -> M:
    """The model filled with `given`; every fault is told in one `UsageError`, by field in its `faults`."""
    faults: dict[str, str] = {}
    values: dict[str, object] = {}
    known = parameters(model)
    for parameter in known:
        if parameter.name in given:
            try:
                values[parameter.name] = _value(given[parameter.name], parameter)
            except UsageError as error:
                faults[parameter.name] = f"{parameter.shown}: {error} {error.hint}".strip()
    try:
        result = model.model_validate(values)
    except ValidationError as error:
        shown = {parameter.name: parameter.shown for parameter in known}
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            faults.setdefault(name, _sentence(shown.get(name, ""), detail["type"], detail.get("ctx", {})))
    else:
        if not faults:
            return result
    raise UsageError(" ".join(faults.values()), faults=faults)


def user_id(text: str) -> str:
    """The id of whoever is mentioned, `UsageError` when that is nobody: Slack sends `<@U1|ana>` for a typed `@ana`."""
    match = _PERSON.fullmatch(text.strip())
    if match is None:
        raise UsageError(f'"{_short(text)}" is nobody that Slack knows.', hint="Write @ and choose the person.")
    return match["id"] or match["bare"]


def by_prefix(there: Mapping[str, str], wanted: str) -> str:
    """The one key of `there` (ids, with what people call them) that begins with `wanted`.

    Raises `NotFound` when none does and `UsageError` when several do; both say what there is.
    """
    found = [key for key in there if key.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    hint = f"There are: {'; '.join(f'{key[:8]}: {name}' for key, name in there.items())}." if there else ""
    if found:
        raise UsageError("Which one?", hint=hint)
    raise NotFound(f'Nothing has an id that begins with "{wanted}".', hint=hint)


def _unquoted(part: re.Match[str]) -> str:
    pair = part["pair"]
    if pair is None:
        return part["escaped"] or part[0]
    return pair[1:-1] if pair[0] == "'" else re.sub(r'\\(["\\])', r"\1", pair[1:-1])


def _in_quotes(argument: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", argument.translate(_SMART_QUOTES))
    return f'"{escaped}"'


def _closed(word: Word) -> str:
    """What it gives, where a quote is no letter."""
    if word.is_open:
        raise UsageError("A quote is opened and never closed, or the text ends with a backslash.")
    return word.given


def _take_option(word: str, rest: Iterator[Word], known: tuple[Parameter, ...], given: dict[str, str]) -> None:
    typed, equals, value = word.partition("=")
    flag = typed.lower().replace("_", "-")
    parameter = next((p for p in known if p.flag == flag), None)
    if parameter is None:
        near = get_close_matches(flag, [p.flag for p in known], 1)
        there = ", ".join(f"--{p.flag}" for p in known)
        raise UsageError(
            f"I do not know --{_short(typed)}.",
            hint=f"Did you mean --{near[0]}?" if near else there and f"There are: {there}.",
        )
    if parameter.name in given:
        raise UsageError(f"--{flag} is given twice.")
    if not equals:
        value = (
            "true" if parameter.kind is bool else next((_closed(word) for word in rest if not word.ends_lines), "--")
        )
        if value.startswith("--"):
            raise UsageError(
                f"--{flag} needs a value.",
                hint=f"Write --{flag} {parameter.example}, or --{flag}=... if it starts with --.",
            )
    given[parameter.name] = value


def _take_free(free: list[Word], known: tuple[Parameter, ...], given: dict[str, str]) -> None:
    lasts = next((p for p in known if p.kind is timedelta and p.name not in given), None)
    _trim(free)
    if lasts:
        _take_duration(free, lasts, given)
    for parameter in known:
        if parameter.is_positional and free and parameter.name not in given:
            given[parameter.name] = _closed(free.pop(0))
            _trim(free)
            if lasts:
                _take_duration(free, lasts, given)
    _trim(free)
    reason = next((p for p in known if p.words and p.name not in given), None)
    if reason and free:
        given[reason.name] = _joined(free, lines=reason.lines)
    elif free:
        raise UsageError(
            f'I did not expect "{_short(_joined(free, lines=False))}".',
            hint="Put quotes around a value that has spaces in it.",
        )


def _trim(free: list[Word]) -> None:
    """Take off the ends of lines before the first word and after the last."""
    while free and free[0].ends_lines:
        del free[0]
    while free and free[-1].ends_lines:
        del free[-1]


def _joined(free: Sequence[Word], *, lines: bool) -> str:
    """Prose as it was typed, without the quotes that enclose the whole of it."""
    if len(free) == 1 and free[0].is_enclosed:
        return free[0].given
    if not lines:
        return " ".join(word.typed for word in free if not word.ends_lines)
    spaced = (f"{'' if word.ends_lines or before.ends_lines else ' '}{word.typed}" for before, word in pairwise(free))
    return "".join((free[0].typed, *spaced))


def _take_duration(free: list[Word], lasts: Parameter, given: dict[str, str]) -> None:
    """Move a duration from the front or, after the word "for", from the end of `free`."""
    if lasts.name in given:
        return
    if free and is_duration(free[0].given):
        given[lasts.name] = free.pop(0).given
    elif len(free) > 1 and free[0].given.lower() == "for" and is_duration(free[1].given):
        given[lasts.name] = free[1].given
        del free[:2]
    elif len(free) > 1 and free[-2].given.lower() == "for" and is_duration(free[-1].given):
        given[lasts.name] = free[-1].given
        del free[-2:]


def _value(text: str, parameter: Parameter) -> object:
    """What pydantic is given for `text`: durations and choices are read here, in any case of letters."""
    if parameter.kind is timedelta:
        return parse_duration(text)
    if parameter.person:
        return user_id(text)
    if parameter.kind in {int, float} and text.startswith("+"):
        raise UsageError(f'"{_short(text)}" reads like so many more.', hint=f"Write the number itself, {text[1:]}.")
    if not parameter.choices:
        return text
    by_word = {choice.lower(): choice for choice in parameter.choices}
    if text.lower() in by_word:
        return by_word[text.lower()]
    if issubclass(parameter.kind, StrEnum):
        with suppress(ValueError):
            return parameter.kind(text)  # the type may know other words for its values
    near = get_close_matches(text.lower(), by_word, 1)
    said = f"Did you mean {by_word[near[0]]}?" if near else f"It can be {', '.join(parameter.choices)}."
    raise UsageError(f'"{_short(text)}" is not one of its values.', hint=said)


def _sentence(shown: str, kind: str, context: Mapping[str, object]) -> str:
    """What pydantic found, in words that do not need its manual."""
    for key, words_for in _BOUNDS.items():
        if key in context:
            return f"{shown} must be {words_for} {context[key]}."
    known = {
        "missing": f"{shown} is missing.",
        "int_parsing": f"{shown} must be a whole number.",
        "int_from_float": f"{shown} must be a whole number.",
        "float_parsing": f"{shown} must be a number.",
        "bool_parsing": f"{shown} must be yes or no.",
        "string_pattern_mismatch": f"{shown} must match {context.get('pattern')}.",
    }
    return known.get(kind) or f"{shown}: {context.get('error', 'that is not valid')}.".removeprefix(": ")


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"
