"""Secrets taken out of every text that leaves the bot: by value, by form, and by the name beside them."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from bot.core.leaks import is_secret_name, mask, mask_forms, mask_pairs
from bot.core.mrkdwn import escape

_SHORTEST = 8
_PLAIN_WORD = re.compile(r"[A-Za-z]{1,15}")
_RUN = re.compile(r"[A-Za-z0-9]{8,}")
_TURN = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_RANDOM_TURNS = 3
_CREDENTIALS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@]*:([^\s/]+)@", re.IGNORECASE)

_KEY_BEGINS = re.compile(r"-----BEGIN[A-Z0-9 ]{1,40}PRIVATE KEY[A-Z ]{0,10}-----")
_KEY_ENDS = re.compile(r"-----END[A-Z0-9 ]{1,50}-----")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]*|[A-Za-z-]{1,30}: .*")
_KEY_PIECE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_KEY_LINES = 200


class Redactor:
    """What is secret, and how to take it out of a text; one for the whole program.

    A value is masked wherever it shows up: as it is, in base64, URL-encoded or escaped for JSON. Values under 8
    characters and plain words are masked beside their own name only, since they are words of other sentences too.
    """

    def __init__(self, values: Mapping[str, str] | Iterable[str] = ()) -> None:
        self._masks: dict[str, str] = {}
        self._named: dict[str, str] = {}
        self.learn(values)

    def learn(self, values: Mapping[str, str] | Iterable[str]) -> None:
        """Add values, by name where the name is known; of a whole environment file only what is secret is kept."""
        pairs = values.items() if isinstance(values, Mapping) else (("", value) for value in values)
        masks = dict(self._masks)
        for name, value in pairs:
            if stands_alone(name, value):
                for form in _forms(value):
                    masks.setdefault(form, mask(name))
            elif name and is_secret_name(name):
                self._named[name] = value
        # the longest first, so that no part of a longer one is left over
        self._masks = dict(sorted(masks.items(), key=lambda item: -len(item[0])))

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        return "".join(self.stream(re.split(r"(?<=\n)", self._known(text))))

    def holds(self, text: str) -> bool:
        """Whether a value that was learnt stands in `text`, as it is or encoded; forms and names do not count."""
        return len(text) >= _SHORTEST and any(form in text for form in self._masks)

    def stream(self, lines: Iterable[str]) -> Iterator[str]:
        """Lines without secrets, as they come; the lines of a private key are left out."""
        inside = 0
        for line in lines:
            text = line
            if inside:
                text, inside = _leave_key(line, inside)
                if not text:
                    continue
            text, is_open = _mask_keys(text)
            inside = _KEY_LINES if is_open else inside
            yield mask_pairs(mask_forms(self._known(text)), self._named)

    def _known(self, text: str) -> str:
        if len(text) < _SHORTEST:
            return text
        for form, masked in self._masks.items():
            if form in text:
                text = text.replace(form, masked)
        return text


def stands_alone(name: str, value: str) -> bool:
    """Whether `value` is so long and so odd that it is a secret wherever it shows up; an empty name says it is one."""
    if len(value) < _SHORTEST or _PLAIN_WORD.fullmatch(value):
        return False
    if not name or is_secret_name(name) or _CREDENTIALS.search(value):
        return True
    return any(len(_TURN.findall(run)) >= _RANDOM_TURNS for run in _RUN.findall(value))


def _forms(value: str) -> Iterator[str]:
    """Every way in which `value` may be written down, and its parts that are secret by themselves."""
    credentials = _CREDENTIALS.search(value)
    password = credentials[1] if credentials else ""
    parts = [password, unquote(password), *(value.split("\n") if "\n" in value else ())]
    for text in (value, *(part for part in parts if stands_alone("", part) and not part.startswith("-----"))):
        escaped = json.dumps(text)[1:-1]
        yield from (text, escape(text), escaped, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1])
        yield escaped.replace("/", "\\/")
        raw = text.encode("utf-8", "replace")
        for coded in (quote(raw, safe=""), quote(raw), quote(raw, safe="!'()*"), quote_plus(raw)):
            yield from (coded, re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), coded))
        for shift in range(3):
            inner = _base64(raw, shift)
            yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _base64(value: bytes, shift: int) -> str:
    """The characters that `value` alone decides when it stands `shift` bytes into a group of three."""
    coded = base64.b64encode(bytes(shift) + value).decode()
    return coded[math.ceil(shift * 8 / 6) : (shift + len(value)) * 8 // 6]


def _mask_keys(text: str) -> tuple[str, bool]:
    """`text` without private keys, and whether the last one goes on in the next line."""
    shown: list[str] = []
    at = 0
    while begins := _KEY_BEGINS.search(text, at):
        shown += [text[at : begins.start()], mask("private-key")]
        ends = _KEY_ENDS.search(text, begins.end())
        if ends is None:
            return "".join(shown) + ("\n" if text.endswith("\n") else ""), True
        at = ends.end()
    return "".join(shown) + text[at:], False


def _leave_key(line: str, left: int) -> tuple[str, int]:
    """What may be shown of a line inside a private key, and how many lines of it may still come."""
    ends = _KEY_ENDS.search(line)
    if ends:
        return line[ends.end() :].lstrip("\r\n"), 0
    if _KEY_LINE.fullmatch(line.strip()):
        return "", left - 1
    text = _KEY_PIECE.sub(mask("private-key"), line)
    return text, left - 1 if text != line else 0
