"""The shapes of Slack's payloads, written from its documentation, and the check that holds ours to them.

A shape is a type, a tuple of alternatives, a list of one shape, or a dict; a key that ends in `?` may be absent, and
the key `*` stands for any other. No other key may be there. A string that starts with `=` is that very string.
"""

from bot.demo.workspace.values import Json

ANY = object
NONE = type(None)
OPTIONAL_TEXT = (str, NONE)
TEXT = {"type": str, "text": str, "emoji?": bool, "verbatim?": bool}
BLOCK = {"type": str, "*": ANY}

# https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling
COMMAND = {
    "token": str,
    "team_id": str,
    "team_domain": str,
    "channel_id": str,
    "channel_name": str,
    "user_id": str,
    "user_name": str,
    "command": str,
    "text": str,
    "api_app_id": str,
    "is_enterprise_install": "=false",
    "response_url": str,
    "trigger_id": str,
}

BOT_PROFILE = {
    "id": str,
    "app_id": OPTIONAL_TEXT,
    "user_id": str,
    "name": str,
    "deleted": bool,
    "updated": int,
    "icons": dict,
    "team_id": str,
}
FILE = {"id": str, "name": str, "title": str, "mimetype": str, "size": int, "url_private": str, "user": str, "*": ANY}
REACTION = {"name": str, "users": [str], "count": int}
EDITED = {"user": str, "ts": str}
METADATA = {"event_type": str, "event_payload": dict}

# https://docs.slack.dev/reference/events/message
MESSAGE = {
    "type": "=message",
    "subtype?": str,
    "user": str,
    "text": str,
    "ts": str,
    "team": str,
    "client_msg_id?": str,
    "bot_id?": str,
    "app_id?": OPTIONAL_TEXT,
    "bot_profile?": BOT_PROFILE,
    "blocks?": [BLOCK],
    "attachments?": [dict],
    "files?": [FILE],
    "upload?": bool,
    "edited?": EDITED,
    "reactions?": [REACTION],
    "metadata?": METADATA,
    "thread_ts?": str,
    "parent_user_id?": str,
    "reply_count?": int,
    "reply_users_count?": int,
    "latest_reply?": str,
    "reply_users?": [str],
    "is_locked?": bool,
    "subscribed?": bool,
}
IN_CHANNEL = {"channel": str, "event_ts": str, "channel_type": ("=channel", "=group", "=im", "=mpim")}
HIDDEN = {"type": "=message", "subtype": str, "hidden": bool, "ts": str, "previous_message": MESSAGE} | IN_CHANNEL
ITEM = {"type": "=message", "channel": str, "ts": str}
REACTED = {"user": str, "reaction": str, "item": ITEM, "item_user": str, "event_ts": str}
PINNED = {
    "user": str,
    "channel_id": str,
    "item": {
        "type": "=message",
        "created": int,
        "created_by": str,
        "channel": str,
        "message": MESSAGE | {"pinned_to": [str], "permalink": str},
    },
    "item_user": str,
    "pin_count": int,
    "event_ts": str,
}
MEMBER = {"user": str, "channel": str, "channel_type": ("=C", "=G"), "team": str, "event_ts": str}
RENAMED = {"channel": {"id": str, "name": str, "created": int}, "event_ts": str}
ARCHIVED = {"channel": str, "user": str, "event_ts": str}

VIEW = {
    "id": str,
    "team_id": str,
    "type": ("=modal", "=home"),
    "blocks": [BLOCK],
    "private_metadata": str,
    "callback_id": str,
    "external_id": str,
    "state": {"values": dict},
    "hash": str,
    "title?": (TEXT, NONE),
    "submit?": (TEXT, NONE),
    "close?": (TEXT, NONE),
    "clear_on_close": bool,
    "notify_on_close": bool,
    "previous_view_id": OPTIONAL_TEXT,
    "root_view_id": str,
    "app_id": str,
    "app_installed_team_id": str,
    "bot_id": str,
}

# https://docs.slack.dev/reference/events, by the event's type, or by subtype for messages about messages
EVENTS: dict[str, Json] = {
    "message": MESSAGE | IN_CHANNEL,
    "message_changed": HIDDEN | {"message": MESSAGE},
    "message_deleted": HIDDEN | {"deleted_ts": str},
    "app_mention": MESSAGE | {"type": "=app_mention", "channel": str, "event_ts": str},
    "reaction_added": {"type": "=reaction_added"} | REACTED,
    "reaction_removed": {"type": "=reaction_removed"} | REACTED,
    "pin_added": {
        "type": "=pin_added",
        "pinned_info": {"channel": str, "pinned_by": str, "pinned_ts": int},
        **PINNED,
    },
    "pin_removed": {"type": "=pin_removed", "has_pins": bool, **PINNED},
    "member_joined_channel": {"type": "=member_joined_channel", "inviter?": str, **MEMBER},
    "member_left_channel": {"type": "=member_left_channel", **MEMBER},
    "channel_created": {
        "type": "=channel_created",
        "channel": {"id": str, "name": str, "created": int, "creator": str},
        "event_ts": str,
    },
    "channel_rename": {"type": "=channel_rename", **RENAMED},
    "group_rename": {"type": "=group_rename", **RENAMED},
    "channel_archive": {"type": "=channel_archive", **ARCHIVED},
    "group_archive": {"type": "=group_archive", **ARCHIVED},
    "channel_unarchive": {"type": "=channel_unarchive", **ARCHIVED},
    "app_home_opened": {
        "type": "=app_home_opened",
        "user": str,
        "channel": str,
        "tab": "=home",
        "view?": VIEW,
        "event_ts": str,
    },
}

