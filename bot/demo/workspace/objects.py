"""Slack's JSON objects for our records."""

import mimetypes
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from bot.demo.workspace.ids import parse_ts
from bot.demo.workspace.records import Bookmark, Channel, File, Label, Message, User, UserGroup
from bot.demo.workspace.store import Store
from bot.demo.workspace.typed import rich_text
from bot.demo.workspace.values import Json


def user_json(user: User, store: Store) -> Json:
    """A user object as users.info has it."""
    offset = datetime.fromtimestamp(store.ids.now(), ZoneInfo(user.tz)).utcoffset()
    assert offset is not None
    body: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": int(offset.total_seconds()),
        "profile": {
            "title": "",
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.name,
            "display_name_normalized": user.name,
            "status_text": "",
            "status_emoji": "",
            "team": user.team_id,
        },
        "is_admin": user.admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.restricted,
        "is_ultra_restricted": False,
        "is_bot": user.bot_id is not None,
        "is_app_user": False,
        "updated": 0,
    }
    if user.team_id != store.identity.team_id:
        body["is_stranger"] = True
    if user.bot_id is not None:
        body["profile"] |= {"bot_id": user.bot_id, "api_app_id": user.app_id or ""}
    elif "users:read.email" in store.scopes and user.email:
        body["profile"]["email"] = user.email
    return body


def bot_profile(user: User) -> Json:
    """The app that posted, as its messages carry it."""
    return {
        "id": user.bot_id,
        "app_id": user.app_id,
        "user_id": user.id,
        "name": user.name,
        "deleted": False,
        "updated": 0,
        "icons": {},
        "team_id": user.team_id,
    }


def channel_json(channel: Channel, store: Store, *, count_members: bool = False) -> Json:
    """A conversation object as conversations.info has it."""
    body: Json = {
        "id": channel.id,
        "created": channel.created,
        "creator": channel.creator,
        "is_archived": channel.archived,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.private,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "updated": channel.created * 1000,
        "context_team_id": store.identity.team_id,
    }
    bot_id = store.identity.bot_user_id
    if channel.kind == "im":
        body["user"] = next((member for member in channel.members if member != bot_id), bot_id)
    else:
        body |= {
            "name": channel.name,
            "name_normalized": channel.name,
            "is_general": False,
            "is_member": bot_id in channel.members,
            "topic": _label(channel.topic),
            "purpose": _label(channel.purpose),
            "previous_names": [],
        }
    if count_members:
        body["num_members"] = len(channel.members)
    return body


def _label(label: Label) -> Json:
    return {"value": label.value, "creator": label.creator, "last_set": label.last_set}


def message_json(message: Message, store: Store, *, metadata: bool = False) -> Json:
    """A message object as events and conversations.history have it; `metadata` adds what the app attached."""
    user = store.users[message.user]
    return {
        "type": "message",
        **({"subtype": message.subtype} if message.subtype is not None else {}),
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": user.team_id,
        **_author_json(message, user),
        **_content_json(message, store),
        **({"metadata": message.metadata} if metadata and message.metadata is not None else {}),
        **_thread_json(message, store),
    }


def _author_json(message: Message, user: User) -> Json:
    if message.bot_id is None:
        digits = message.ts.replace(".", "")
        return {"client_msg_id": f"00000000-0000-4000-8000-{digits[-12:]}"} if _is_typed(message) else {}
    author: Json = {"bot_id": message.bot_id, "app_id": message.app_id}
    return author | ({"bot_profile": bot_profile(user)} if message.subtype is None else {})


def _content_json(message: Message, store: Store) -> Json:
    body: Json = {}
    if (blocks := message_blocks(message)) is not None:
        body["blocks"] = blocks
    if message.attachments:
        body["attachments"] = message.attachments
    if message.files:
        body |= {"files": [file_json(file, store) for file in message.files], "upload": True}
    if message.edited_ts is not None:
        body["edited"] = {"user": message.edited_by, "ts": message.edited_ts}
    if message.reactions:
        body["reactions"] = [
            {"name": name, "users": users.copy(), "count": len(users)} for name, users in message.reactions.items()
        ]
    return body


def _is_typed(message: Message) -> bool:
    return message.bot_id is None and message.subtype in {None, "file_share", "thread_broadcast"}


def message_blocks(message: Message) -> list[Json] | None:
    """The blocks of a message: the app's own, or the rich text of typed words."""
    if message.blocks is not None:
        return message.blocks or None
    if not message.text or not _is_typed(message):
        return None
    return _rich_text(message.text, message.ts[-5:])


# A message is turned into an event, and looked at, soon after it was written.
_rich_text = lru_cache(maxsize=256)(rich_text)


def _thread_json(message: Message, store: Store) -> Json:
    if message.thread_ts is not None and (message.is_reply or message.seen_by is not None):
        parent = store.channels[message.channel].messages.get(message.thread_ts)
        return {"thread_ts": message.thread_ts} | ({"parent_user_id": parent.user} if parent is not None else {})
    replies = store.replies(message)
    if not replies:
        return {}
    users = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts,
        "reply_users": users[:5],
        "is_locked": False,
        "subscribed": False,
    }


def file_json(file: File, store: Store) -> Json:
    """A file object; its content is fetched from `url_private` with the bot's token."""
    mimetype = mimetypes.guess_type(file.name)[0] or "text/plain"
    suffix = file.name.rpartition(".")[2] if "." in file.name else "text"
    url = f"{store.base_url}/files-pri/{file.id}/{file.name}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "alt_txt": file.alt,
        "mimetype": mimetype,
        "filetype": suffix,
        "pretty_type": suffix.upper(),
        "user": file.user,
        "user_team": store.identity.team_id,
        "editable": False,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": True,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": url,
        "url_private_download": url,
        "permalink": url,
        "channels": file.channels.copy(),
        "groups": [],
        "ims": [],
        "file_access": "visible",
    }


def bookmark_json(bookmark: Bookmark) -> Json:
    """A bookmark object."""
    return {
        "id": bookmark.id,
        "channel_id": bookmark.channel,
        "title": bookmark.title,
        "link": bookmark.link,
        "emoji": bookmark.emoji,
        "icon_url": "",
        "type": "link",
        "entity_id": "",
        "date_created": bookmark.created,
        "date_updated": bookmark.updated,
        "rank": "U",
        "last_updated_by_user_id": "",
        "last_updated_by_team_id": "",
        "shortcut_id": "",
        "app_id": "",
    }


def group_json(group: UserGroup, store: Store, *, users: bool) -> Json:
    """A user group object; `users` adds its members."""
    body: Json = {
        "id": group.id,
        "team_id": store.identity.team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_create": group.created,
        "date_update": group.created,
        "date_delete": 0,
        "user_count": len(group.members),
        "prefs": {"channels": [], "groups": []},
    }
    return body | {"users": group.members.copy()} if users else body


def permalink(message: Message, base_url: str) -> str:
    """The address of a message; a reply names its thread, as Slack's does."""
    link = f"{base_url}/archives/{message.channel}/p{parse_ts(message.ts).replace('.', '')}"
    return f"{link}?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else link
