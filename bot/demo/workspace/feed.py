"""Everything that happens to messages: it is stored, shown to whoever waits, and told to the app."""

from typing import TypedDict, Unpack

from bot.demo.workspace.announcer import Announcer
from bot.demo.workspace.objects import message_json, permalink
from bot.demo.workspace.records import Channel, File, Message, Pin, User
from bot.demo.workspace.store import SLACKBOT, Store
from bot.demo.workspace.values import Json, SlackError


class Content(TypedDict, total=False):
    """What a message can carry besides its text."""

    blocks: list[Json] | None
    attachments: list[Json]
    thread_ts: str | None
    subtype: str | None
    metadata: Json | None
    files: list[File]
    broadcast: bool


class Feed:
    """Posts, edits, deletes, reacts and pins on behalf of a user, with the events that Slack raises for it."""

    def __init__(self, *, store: Store, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer

    def post(self, channel: Channel, user: User, text: str, **content: Unpack[Content]) -> Message:
        """Posts a message and tells the app: a `message` event, and `app_mention` when it is addressed."""
        message = self._message(channel, user, text, content)
        self._store.add_message(message)
        self._announcer.changed(message)
        event = message_json(message, self._store, metadata=True)
        self._announcer.message(event, channel)
        mention = f"<@{self._store.bot.id}>"
        if mention in text and user is not self._store.bot and message.subtype is None and channel.kind != "im":
            self._announcer.mention(event, channel)
        return message

    def whisper(self, channel: Channel, user: User, text: str, *, to: str, **content: Unpack[Content]) -> Message:
        """Shows a message to one person only; the app gets no event for it."""
        message = self._message(channel, user, text, content)
        message.seen_by = to
        self._store.add_message(message)
        self._announcer.changed(message)
        return message

    def notice(self, channel: Channel, text: str, *, to: str) -> Message:
        """What Slack itself tells one person, such as that the app did not answer."""
        return self.whisper(channel, self._store.users[SLACKBOT], text, to=to)

    def _message(self, channel: Channel, user: User, text: str, content: Content) -> Message:
        content["blocks"] = self._named(content.get("blocks"))
        return Message(
            channel.id, self._store.ids.ts(), user.id, text, bot_id=user.bot_id, app_id=user.app_id, **content
        )

    def _named(self, blocks: list[Json] | None) -> list[Json] | None:
        """The blocks with a block_id each, as Slack gives one to those that have none."""
        return blocks and [{"block_id": self._store.ids.new("b"), **block} for block in blocks]

    def revise(self, message: Message, *, by: str, text: str, content: Content) -> None:
        """Changes a message; the event has the old message as `previous_message`."""
        before = message_json(message, self._store)
        message.text = text
        if "blocks" in content:
            message.blocks = self._named(content["blocks"])
        message.attachments = content.get("attachments", message.attachments)
        message.metadata = content.get("metadata", message.metadata)
        if message.seen_by is None:
            message.edited_ts, message.edited_by = self._store.ids.ts(), by
        self._changed(message, before)

    def unfurl(self, message: Message, attachments: list[Json]) -> None:
        """Adds link previews: Slack raises message_changed for it although nobody edited the text."""
        before = message_json(message, self._store)
        message.attachments = attachments
        self._changed(message, before)

    def _changed(self, message: Message, before: Json) -> None:
        self._announcer.changed(message)
        if message.seen_by is None:
            after = message_json(message, self._store, metadata=True)
            self._announcer.hidden(
                "message_changed", self._store.channels[message.channel], {"message": after, "previous_message": before}
            )

    def remove(self, message: Message) -> None:
        """Deletes a message; a parent with replies becomes a tombstone, which is an edit in Slack's events."""
        before = message_json(message, self._store)
        self._store.drop_message(message)
        if message.seen_by is not None:
            self._announcer.changed(message)
            return
        channel = self._store.channels[message.channel]
        if message.ts in channel.messages:
            message.subtype, message.text, message.blocks = "tombstone", "This message was deleted.", []
            message.user, message.bot_id, message.app_id = SLACKBOT, None, None
            message.files, message.attachments, message.metadata = [], [], None
            message.reactions.clear()
            self._changed(message, before)
            return
        self._announcer.changed(message)
        self._announcer.hidden("message_deleted", channel, {"previous_message": before, "deleted_ts": message.ts})

    def drop_file(self, file: File) -> None:
        """Takes a deleted file off the messages that share it; those that say nothing else go with it."""
        for channel in file.channels:
            for message in [each for each in self._store.channels[channel].messages.values() if file in each.files]:
                message.files.remove(file)
                if message.text or message.files:
                    self._announcer.changed(message)
                else:
                    self.remove(message)

    def react(self, message: Message, user: User, name: str) -> None:
        """Adds an emoji, or `already_reacted`."""
        users = message.reactions.setdefault(name, [])
        if user.id in users:
            raise SlackError("already_reacted")
        users.append(user.id)
        self._reaction("reaction_added", message, user, name)

    def unreact(self, message: Message, user: User, name: str) -> None:
        """Takes an emoji back, or `no_reaction`."""
        users = message.reactions.get(name, [])
        if user.id not in users:
            raise SlackError("no_reaction")
        users.remove(user.id)
        if not users:
            del message.reactions[name]
        self._reaction("reaction_removed", message, user, name)

    def _reaction(self, kind: str, message: Message, user: User, name: str) -> None:
        self._announcer.changed(message)
        event: Json = {
            "type": kind,
            "user": user.id,
            "reaction": name,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "item_user": message.user,
        }
        self._announcer.event(event, self._store.channels[message.channel], scope="reactions:read")

    def pin(self, message: Message, user: User) -> None:
        """Pins a message to its channel, or `already_pinned`."""
        channel = self._store.channels[message.channel]
        if any(pin.ts == message.ts for pin in channel.pins):
            raise SlackError("already_pinned")
        pin = Pin(message.ts, user.id, self._store.ids.now())
        channel.pins.append(pin)
        info = {"channel": channel.id, "pinned_by": user.id, "pinned_ts": pin.created}
        self._pinned(pin, message, user, {"type": "pin_added", "pinned_info": info})

    def unpin(self, message: Message, user: User) -> None:
        """Takes the pin off, or `no_pin`."""
        channel = self._store.channels[message.channel]
        pin = next((pin for pin in channel.pins if pin.ts == message.ts), None)
        if pin is None:
            raise SlackError("no_pin")
        channel.pins.remove(pin)
        self._pinned(pin, message, user, {"type": "pin_removed", "has_pins": bool(channel.pins)})

    def _pinned(self, pin: Pin, message: Message, user: User, event: Json) -> None:
        self._announcer.changed(message)
        channel = self._store.channels[message.channel]
        event |= {
            "user": user.id,
            "channel_id": channel.id,
            "item": self.pinned_item(pin, message),
            "item_user": message.user,
            "pin_count": len(channel.pins),
        }
        self._announcer.event(event, channel, scope="pins:read")

    def pinned_item(self, pin: Pin, message: Message) -> Json:
        """A pinned message as pins.list and the pin events have it."""
        body = message_json(message, self._store) | {
            "pinned_to": [message.channel],
            "permalink": permalink(message, self._store.base_url),
        }
        return {
            "type": "message",
            "created": pin.created,
            "created_by": pin.user,
            "channel": message.channel,
            "message": body,
        }
