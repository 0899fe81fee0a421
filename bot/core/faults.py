"""Faults of a configuration in words: where each one is, and what would be valid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `path` leads to it, as in `("services", "shop", "env_file")`."""

    path: Path
    message: str

    @property
    def place(self) -> str:
        """The path as one writes it: `services.shop.limits`, `schedules[0].cron`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text.removeprefix(".") or "the whole"


def faults(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """Every fault that pydantic found in a `model`, in words that do not repeat what was typed: it may be secret."""
    return tuple(_fault(detail, model) for detail in error.errors(include_url=False))


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    path = tuple(part for part in detail["loc"] if part != "[key]")  # pydantic's mark for the key of a mapping itself
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Fault(path, unknown_key(str(path[-1]), _keys(model, path[:-1])))
    if kind == "missing":
        return Fault(path, "is needed")
    message = detail["msg"].removeprefix("Value error, ")
    return Fault(path, message[:1].lower() + message[1:])


def unknown_key(key: str, known: Sequence[str]) -> str:
    """That there is no such key, and which one may be meant."""
    near = get_close_matches(key, known, 1, 0.5)
    if near:
        return f"is not known; did you mean {near[0]}?"
    return f"is not known; there are {', '.join(known)}" if known else "is not known"


def _keys(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """Names of the fields at `path` below `model`."""
    models: list[type[BaseModel]] = [model]
    for part in path:
        models = [inner for outer in models for inner in _inside(outer, part)]
    return tuple(dict.fromkeys(name for each in models for name in each.model_fields))


def _inside(model: type[BaseModel], part: str | int) -> Iterable[type[BaseModel]]:
    """Models that the field `part` may hold; an index, a key of a mapping or a union's tag stays at the same models."""
    field = model.model_fields.get(str(part))
    if field is None:
        return (model,)
    return models(field.annotation)


def models(annotation: object) -> Iterable[type[BaseModel]]:
    """Every model that a field of this annotation can hold, in mappings, tuples and unions too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(found for argument in get_args(annotation) for found in models(argument))
