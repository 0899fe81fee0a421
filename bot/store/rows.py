"""Rows to dataclasses and back: columns by name, nested values as jsonb, through one pydantic adapter a type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from psycopg import AsyncCursor
from psycopg.rows import AsyncRowFactory
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

T = TypeVar("T")

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", kind))


def load(kind: type[T], value: object) -> T:
    """A value of `kind` from plain JSON values or columns; the reverse of `dump`."""
    return cast("T", _adapter(cast("Hashable", kind)).validate_python(value))


def dump(kind: Hashable, value: object) -> Jsonb:
    """A value as jsonb; `kind` is its declared type."""
    return Jsonb(_adapter(kind).dump_python(value, mode="json"), dumps=_dumps)


def row_of(kind: type[T]) -> AsyncRowFactory[T]:
    """A row factory that makes a `kind` of each row, columns by name."""

    def factory(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        names = [column.name for column in cursor.description or ()]
        return lambda values: load(kind, dict(zip(names, values, strict=True)))

    return factory


def clean(text: str) -> str:
    """`text` as Postgres can hold it: no NUL, and no lone halves of surrogate pairs, which Slack does send."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _dumps(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    return _NUL.sub(r"\1\\ufffd", text).encode(errors="replace")
