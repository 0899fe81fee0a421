"""Names for the people of an incident, and text as people read it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping

from bot.core.errors import IntegrationError
from bot.core.ports import Chat, Profile
from bot.core.prose import Inline, Person

_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,20})(?:\|[^<>]*)?>", re.ASCII)
_REFERENCE = re.compile(
    r"<(?:@(?P<user>[UW][A-Z0-9]+)|\#(?P<channel>[A-Z0-9]+)|!(?P<special>(?:here|channel|everyone|subteam|date)[^<>|\n]*)"
    r"|(?P<url>(?:https?|mailto|tel|slack):[^<>|\s]+))(?:\|(?P<label>[^<>\n]*))?>"
)


async def names_of(authors: Iterable[str], chat: Chat) -> Mapping[str, str]:
    """The name of every Slack id among `authors`; whom Slack does not tell keeps the id."""
    return {user: profile.name for user, profile in (await profiles_of(authors, chat)).items()}


async def profiles_of(authors: Iterable[str], chat: Chat) -> Mapping[str, Profile]:
    """What Slack says of every id among `authors`; whom it does not tell has the id for a name, and no zone."""
    ids = sorted({author for author in authors if _USER.fullmatch(author)})
    return dict(zip(ids, await asyncio.gather(*(_profile(user, chat) for user in ids)), strict=True))


def mentioned(text: str) -> set[str]:
    """Slack ids of the people whom `text` mentions."""
    return {match["user"] for match in _REFERENCE.finditer(text) if match["user"]}


def readable(text: str, names: Mapping[str, str]) -> str:
    """`text` with Slack's references as words: `<@U1>` is `@ana`, `<https://x|page>` is `page (https://x)`."""
    return _REFERENCE.sub(lambda match: _words(match, names), text) if "<" in text else text


def with_people(text: str) -> tuple[Inline, ...]:
    """`text` of the bot's own making as prose: `<@U1>` in it is a person."""
    parts: list[Inline] = []
    rest = 0
    for match in _MENTION.finditer(text):
        parts += [text[rest : match.start()], Person(match[1])]
        rest = match.end()
    return tuple(part for part in (*parts, text[rest:]) if part)


def mention(user: str) -> str:
    """A person in the text of an entry; nobody where there is none."""
    return f"<@{user}>" if user else "nobody"


def _words(match: re.Match[str], names: Mapping[str, str]) -> str:
    user, channel, special, url, label = match.groups("")
    if user:
        return f"@{names.get(user) or label or user}"
    if channel:
        return f"#{label or channel}"
    if special:
        return label or f"@{special}"
    return f"{label} ({url})" if label and label != url else url


async def _profile(user: str, chat: Chat) -> Profile:
    try:
        return await chat.profile(user)
    except IntegrationError:
        return Profile(user, user, team_id="", trusted=False)
