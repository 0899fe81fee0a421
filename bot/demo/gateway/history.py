"""The service's git history: good releases, one whose build fails and one that crashes at start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

_AUTHOR = b"Gateway Developers <developers@gateway.example>"

_BROKEN_SCHEMA = b"""{
  "required": ["amount", "currency"],
  "properties": {
    "amount": { "type": "number", "exclusiveMinimum": 0, "maximum": 10000 },
    "currency": { "enum": ["USDC", "ETH", "SOL"] },
  }
}
"""
_FEES_WITHOUT_THEIR_TABLE = b"""'use strict';

const FEES = require('./rates').read();

function feeFor(currency, amount) {
  return Number(((amount * FEES[currency]) / 100).toFixed(2));
}

module.exports = { CURRENCIES: Object.keys(FEES), FEES, feeFor };
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One commit and its tag; `changed` replaces files of the current application."""

    tag: str
    released_at: datetime
    message: str
    changed: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The tag as npm writes it."""
        return self.tag.removeprefix("v")


def _at(day: int, hour: int) -> datetime:
    return datetime(2025, 1, day, hour, tzinfo=UTC)


RELEASES: Sequence[Release] = (
    Release("v1.0.0", _at(6, 10), "First release"),
    Release("v1.1.0", _at(9, 14), "Answer health checks while draining"),
    Release(
        "v1.2.0-badbuild",
        _at(14, 16),
        "Validate payments against a schema",
        {"schema/payment.json": _BROKEN_SCHEMA},
    ),
    Release(
        "v1.3.0-badstart",
        _at(15, 9),
        "Repair the schema, read fees from a table",
        {"lib/fees.js": _FEES_WITHOUT_THEIR_TABLE},
    ),
    Release("v1.4.0", _at(15, 11), "Keep the fees in the source"),
)


def fast_import() -> bytes:
    """The whole history as input of `git fast-import`; the same bytes, so the same SHAs, each time."""
    current = dict(_read(files("bot.demo.gateway").joinpath("app")))
    return b"".join(
        _commit(release, {**current, **release.changed}, released=RELEASES[: number + 1])
        for number, release in enumerate(RELEASES)
    )


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        else:
            # Stored without its dot: as `.gitignore` it would rule over this project too.
            name = ".gitignore" if entry.name == "gitignore" else entry.name
            yield f"{prefix}{name}", entry.read_bytes()


def _commit(release: Release, content: Mapping[str, bytes], *, released: Sequence[Release]) -> bytes:
    content = {
        **content,
        "CHANGELOG.md": _changelog(released),
        "package.json": _with_version(content["package.json"], release.version, count=1),
        # Twice in a lock file: the project's own, and the root package's.
        "package-lock.json": _with_version(content["package-lock.json"], release.version, count=2),
    }
    when = int(release.released_at.timestamp())
    parts = [
        b"commit refs/heads/main\n",
        b"committer %s %d +0000\n" % (_AUTHOR, when),
        _data(f"{release.message}\n".encode()),
        b"deleteall\n",
    ]
    for path, text in content.items():
        mode = b"100755" if path.endswith(".sh") else b"100644"
        parts += [b"M %s inline %s\n" % (mode, path.encode()), _data(text)]
    parts += [b"reset refs/tags/%s\nfrom refs/heads/main\n\n" % release.tag.encode()]
    return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _changelog(released: Sequence[Release]) -> bytes:
    entries = (f"- {release.tag} ({release.released_at:%Y-%m-%d}): {release.message}" for release in reversed(released))
    return "\n".join(("# Changelog", "", *entries, "")).encode()


def _with_version(content: bytes, version: str, *, count: int) -> bytes:
    return re.sub(rb'"version": "[^"]+"', b'"version": "%s"' % version.encode(), content, count=count)
