"""conversations.* and users.conversations: reading channels, their members and their messages."""

from collections.abc import Mapping

from bot.demo.workspace.announcer import SCOPE_WORDS
from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.methods.paging import between, newest_first, oldest_first, page
from bot.demo.workspace.objects import channel_json, message_json
from bot.demo.workspace.values import Json, SlackError

_KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def _list(core: Core, args: Args, *, own: bool = False) -> Json:
    names = args.words("types") or ["public_channel"]
    if unknown := set(names) - set(_KINDS):
        raise SlackError("invalid_types", response_metadata={"messages": sorted(unknown)})
    kinds = {_KINDS[name] for name in names}
    for kind in sorted(kinds):
        core.need(f"{SCOPE_WORDS[kind]}:read")
    bot = core.store.bot.id
    found = [
        channel
        for channel in core.store.channels.values()
        if channel.kind in kinds
        and (bot in channel.members or not (own or channel.private))
        and not (channel.archived and args.flag("exclude_archived"))
    ]
    shown, metadata = page(found, args, key=lambda channel: channel.id)
    channels = [channel_json(channel, core.store, count_members=True) for channel in shown]
    return {"channels": channels, "response_metadata": metadata}


def _own(core: Core, args: Args) -> Json:
    return _list(core, args, own=True)


def _info(core: Core, args: Args) -> Json:
    channel = core.visible(args.need("channel", "channel_not_found"), verb="read")
    return {"channel": channel_json(channel, core.store, count_members=args.flag("include_num_members"))}


def _members(core: Core, args: Args) -> Json:
    channel = core.visible(args.need("channel", "channel_not_found"), verb="read")
    members, metadata = page(list(channel.members), args, key=str)
    return {"members": members, "response_metadata": metadata}


def _history(core: Core, args: Args) -> Json:
    channel = core.inside(args.need("channel", "channel_not_found"), verb="history")
    stamps, cursor = newest_first(between(channel.timeline, args), args)
    metadata = args.flag("include_all_metadata")
    messages = [message_json(channel.messages[ts], core.store, metadata=metadata) for ts in stamps]
    body: Json = {"messages": messages, "has_more": bool(cursor), "pin_count": len(channel.pins)}
    return body | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _replies(core: Core, args: Args) -> Json:
    channel = core.inside(args.need("channel", "channel_not_found"), verb="history")
    parent = channel.messages.get(args.need("ts", "thread_not_found"))
    if parent is None:
        raise SlackError("thread_not_found")
    stamps, cursor = oldest_first(between(channel.threads.get(parent.ts, []), args), args)
    if "cursor" not in args:
        stamps = [parent.ts, *stamps]
    metadata = args.flag("include_all_metadata")
    messages = [message_json(channel.messages[ts], core.store, metadata=metadata) for ts in stamps]
    body: Json = {"messages": messages, "has_more": bool(cursor)}
    return body | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


METHODS: Mapping[str, Method] = {
    "conversations.list": Method(_list),
    "users.conversations": Method(_own),
    "conversations.info": Method(_info),
    "conversations.members": Method(_members),
    "conversations.history": Method(_history),
    "conversations.replies": Method(_replies),
}
