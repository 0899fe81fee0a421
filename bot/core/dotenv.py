"""Environment files as the Node package dotenv reads them, and edits that touch one key and nothing else.

Text is decoded with `surrogateescape`, so that an edit gives back every other byte as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.errors import IntegrationError, UsageError

# JavaScript's idea of white space and of line ends, which is not Python's.
_BLANKS = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_ENDS = "\n\r\u2028\u2029"
_START = f"(?<![^{_ENDS}])"
_END = f"(?![^{_ENDS}])"
_ENTRY = re.compile(
    rf"""{_START}[{_BLANKS}]*(?:export[{_BLANKS}]+)?
    (?P<key>[A-Za-z0-9_.-]+)
    (?:[{_BLANKS}]*(?P<equals>=)[{_BLANKS}]*?|(?P<colon>:)[{_BLANKS}]+?)
    (?P<value>
        [{_BLANKS}]*'(?:\\'|[^'])*'
      | [{_BLANKS}]*"(?:\\"|[^"])*"
      | [{_BLANKS}]*`(?:\\`|[^`])*`
      | [^\#\r\n]+
    )?
    [{_BLANKS}]*(?:\#[^{_ENDS}]*)?{_END}""",
    re.VERBOSE,
)
_QUOTED = re.compile(rf"{_START}(['\"`])(.*)\1{_END}", re.DOTALL)
_BREAK = re.compile(r"\r\n?|\n")
_LINE = re.compile(rf"[^{_ENDS}]*(?:\r\n|[{_ENDS}]|\Z)")
_STRIPPED = "".join(chr(code) for code in range(0x10000) if re.match(f"[{_BLANKS}]", chr(code)))
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
_SECRET_KEY = re.compile(
    r"secret|token|passw|pwd|api_?key|private|credential|(?:^|_)(?:key|pass|auth|dsn|salt|signature)(?:$|_)",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])(?!/)[A-Za-z0-9_+/=.-]{24,}")  # a path is no secret
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^:@/\s]*:(?P<password>[^@/\s]+)@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `KEY=value`: its value as loaded, its line from 1, and where in the text it and its value stand.

    The value is empty, right after the `=`, when dotenv takes it from a later line: that belongs to somebody else.
    """

    key: str
    value: str
    line: int
    start: int
    value_start: int
    value_end: int


def decode(content: bytes) -> str:
    """The text of a file; `encode` gives back the same bytes."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text that `decode` gave, or an edit of it."""
    return text.encode("utf-8", "surrogateescape")


def entries(text: str) -> tuple[Entry, ...]:
    """Every entry in the order of the file; of one key's entries the last one counts."""
    found = []
    line, counted = 1, 0
    for match in _ENTRY.finditer(text):
        line += len(_BREAK.findall(text, counted, match.start("key")))
        counted = match.start("key")
        raw = match["value"] or ""
        kept = raw.strip(_STRIPPED)
        start = match.start("value") + raw.index(kept)
        end = start + len(kept)
        separated = max(match.end("equals"), match.end("colon"))
        if not kept or start >= _end_of_line(text, separated):
            start = end = separated
        found.append(Entry(match["key"], _loaded(kept), line, match.start("key"), start, end))
    return tuple(found)


def values(text: str) -> dict[str, str]:
    """Every key with the value that counts."""
    return {entry.key: entry.value for entry in entries(text)}


def with_value(text: str, key: str, value: str | None) -> str:
    """`text` with `key` set to `value`, or without the key when that is None; further entries of the key go.

    Raises `UsageError` for a value that the format cannot carry, and `IntegrationError` when a broken line elsewhere
    would make the edit change another key.
    """
    own = [entry for entry in entries(text) if entry.key == key]
    edited = text
    kept = own[-1] if value is not None and own else None
    for entry in reversed(own):
        edited = _replaced(edited, entry, _written(value or "")) if entry is kept else _removed(edited, entry)
    if value is not None and not own:
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = newline if text and not text.endswith(("\n", "\r")) else ""
        edited = f"{text}{gap}{key}={_written(value)}{newline}"
    _check(before=values(text), after=values(edited), key=key, value=value)
    return edited


def secrets(text: str) -> tuple[str, ...]:
    """Values that must not be shown: of keys that sound secret, long random ones, and passwords inside URLs."""
    found: dict[str, None] = {}
    for entry in entries(text):
        if match := _PASSWORD_IN_URL.search(entry.value):
            found[match["password"]] = None
            found[entry.value] = None
        elif _SECRET_KEY.search(entry.key) or _RANDOM.fullmatch(entry.value):
            found[entry.value] = None
    return tuple(value for value in found if value)


def secret_keys(text: str) -> tuple[str, ...]:
    """Keys whose values `secrets` tells, in the order of the file; empty ones too, which have no value to tell."""
    return tuple(dict.fromkeys(entry.key for entry in entries(text) if _is_secret(entry)))


def _is_secret(entry: Entry) -> bool:
    forms = (_PASSWORD_IN_URL.search(entry.value), _SECRET_KEY.search(entry.key), _RANDOM.fullmatch(entry.value))
    return any(forms)


def _loaded(raw: str) -> str:
    """What dotenv makes of the raw value: without its quotes, and with escaped line breaks read in double ones."""
    value = _BREAK.sub("\n", raw)
    quote = value[:1]
    value = _QUOTED.sub(r"\2", value)
    if quote == '"':
        value = value.replace("\\n", "\n").replace("\\r", "\r")
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _written(value: str) -> str:
    if not value.isprintable():
        raise UsageError("The value has a line break or another control character in it.")
    if _PLAIN.fullmatch(value):
        return value
    for quote in "'`\"":
        if quote not in value and not (quote == '"' and "\\" in value):
            return f"{quote}{value}{quote}"
    raise UsageError("The value has every kind of quote in it: an environment file cannot carry that.")


def _replaced(text: str, entry: Entry, written: str) -> str:
    space = " " if text[entry.value_start - 1] == ":" else ""
    return text[: entry.value_start] + space + written + text[entry.value_end :]


def _removed(text: str, entry: Entry) -> str:
    start = max(text.rfind(end, 0, entry.start) for end in _ENDS) + 1
    return text[:start] + text[_end_of_line(text, entry.value_end) :]


def _end_of_line(text: str, position: int) -> int:
    """Where the line of `position` is over, its line break included."""
    match = _LINE.match(text, position)
    assert match is not None
    return match.end()


def _check(*, before: Mapping[str, str], after: Mapping[str, str], key: str, value: str | None) -> None:
    wanted = {name: seen for name, seen in before.items() if name != key}
    if value is not None:
        wanted[key] = value
    if after != wanted:
        raise IntegrationError(
            f"{key} cannot be changed without touching another key: a line of the file is broken.",
            hint="Mend the file by hand: look for an open quote, or for a line that ends with a colon.",
        )