# https://docs.slack.dev/apis/events-api#callback-field
CALLBACK = {
    "token": str,
    "team_id": str,
    "context_team_id": str,
    "context_enterprise_id": NONE,
    "api_app_id": str,
    "event": ANY,
    "type": "=event_callback",
    "event_id": str,
    "event_time": int,
    "authorizations": [
        {"enterprise_id": NONE, "team_id": str, "user_id": str, "is_bot": bool, "is_enterprise_install": bool}
    ],
    "is_ext_shared_channel": bool,
    "event_context": str,
}

INTERACTION = {
    "team": {"id": str, "domain": str},
    "user": {"id": str, "username": str, "name": str, "team_id": str},
    "token": str,
    "enterprise": NONE,
    "is_enterprise_install": bool,
    "trigger_id": str,
}
CHANNEL = {"id": str, "name": str}
ACTION = {"action_id": str, "block_id": str, "type": str, "action_ts": str, "*": ANY}
ON_MESSAGE = {"type": "=message", "message_ts": str, "channel_id": str, "is_ephemeral": bool, "thread_ts?": str}
IN_VIEW = {"type": "=view", "view_id": str}

# https://docs.slack.dev/reference/interaction-payloads
INTERACTIONS: dict[str, Json] = {
    "block_actions": {
        "type": "=block_actions",
        "api_app_id": str,
        "container": (ON_MESSAGE, IN_VIEW),
        "channel?": CHANNEL,
        "message?": MESSAGE,
        "view?": VIEW,
        "state": {"values": dict},
        "response_url?": str,
        "actions": [ACTION],
        **INTERACTION,
    },
    "shortcut": {"type": "=shortcut", "callback_id": str, "action_ts": str, **INTERACTION},
    "message_action": {
        "type": "=message_action",
        "callback_id": str,
        "action_ts": str,
        "channel": CHANNEL,
        "message_ts": str,
        "message": MESSAGE,
        "response_url": str,
        **INTERACTION,
    },
    "view_submission": {
        "type": "=view_submission",
        "api_app_id": str,
        "view": VIEW,
        "response_urls": list,
        **INTERACTION,
    },
    "view_closed": {
        "type": "=view_closed",
        "api_app_id": str,
        "view": VIEW,
        "is_cleared": bool,
        **{key: shape for key, shape in INTERACTION.items() if key != "trigger_id"},
    },
}


class Shapes:
    """Collects what is wrong with the payloads it is shown, and which kinds it has seen."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.seen: dict[str, Json] = {}

    def check(self, kind: str, payload: Json) -> None:
        """Holds a payload against its table."""
        if kind == "slash_commands":
            self._hold("command", payload, COMMAND)
        elif kind == "interactive":
            self._hold(payload["type"], payload, INTERACTIONS[payload["type"]])
        elif payload["type"] == "event_callback":
            self._hold("event_callback", payload, CALLBACK)
            event = payload["event"]
            subtype: str = event.get("subtype", "")
            name = subtype if subtype.startswith("message_") else event["type"]
            self._hold(name, event, EVENTS[name])

    def _hold(self, name: str, payload: Json, shape: object) -> None:
        self.seen.setdefault(name, payload)
        self.faults += mismatches(payload, shape, name)


def mismatches(value: object, shape: object, where: str) -> list[str]:
    """What is wrong with a value, each with its place."""
    if isinstance(shape, tuple):
        found = [mismatches(value, one, where) for one in shape]
        return min(found, key=len)
    if isinstance(shape, str):
        return [] if value == shape[1:] else [f"{where}: {value!r} is not {shape[1:]!r}"]
    if isinstance(shape, type):
        # bool is an int to Python, not to JSON
        fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
        return [] if fits else [f"{where}: {value!r} is no {shape.__name__}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [fault for one in value for fault in mismatches(one, shape[0], f"{where}[]")]
    assert isinstance(shape, dict)
    return _keys(value, shape, where) if isinstance(value, dict) else [f"{where}: {value!r} is no object"]


def _keys(value: Json, shape: Json, where: str) -> list[str]:
    known = {key.removesuffix("?"): one for key, one in shape.items()}
    faults = [f"{where}.{key} is missing" for key in shape if not key.endswith(("?", "*")) and key not in value]
    for key, part in value.items():
        if key in known:
            faults += mismatches(part, known[key], f"{where}.{key}")
        elif "*" not in shape:
            faults.append(f"{where}.{key} is not in Slack's payload")
    return faults
