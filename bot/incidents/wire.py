"""Messages as Slack writes them, in events and in exports: only what is read here, everything else is let be.

https://docs.slack.dev/reference/events/message has the shapes, https://docs.slack.dev/messaging/ the attachments and
blocks. A message of an export has its reactions in itself, and no history of its edits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.core.blocks import lines

Ts = Annotated[str, Field(pattern=r"^\d{1,12}\.\d{1,9}$")]
"""What Slack gives a message for a name: seconds since 1970, a point, and digits that make it unique."""


def _or_empty(value: object) -> object:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_or_empty)]
"""Slack leaves it out, or writes null."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Edited(_Shape):
    """That a message was edited, and when."""

    ts: Text = ""


class File(_Shape):
    """A file that was shared."""

    name: Text = ""
    title: Text = ""


class Reactions(_Shape):
    """A reaction of an export: its name and who reacted."""

    name: str
    users: tuple[str, ...] = ()


class Profile(_Shape):
    """What an export says beside a message of its author, or an app of itself."""

    name: Text = ""
    display_name: Text = ""
    real_name: Text = ""

    @property
    def shown(self) -> str:
        """The name that Slack shows."""
        return self.display_name or self.real_name or self.name


class Message(_Shape):
    """A message; `blocks` and `attachments` are read for their words only."""

    ts: Ts
    subtype: Text = ""
    user: Text = ""
    bot_id: Text = ""
    username: Text = ""
    text: Text = ""
    thread_ts: Text = ""
    files: tuple[File, ...] | None = None
    attachments: tuple[dict[str, Any], ...] | None = None
    blocks: tuple[dict[str, Any], ...] | None = None
    reactions: tuple[Reactions, ...] | None = None
    pinned_to: tuple[str, ...] | None = None
    edited: Edited | None = None
    user_profile: Profile | None = None
    bot_profile: Profile | None = None

    @property
    def name(self) -> str:
        """The name that it brings along, empty where it brings none."""
        profile = self.user_profile or self.bot_profile
        return self.username or (profile.shown if profile else "")

    @property
    def words(self) -> str:
        """Its text; of one that has none, as alerts often do, the words of its blocks and attachments."""
        if self.text.strip():
            return self.text.strip()
        return "\n".join(line for part in (*(self.blocks or ()), *(self.attachments or ())) for line in lines(part))


class Item(_Shape):
    """What was reacted to or pinned; a pin has its message inside."""

    ts: Text = ""
    message: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """The ts of the message."""
        return self.ts or str((self.message or {}).get("ts", ""))


class Event(_Shape):
    """An event of a channel; which fields it has depends on its type."""

    type: str
    subtype: Text = ""
    user: Text = ""
    reaction: Text = ""
    item: Item | None = None
    deleted_ts: Text = ""
    message: Message | None = None


class User(_Shape):
    """Somebody, as a transcript or an export knows them."""

    id: str = ""
    name: Text = ""
    tz: Text = ""
    is_bot: bool = False
    real_name: Text = ""
    profile: Profile | None = None

    @property
    def shown(self) -> str:
        """The name that people see."""
        return (self.profile.shown if self.profile else "") or self.name or self.real_name or self.id
