"""The workspace's records by id and by name."""

from bot.demo.workspace.ids import Ids
from bot.demo.workspace.records import Canvas, Channel, File, Identity, Message, User, UserGroup
from bot.demo.workspace.values import SlackError

SLACKBOT = "USLACKBOT"
# A real client forgets ephemeral messages when it reloads; this bounds what one person's view keeps.
EPHEMERALS_KEPT = 1000


class Store:
    """Holds the records; it announces nothing (that is `Feed`)."""

    def __init__(self, *, ids: Ids, identity: Identity, base_url: str, scopes: set[str]) -> None:
        self.ids = ids
        self.identity = identity
        self.base_url = base_url
        self.scopes = scopes
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, UserGroup] = {}
        self.files: dict[str, File] = {}
        self.canvases: dict[str, Canvas] = {}
        self.ephemerals: dict[tuple[str, str], dict[str, Message]] = {}
        self.users_by_name: dict[str, User] = {}
        self.channels_by_name: dict[str, Channel] = {}
        self._direct: dict[frozenset[str], Channel] = {}
        self.bot = self.add_user(
            User(
                id=identity.bot_user_id,
                name="opsbot",
                team_id=identity.team_id,
                real_name="opsbot",
                email="",
                bot_id=identity.bot_id,
                app_id=identity.app_id,
            )
        )
        self.add_user(User(id=SLACKBOT, name="slackbot", team_id=identity.team_id, real_name="Slackbot", email=""))

    def add_user(self, user: User) -> User:
        """Takes in a person or bot user."""
        self.users[user.id] = self.users_by_name[user.name] = user
        return user

    def user(self, user_id: str) -> User:
        """The user of an id, or `user_not_found`."""
        try:
            return self.users[user_id]
        except KeyError:
            raise SlackError("user_not_found") from None

    def add_channel(self, *, name: str, kind: str, creator: str) -> Channel:
        """Makes an empty conversation with its creator in it."""
        prefix = "D" if kind == "im" else "C"
        channel = Channel(
            id=self.ids.new(prefix),
            name=name,
            kind=kind,
            creator=creator,
            created=self.ids.now(),
            members={creator: None},
        )
        self.channels[channel.id] = channel
        if name:
            self.channels_by_name[name] = channel
        return channel

    def rename_channel(self, channel: Channel, name: str) -> None:
        """Gives a channel its new name; the old one is free again."""
        del self.channels_by_name[channel.name]
        channel.name = name
        self.channels_by_name[name] = channel

    def direct(self, *user_ids: str) -> Channel:
        """The direct conversation of these users, made at the first asking."""
        key = frozenset(user_ids)
        channel = self._direct.get(key)
        if channel is None:
            kind = "im" if len(key) <= 2 else "mpim"  # noqa: PLR2004 - two people have a direct message, more a group one
            name = "" if kind == "im" else "mpdm-" + "--".join(self.users[u].name for u in user_ids) + "-1"
            channel = self._direct[key] = self.add_channel(name=name, kind=kind, creator=user_ids[0])
            channel.members.update(dict.fromkeys(user_ids))
        return channel

    def add_message(self, message: Message) -> None:
        """Puts a message in its place: timeline, thread, or one person's view."""
        if message.seen_by is not None:
            kept = self.ephemerals.setdefault((message.channel, message.seen_by), {})
            kept[message.ts] = message
            if len(kept) > EPHEMERALS_KEPT:
                del kept[next(iter(kept))]
            return
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.is_reply:
            channel.threads.setdefault(str(message.thread_ts), []).append(message.ts)
        if not message.is_reply or message.broadcast:
            channel.timeline.append(message.ts)

    def drop_message(self, message: Message) -> None:
        """Removes a message; a parent that has replies stays as a tombstone."""
        message.deleted = True
        if message.seen_by is not None:
            self.ephemerals.get((message.channel, message.seen_by), {}).pop(message.ts, None)
            return
        channel = self.channels[message.channel]
        channel.pins = [pin for pin in channel.pins if pin.ts != message.ts]
        if channel.threads.get(message.ts):
            return
        del channel.messages[message.ts]
        if message.is_reply:
            channel.threads[str(message.thread_ts)].remove(message.ts)
        if not message.is_reply or message.broadcast:
            channel.timeline.remove(message.ts)

    def message(self, channel: Channel, ts: str) -> Message:
        """A message that stands in a channel, or `message_not_found`."""
        message = channel.messages.get(ts)
        if message is None or message.deleted:
            raise SlackError("message_not_found")
        return message

    def group_by_handle(self, handle: str) -> UserGroup | None:
        """The user group that is mentioned by this handle."""
        return next((group for group in self.groups.values() if group.handle == handle), None)

    def replies(self, message: Message) -> list[Message]:
        """The replies below a message, oldest first."""
        channel = self.channels[message.channel]
        return [channel.messages[ts] for ts in channel.threads.get(message.ts, ())]
