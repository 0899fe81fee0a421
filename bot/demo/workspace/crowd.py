"""Everything that happens to channels: made, joined, left, named, archived, with the events of each."""

from typing import Literal

from bot.demo.workspace.announcer import SCOPE_WORDS, Announcer
from bot.demo.workspace.feed import Feed
from bot.demo.workspace.records import Channel, Label, User
from bot.demo.workspace.store import Store
from bot.demo.workspace.values import Json, SlackError


class Crowd:
    """Changes channels on behalf of a user, with the grey lines and events that Slack makes of it."""

    def __init__(self, *, store: Store, feed: Feed, announcer: Announcer) -> None:
        self._store = store
        self._feed = feed
        self._announcer = announcer

    def create(self, name: str, creator: User, *, private: bool) -> Channel:
        """Makes a channel with its creator in it."""
        channel = self._store.add_channel(name=name, kind="group" if private else "channel", creator=creator.id)
        self._feed.post(channel, creator, f"<@{creator.id}> has joined the channel", subtype=_joined(channel))
        if not private:
            body = {"id": channel.id, "name": name, "created": channel.created, "creator": creator.id}
            self._tell(channel, {"type": "channel_created", "channel": body}, outside=True)
        return channel

    def join(self, channel: Channel, user: User, *, inviter: User | None = None) -> None:
        """Adds a member, or `already_in_channel`."""
        if user.id in channel.members:
            raise SlackError("already_in_channel")
        channel.members[user.id] = None
        self._feed.post(channel, user, f"<@{user.id}> has joined the channel", subtype=_joined(channel))
        event: Json = self._membership("member_joined_channel", channel, user)
        self._tell(channel, event | ({"inviter": inviter.id} if inviter is not None else {}))

    def leave(self, channel: Channel, user: User) -> None:
        """Takes a member out, or `not_in_channel`; the bot hears of its own leaving, and of nothing after it."""
        if user.id not in channel.members:
            raise SlackError("not_in_channel")
        self._feed.post(channel, user, f"<@{user.id}> has left the channel", subtype=_joined(channel, "leave"))
        self._tell(channel, self._membership("member_left_channel", channel, user))
        del channel.members[user.id]

    def label(self, channel: Channel, user: User, what: Literal["topic", "purpose"], text: str) -> None:
        """Sets the `topic` or the `purpose`."""
        label = Label(text, user.id, self._store.ids.now())
        if what == "topic":
            channel.topic = label
        else:
            channel.purpose = label
        self._feed.post(channel, user, f"<@{user.id}> set the channel {what}: {text}", subtype=f"{channel.kind}_{what}")

    def rename(self, channel: Channel, user: User, name: str) -> None:
        """Gives a channel another name."""
        old = channel.name
        self._store.rename_channel(channel, name)
        text = f'<@{user.id}> has renamed the channel from "{old}" to "{name}"'
        self._feed.post(channel, user, text, subtype=f"{channel.kind}_name")
        body = {"id": channel.id, "name": name, "created": channel.created}
        self._tell(channel, {"type": f"{channel.kind}_rename", "channel": body})

    def archive(self, channel: Channel, user: User) -> None:
        """Closes a channel for good."""
        self._feed.post(channel, user, f"<@{user.id}> archived the channel", subtype=f"{channel.kind}_archive")
        channel.archived = True
        self._tell(channel, {"type": f"{channel.kind}_archive", "channel": channel.id, "user": user.id})

    def unarchive(self, channel: Channel, user: User) -> None:
        """Opens an archived channel again."""
        channel.archived = False
        self._tell(channel, {"type": f"{channel.kind}_unarchive", "channel": channel.id, "user": user.id})

    def _membership(self, kind: str, channel: Channel, user: User) -> Json:
        letter = "C" if channel.kind == "channel" else "G"
        return {"type": kind, "user": user.id, "channel": channel.id, "channel_type": letter, "team": user.team_id}

    def _tell(self, channel: Channel, event: Json, *, outside: bool = False) -> None:
        self._announcer.changed(channel)
        scope = f"{SCOPE_WORDS[channel.kind]}:read"
        self._announcer.event(event, None if outside else channel, scope=scope)


def _joined(channel: Channel, verb: str = "join") -> str:
    return f"{channel.kind}_{verb}"
