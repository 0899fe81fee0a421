"""What Slack sends, as far as the bot reads it; anything else in a payload is left aside."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Inbound(BaseModel):
    """Base of all payloads; a fault in one raises `pydantic.ValidationError`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, payload: object) -> object:
        if isinstance(payload, dict) and None in payload.values():
            return {key: value for key, value in payload.items() if value is not None}
        return payload


class WalkedView(Inbound):
    """A view as far as Bolt walks through it."""

    type: str
    callback_id: str = ""


class WalkedAction(Inbound):
    """A click as far as Bolt walks through it."""

    action_id: str


class Walked(Inbound):
    """What Bolt walks through before a listener sees the payload, and trips over when it has another shape."""

    type: str = ""
    callback_id: str = ""
    team: dict[str, Any] | str = ""
    user: dict[str, Any] | str = ""
    channel: dict[str, Any] | str = ""
    enterprise: dict[str, Any] | str = ""
    event: Walked | None = None
    message: Walked | None = None
    previous_message: Walked | None = None
    item: Walked | None = None
    view: WalkedView | None = None
    authorizations: tuple[Walked, ...] = ()
    actions: tuple[WalkedAction, ...] | None = Field(None, min_length=1)
    response_urls: tuple[dict[str, Any], ...] = ()


class SlashCommand(Inbound):
    """A slash command; `text` has Slack's entities in it (`&lt;`, `<@U1|ana>`)."""

    command: str
    text: str = ""
    team_id: str
    user_id: str
    channel_id: str
    trigger_id: str
    response_url: str


class Ref(Inbound):
    """The id of a user, a channel or a team; `team_id` is the user's own team."""

    id: str
    team_id: str = ""


class Action(Inbound):
    """One click: `action_id` names the verb, `value` the row."""

    action_id: str
    value: str = ""


class Container(Inbound):
    """Where the clicked block stands; empty for what is not a message."""

    message_ts: str = ""
    thread_ts: str = ""


class Clicked(Inbound):
    """A click on a block; one on App Home has neither channel nor response_url."""

    user: Ref
    trigger_id: str
    actions: tuple[Action, ...] = Field(min_length=1)
    channel: Ref = Ref(id="")
    container: Container = Container()
    response_url: str = ""


class Chosen(Inbound):
    """A shortcut that was chosen in the menu of a message; Slack gives its user without a team."""

    callback_id: str
    trigger_id: str
    user: Ref
    team: Ref
    channel: Ref
    message: Container
    message_ts: str
    response_url: str = ""


class State(Inbound):
    """What was filled in: by block, then by action, then as Slack describes the element."""

    values: dict[str, dict[str, dict[str, Any]]] = {}


class View(Inbound):
    """A modal as it was submitted."""

    id: str
    private_metadata: str = ""
    state: State = State()


class Submitted(Inbound):
    """A modal that was sent off."""

    user: Ref
    view: View
    trigger_id: str = ""


class Mention(Inbound):
    """The event `app_mention`."""

    user: str
    channel: str
    ts: str
    text: str = ""
    thread_ts: str = ""
    team: str = ""
    bot_id: str = ""


class HomeOpened(Inbound):
    """The event `app_home_opened`."""

    user: str
    tab: str = "home"


class File(Inbound):
    """A file of a message."""

    name: str = ""
    title: str = ""
    permalink: str = ""


class BotProfile(Inbound):
    """The app that posted."""

    name: str = ""


class Edited(Inbound):
    """When a message was edited last."""

    ts: str


class Reacted(Inbound):
    """A reaction as the history shows it; of many people `users` may have some only."""

    name: str
    users: tuple[str, ...] = ()
    count: int = 0


class Posted(Inbound):
    """A message, in an event or in the history; `reply_count` and `reactions` are in the history only."""

    ts: str
    user: str = ""
    text: str = ""
    subtype: str = ""
    thread_ts: str = ""
    bot_id: str = ""
    username: str = ""
    bot_profile: BotProfile = BotProfile()
    edited: Edited | None = None
    files: tuple[File, ...] = ()
    blocks: tuple[dict[str, Any], ...] = ()
    attachments: tuple[dict[str, Any], ...] = ()
    reply_count: int = 0
    reactions: tuple[Reacted, ...] = ()


class MessageEvent(Posted):
    """The event `message` with all its subtypes; a change carries the message as it is and as it was."""

    channel: str
    event_ts: str
    deleted_ts: str = ""
    message: Posted | None = None
    previous_message: Posted | None = None


class Item(Inbound):
    """What a reaction or a pin is on; other things than messages are files."""

    type: str = ""
    channel: str = ""
    ts: str = ""
    message: Posted | None = None


class Pinned(Inbound):
    """A pin as `pins.list` has it; `created` in seconds, `message` absent for a file."""

    created: int = 0
    created_by: str = ""
    message: Posted | None = None


class Joined(Inbound):
    """The event `member_joined_channel`."""

    user: str
    channel: str


class ReactionEvent(Inbound):
    """The events `reaction_added` and `reaction_removed`."""

    type: str
    user: str
    reaction: str
    item: Item
    event_ts: str


class PinEvent(Inbound):
    """The events `pin_added` and `pin_removed`."""

    type: str
    user: str
    channel_id: str
    item: Item
    event_ts: str


Recordable = MessageEvent | ReactionEvent | PinEvent
"""What the record takes."""

RECORDED: dict[str, type[Recordable | Joined]] = {
    "message": MessageEvent,
    "member_joined_channel": Joined,
    "reaction_added": ReactionEvent,
    "reaction_removed": ReactionEvent,
    "pin_added": PinEvent,
    "pin_removed": PinEvent,
}
"""The events that carry it, or that say when it is to be read, by type."""
