"""chat.*: posting, whispering, changing and deleting messages."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.feed import Content
from bot.demo.workspace.limits import check_content, check_metadata
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.objects import message_json, permalink
from bot.demo.workspace.records import Channel, Message
from bot.demo.workspace.values import Json, SlackError


def _target(core: Core, name: str) -> Channel:
    """Where a message goes: a channel's id or name, or a person's id (their direct conversation)."""
    store = core.store
    if name in store.users:
        return store.direct(name, store.bot.id)
    channel = store.channels.get(name) or store.channels_by_name.get(name.removeprefix("#"))
    if channel is None or (channel.private and store.bot.id not in channel.members):
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    if store.bot.id not in channel.members and "chat:write.public" not in store.scopes:
        raise SlackError("not_in_channel")
    return channel


def _content(args: Args) -> tuple[str, Content]:
    """Text and what comes with it; fields that the call does not name are absent."""
    content: Content = {}
    if "blocks" in args:
        blocks = args.json("blocks", "invalid_blocks_format") or []
        if not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format")
        content["blocks"] = blocks
    if "attachments" in args:
        attachments = args.json("attachments")
        content["attachments"] = attachments if isinstance(attachments, list) else []
    if "metadata" in args:
        content["metadata"] = check_metadata(args.json("metadata", "invalid_metadata_format"))
    if markdown := args.text("markdown_text"):
        if "blocks" in args or "text" in args:
            raise SlackError("markdown_text_conflict")
        content["blocks"] = [{"type": "markdown", "text": markdown}]
    has_more = content.get("blocks") or content.get("attachments")
    text = args.text("text") or markdown
    return check_content(text or (" " if has_more else ""), content.get("blocks")).strip(" "), content


def _thread(channel: Channel, args: Args) -> str | None:
    thread_ts = args.maybe("thread_ts")
    if thread_ts is not None and thread_ts not in channel.messages:
        raise SlackError("thread_not_found")
    return None if thread_ts is None else channel.messages[thread_ts].thread_ts or thread_ts


def _post(core: Core, args: Args) -> Json:
    channel = _target(core, args.need("channel", "channel_not_found"))
    text, content = _content(args)
    content["blocks"] = content.get("blocks", [])
    content["thread_ts"] = _thread(channel, args)
    if content["thread_ts"] is not None and args.flag("reply_broadcast"):
        content |= {"broadcast": True, "subtype": "thread_broadcast"}
    message = core.feed.post(channel, core.store.bot, text, **content)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(message, core.store, metadata=True)}


def _whisper(core: Core, args: Args) -> Json:
    channel = _target(core, args.need("channel", "channel_not_found"))
    user = core.store.user(args.need("user"))
    if user.id not in channel.members:
        raise SlackError("user_not_in_channel")
    text, content = _content(args)
    content["blocks"] = content.get("blocks", [])
    content["thread_ts"] = _thread(channel, args)
    message = core.feed.whisper(channel, core.store.bot, text, to=user.id, **content)
    return {"message_ts": message.ts}


def _own(core: Core, args: Args, error: str) -> tuple[Channel, Message]:
    channel = core.store.channels.get(args.need("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    message = core.store.message(channel, args.need("ts", "message_not_found"))
    if message.bot_id != core.store.identity.bot_id:
        raise SlackError(error)
    return channel, message


def _update(core: Core, args: Args) -> Json:
    channel, message = _own(core, args, "cant_update_message")
    if channel.archived:
        raise SlackError("is_archived")
    text, content = _content(args)
    core.feed.revise(message, by=core.store.bot.id, text=text, content=content)
    body = message_json(message, core.store, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": body}


def _delete(core: Core, args: Args) -> Json:
    channel, message = _own(core, args, "cant_delete_message")
    core.feed.remove(message)
    return {"channel": channel.id, "ts": message.ts}


def _permalink(core: Core, args: Args) -> Json:
    channel = core.store.channels.get(args.need("channel", "channel_not_found"))
    if channel is None or (channel.private and core.store.bot.id not in channel.members):
        raise SlackError("channel_not_found")
    message = core.store.message(channel, args.need("message_ts", "message_not_found"))
    return {"channel": channel.id, "permalink": permalink(message, core.store.base_url)}


METHODS: Mapping[str, Method] = {
    "chat.postMessage": Method(_post, ("chat:write",)),
    "chat.postEphemeral": Method(_whisper, ("chat:write",)),
    "chat.update": Method(_update, ("chat:write",)),
    "chat.delete": Method(_delete, ("chat:write",)),
    "chat.getPermalink": Method(_permalink),
}
