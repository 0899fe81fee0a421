"""What Slack's composer makes of the words a person types: escaped text and a rich_text block."""

import re
from collections.abc import Callable

from bot.demo.workspace.store import Store
from bot.demo.workspace.values import Json

_TYPED = re.compile(
    r"(?P<code>```.+?```|`[^`\n]+`)"
    r"|<@(?P<user_id>[UW][A-Z0-9]+)>"
    r"|<#(?P<channel_id>C[A-Z0-9]+)(?:\|[^>]*)?>"
    r"|(?P<url>https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"])"
    r"|(?<![\w/])@(?P<name>[a-z0-9][a-z0-9._-]*)"
    r"|(?<![\w/&])#(?P<channel>[a-z0-9][a-z0-9_-]*)",
    re.DOTALL,
)
_BROADCASTS = ("here", "channel", "everyone")
_TOKEN = re.compile(
    r"```\n?(?P<fence>.+?)\n?```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[@#!]?[^<>\s|][^<>|]*)(?:\|(?P<label>[^<>]*))?>"
    r"|(?<!\w)\*(?P<bold>[^*\s](?:[^*\n]*[^*\s])?)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^_\s](?:[^_\n]*[^_\s])?)_(?!\w)"
    r"|(?<!\w)~(?P<strike>[^~\s](?:[^~\n]*[^~\s])?)~(?!\w)",
    re.DOTALL,
)


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def typed_text(raw: str, store: Store, *, labels: bool = False) -> str:
    """Typed words as Slack stores them: `@ana` and `#ops` become references, the rest is escaped.

    `labels` adds the name to a user reference, as slash commands have it (`<@U1|ana>`).
    """
    done, parts = 0, []
    for match in _TYPED.finditer(raw):
        parts.append(escape(raw[done : match.start()]))
        parts.append(_reference(match, store, labels=labels))
        done = match.end()
    return "".join(parts) + escape(raw[done:])


def _reference(match: re.Match[str], store: Store, *, labels: bool) -> str:
    user = store.users.get(match["user_id"] or "") or store.users_by_name.get(match["name"] or "")
    if user is not None:
        return f"<@{user.id}|{user.name}>" if labels else f"<@{user.id}>"
    channel = store.channels.get(match["channel_id"] or "") or store.channels_by_name.get(match["channel"] or "")
    if channel is not None:
        return f"<#{channel.id}|{channel.name}>"
    if match["name"] in _BROADCASTS:
        return f"<!{match['name']}>"
    if match["name"] is not None and (group := store.group_by_handle(match["name"])) is not None:
        return f"<!subteam^{group.id}>"
    if match["url"]:
        return f"<{escape(match['url'])}>"
    return escape(match[0])


def rich_text(text: str, block_id: str) -> list[Json]:
    """The block that Slack adds to a person's message, from its escaped text."""
    elements: list[Json] = []
    section: list[Json] = []

    def flush() -> None:
        if section:
            elements.append({"type": "rich_text_section", "elements": section.copy()})
            section.clear()

    def plain(part: str) -> None:
        if part:
            section.append({"type": "text", "text": unescape(part)})

    done = 0
    for match in _TOKEN.finditer(text):
        plain(text[done : match.start()])
        done = match.end()
        if match["fence"] is not None:
            flush()
            code = {"type": "text", "text": unescape(match["fence"])}
            elements.append({"type": "rich_text_preformatted", "elements": [code], "border": 0})
        elif match["angle"] is not None:
            section.append(_angle(match["angle"], match["label"]))
        else:
            style = next(name for name in ("code", "bold", "italic", "strike") if match[name] is not None)
            section.append({"type": "text", "text": unescape(match[style]), "style": {style: True}})
    plain(text[done:])
    flush()
    return [{"type": "rich_text", "block_id": block_id, "elements": elements}]


def _angle(target: str, label: str | None) -> Json:
    make: dict[str, Callable[[str], Json]] = {
        "@": lambda user_id: {"type": "user", "user_id": user_id},
        "#": lambda channel_id: {"type": "channel", "channel_id": channel_id},
        "!": _special,
    }
    if target[0] in make:
        return make[target[0]](target[1:])
    link: Json = {"type": "link", "url": unescape(target)}
    return link | {"text": unescape(label)} if label else link


def _special(name: str) -> Json:
    if name.startswith("subteam^"):
        return {"type": "usergroup", "usergroup_id": name.removeprefix("subteam^")}
    return {"type": "broadcast", "range": name}
