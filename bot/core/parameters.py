"""What a command's model asks for, read from its fields: the one source of parsing, usage, help and forms."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field: `flag` is typed after `--`, `kind` is its type without `| None`, `choices` are its only values."""

    name: str
    flag: str
    kind: type
    description: str
    required: bool
    choices: tuple[str, ...]
    option: bool
    words: bool
    lines: bool = False
    person: bool = False

    @property
    def is_positional(self) -> bool:
        """Whether a bare word in its turn fills it."""
        return not (self.option or self.words or self.kind in {bool, timedelta})

    @property
    def shown(self) -> str:
        """How a sentence names it."""
        return self.flag if self.is_positional or self.words else f"--{self.flag}"

    @property
    def example(self) -> str:
        """A value that it takes, or what kind of one."""
        if self.choices:
            return self.choices[0]
        if self.person:
            return "@name"
        return {timedelta: "30m", int: "5", float: "0.5"}.get(self.kind, self.placeholder)

    @property
    def placeholder(self) -> str:
        """What stands for its value in a usage line."""
        if self.choices:
            return "|".join(self.choices)
        if self.person:
            return "@NAME"
        return {timedelta: "DURATION", int: "NUMBER", float: "NUMBER", str: "TEXT"}.get(self.kind, "VALUE")

    @property
    def usage(self) -> str:
        """Its part of the usage line."""
        if self.words:
            word = f"{self.flag} ..."
        elif self.is_positional:
            word = "|".join(self.choices) or (f"@{self.flag}" if self.person else self.flag)
        elif self.kind is bool:
            word = f"--{self.flag}"
        else:
            word = f"--{self.flag} {self.placeholder}"
        if not self.required:
            return f"[{word}]"
        return f"<{word}>" if self.is_positional or self.words else word


@cache
def parameters(model: type[BaseModel]) -> tuple[Parameter, ...]:
    """Every field in the order of help: positionals, the words, options, options that were inherited.

    `RuntimeError` for a field that cannot be typed in chat.
    """
    found = [_parameter(model, name, field) for name, field in model.model_fields.items()]
    inherited = model.model_fields.keys() - model.__annotations__.keys()
    return tuple(sorted(found, key=lambda p: (not p.is_positional, not p.words, p.name in inherited)))


def _parameter(model: type[BaseModel], name: str, field: FieldInfo) -> Parameter:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
    kind, choices = _kind(field.annotation)
    if kind is None:
        raise RuntimeError(f"{model.__qualname__}.{name} has a type that cannot be typed in chat: {field.annotation}")
    return Parameter(
        name=name,
        flag=str(extra.get("alias") or name.replace("_", "-")),
        kind=kind,
        description=field.description or "",
        required=field.is_required(),
        choices=choices,
        option=bool(extra.get("option")),
        words=bool(extra.get("words")),
        lines=bool(extra.get("lines")),
        person=bool(extra.get("person")),
    )


def _kind(annotation: object) -> tuple[type | None, tuple[str, ...]]:
    """The type behind `X | None` with its choices; no type when it is a container or a union of several."""
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        inner = [part for part in typing.get_args(annotation) if part is not type(None)]
        return _kind(inner[0]) if len(inner) == 1 else (None, ())
    if typing.get_origin(annotation) is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is typing.Literal:
        return str, tuple(str(value) for value in typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return annotation, tuple(annotation)
    return (annotation, ()) if isinstance(annotation, type) and not typing.get_origin(annotation) else (None, ())
