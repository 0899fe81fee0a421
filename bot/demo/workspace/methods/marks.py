"""reactions.*, pins.* and bookmarks.*: what is marked in a channel."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.objects import bookmark_json
from bot.demo.workspace.records import Bookmark, Channel, Message
from bot.demo.workspace.values import Json, SlackError


def _channel(core: Core, args: Args, name: str = "channel") -> Channel:
    channel = core.store.channels.get(args.need(name, "channel_not_found"))
    if channel is None or (channel.private and core.store.bot.id not in channel.members):
        raise SlackError("channel_not_found")
    if core.store.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _marked(core: Core, args: Args) -> Message:
    channel = _channel(core, args)
    if channel.archived:
        raise SlackError("is_archived")
    return core.store.message(channel, args.need("timestamp", "no_item_specified"))


def _react(core: Core, args: Args) -> Json:
    core.feed.react(_marked(core, args), core.store.bot, args.need("name", "invalid_name").strip(":"))
    return {}


def _unreact(core: Core, args: Args) -> Json:
    core.feed.unreact(_marked(core, args), core.store.bot, args.need("name", "invalid_name").strip(":"))
    return {}


def _pin(core: Core, args: Args) -> Json:
    core.feed.pin(_marked(core, args), core.store.bot)
    return {}


def _unpin(core: Core, args: Args) -> Json:
    core.feed.unpin(_marked(core, args), core.store.bot)
    return {}


def _pins(core: Core, args: Args) -> Json:
    channel = _channel(core, args)
    return {"items": [core.feed.pinned_item(pin, channel.messages[pin.ts]) for pin in channel.pins]}


def _add_bookmark(core: Core, args: Args) -> Json:
    channel = _channel(core, args, "channel_id")
    if args.need("type") != "link":
        raise SlackError("invalid_bookmark_type")
    link = args.need("link", "invalid_link")
    if not link.startswith(("https://", "http://")):
        raise SlackError("invalid_link")
    now = core.store.ids.now()
    bookmark_id = core.store.ids.new("Bk")
    bookmark = Bookmark(bookmark_id, channel.id, args.need("title"), link, args.text("emoji"), now, now)
    channel.bookmarks[bookmark_id] = bookmark
    return {"bookmark": bookmark_json(bookmark)}


def _bookmark(core: Core, args: Args) -> tuple[Channel, Bookmark]:
    channel = _channel(core, args, "channel_id")
    bookmark = channel.bookmarks.get(args.need("bookmark_id"))
    if bookmark is None:
        raise SlackError("not_found")
    return channel, bookmark


def _edit_bookmark(core: Core, args: Args) -> Json:
    _, bookmark = _bookmark(core, args)
    bookmark.title = args.text("title", bookmark.title)
    bookmark.link = args.text("link", bookmark.link)
    bookmark.emoji = args.text("emoji", bookmark.emoji)
    bookmark.updated = core.store.ids.now()
    return {"bookmark": bookmark_json(bookmark)}


def _remove_bookmark(core: Core, args: Args) -> Json:
    channel, bookmark = _bookmark(core, args)
    del channel.bookmarks[bookmark.id]
    return {}


def _bookmarks(core: Core, args: Args) -> Json:
    channel = _channel(core, args, "channel_id")
    return {"bookmarks": [bookmark_json(bookmark) for bookmark in channel.bookmarks.values()]}


METHODS: Mapping[str, Method] = {
    "reactions.add": Method(_react, ("reactions:write",)),
    "reactions.remove": Method(_unreact, ("reactions:write",)),
    "pins.add": Method(_pin, ("pins:write",)),
    "pins.remove": Method(_unpin, ("pins:write",)),
    "pins.list": Method(_pins, ("pins:read",)),
    "bookmarks.add": Method(_add_bookmark, ("bookmarks:write",)),
    "bookmarks.edit": Method(_edit_bookmark, ("bookmarks:write",)),
    "bookmarks.remove": Method(_remove_bookmark, ("bookmarks:write",)),
    "bookmarks.list": Method(_bookmarks, ("bookmarks:read",)),
}
