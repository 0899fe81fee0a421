"""What a person sees: snapshots of messages and views."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bot.demo.workspace.inputs import elements, label
from bot.demo.workspace.objects import message_blocks
from bot.demo.workspace.plain import Plain
from bot.demo.workspace.records import Message, User
from bot.demo.workspace.store import Store
from bot.demo.workspace.surfaces import View
from bot.demo.workspace.values import Json


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as one person saw it at one moment; `channel` and `user` are ids, `ts` names it for good."""

    channel: str
    ts: str
    thread_ts: str | None
    user: str
    text: str
    blocks: list[Json]
    ephemeral: bool
    edited: bool
    deleted: bool
    metadata: Json | None
    files: tuple[str, ...]
    reactions: Mapping[str, tuple[str, ...]]
    pinned: bool
    _plain: Callable[[], str] = field(repr=False)

    def plain(self) -> str:
        """Everything that a reader can see on it, as one text."""
        return self._plain()

    def buttons(self) -> list[str]:
        """The words on its buttons."""
        return [label(block, element) for block, element in elements(self.blocks) if element["type"] == "button"]

    def actions(self) -> list[str]:
        """The action ids of its interactive elements."""
        return [element["action_id"] for _, element in elements(self.blocks) if "action_id" in element]


@dataclass(frozen=True, slots=True)
class SeenView:
    """A modal or Home as one person saw it at one moment; `errors` are the words shown at its inputs."""

    id: str
    title: str
    submit: str
    callback_id: str
    private_metadata: str
    blocks: list[Json]
    values: Mapping[str, Json]
    errors: Mapping[str, str]
    hash: str
    _plain: Callable[[], str] = field(repr=False)

    def plain(self) -> str:
        """Everything that a reader can see on it, as one text."""
        return self._plain()

    def buttons(self) -> list[str]:
        """The words on its buttons, submit not among them."""
        return [label(block, element) for block, element in elements(self.blocks) if element["type"] == "button"]


def look(message: Message, store: Store, viewer: User) -> Seen:
    """A message as this person sees it now."""
    blocks = message_blocks(message) or []
    files = tuple(file.title for file in message.files)
    channel = store.channels[message.channel]
    return Seen(
        channel=message.channel,
        ts=message.ts,
        thread_ts=message.thread_ts,
        user=message.user,
        text=message.text,
        blocks=blocks,
        ephemeral=message.seen_by is not None,
        edited=message.edited_ts is not None,
        deleted=message.deleted,
        metadata=message.metadata,
        files=files,
        reactions={name: tuple(users) for name, users in message.reactions.items()},
        pinned=any(pin.ts == message.ts for pin in channel.pins),
        _plain=partial(Plain(store, viewer).message, message.text, blocks, message.attachments, files),
    )


def look_at_view(view: View, store: Store, viewer: User) -> SeenView:
    """A view as this person sees it now."""
    body = view.body
    return SeenView(
        id=view.id,
        title=body["title"]["text"] if body.get("title") else "",
        submit=body["submit"]["text"] if body.get("submit") else "",
        callback_id=body.get("callback_id", ""),
        private_metadata=body.get("private_metadata", ""),
        blocks=body["blocks"],
        values=view.state,
        errors=dict(view.errors),
        hash=view.hash,
        _plain=partial(_plain_view, body, dict(view.errors), Plain(store, viewer)),
    )


def _plain_view(body: Json, errors: Mapping[str, str], plain: Plain) -> str:
    ends = [f"[{body[key]['text']}]" for key in ("submit", "close") if body.get(key)]
    title = body["title"]["text"] if body.get("title") else ""
    parts = [title, plain.blocks(body["blocks"]), *errors.values(), " ".join(ends)]
    return "\n".join(part for part in parts if part)
