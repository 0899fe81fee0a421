"""Names for the people of an incident, and text as people read it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping

from bot.core.errors import IntegrationError
from bot.core.ports import Chat

_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_REFERENCE = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>")


async def names_of(authors: Iterable[str], chat: Chat) -> Mapping[str, str]:
    """The name of every Slack id among `authors`; whom Slack does not tell keeps the id."""
    ids = sorted({author for author in authors if _USER.fullmatch(author)})
    return dict(zip(ids, await asyncio.gather(*(_name(user, chat) for user in ids)), strict=True))


def mentioned(text: str) -> set[str]:
    """Slack ids of the people whom `text` mentions."""
    return {match["target"] for match in _REFERENCE.finditer(text) if match["kind"] == "@"}


def readable(text: str, names: Mapping[str, str]) -> str:
    """`text` with Slack's references as words: `<@U1>` is `@ana`, `<https://x|page>` is `page (https://x)`."""
    return _REFERENCE.sub(lambda match: _words(match, names), text)


def _words(match: re.Match[str], names: Mapping[str, str]) -> str:
    target, label = match["target"], match["label"] or ""
    match match["kind"]:
        case "@":
            return f"@{names.get(target) or label or target}"
        case "#":
            return f"#{label or target}"
        case "!":
            return label or f"@{target}"
        case _:
            return f"{label} ({target})" if label and label != target else target


async def _name(user: str, chat: Chat) -> str:
    try:
        return (await chat.profile(user)).name
    except IntegrationError:
        return user
