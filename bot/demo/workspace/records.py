"""What a workspace holds: people, channels, messages, files, bookmarks and user groups."""

from dataclasses import dataclass, field

from bot.demo.workspace.values import Json


@dataclass(frozen=True, slots=True)
class Identity:
    """The workspace and the one app that is installed in it, with its secrets."""

    team_id: str
    team_name: str
    app_id: str
    bot_id: str
    bot_user_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    control_token: str
    verification_token: str


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot user; `tz` is an IANA name, `bot_id` is set for bot users."""

    id: str
    name: str
    team_id: str
    real_name: str
    email: str
    tz: str = "UTC"
    restricted: bool = False
    admin: bool = False
    deleted: bool = False
    bot_id: str | None = None
    app_id: str | None = None


@dataclass(slots=True, eq=False)
class File:
    """An uploaded file; `complete` turns true when it was shared."""

    id: str
    name: str
    title: str
    user: str
    created: int
    length: int
    content: bytes = b""
    complete: bool = False
    alt: str = ""
    channels: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Message:
    """A message as it stands now.

    `text` is entity-escaped. `blocks` is None for what a person typed: Slack makes its rich text from the text.
    `seen_by` names the one person who sees an ephemeral message. `reactions` maps an emoji to the users in order.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] | None = None
    thread_ts: str | None = None
    subtype: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    seen_by: str | None = None
    edited_ts: str | None = None
    edited_by: str | None = None
    deleted: bool = False
    broadcast: bool = False
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(slots=True, eq=False)
class Pin:
    """A message pinned to its channel."""

    ts: str
    user: str
    created: int


@dataclass(slots=True, eq=False)
class Bookmark:
    """A link in the head of a channel."""

    id: str
    channel: str
    title: str
    link: str
    emoji: str
    created: int
    updated: int


@dataclass(slots=True, eq=False)
class Canvas:
    """A document in Markdown; `tab_of` is the channel whose own canvas it is, `readers` the channels that read it."""

    id: str
    title: str
    markdown: str
    tab_of: str = ""
    readers: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Label:
    """A topic or purpose, with who set it when."""

    value: str = ""
    creator: str = ""
    last_set: int = 0


@dataclass(slots=True, eq=False)
class Channel:
    """A conversation: `kind` is channel, group (private), im or mpim.

    `timeline` holds the top-level timestamps in order, `threads` the reply timestamps of each parent.
    """

    id: str
    name: str
    kind: str
    creator: str
    created: int
    members: dict[str, None] = field(default_factory=dict)
    topic: Label = field(default_factory=Label)
    purpose: Label = field(default_factory=Label)
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    threads: dict[str, list[str]] = field(default_factory=dict)
    pins: list[Pin] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        """Whether only members can see it."""
        return self.kind != "channel"


@dataclass(slots=True, eq=False)
class UserGroup:
    """A user group such as @oncall."""

    id: str
    handle: str
    name: str
    created: int
    members: list[str] = field(default_factory=list)
