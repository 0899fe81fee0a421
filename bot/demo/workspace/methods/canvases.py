"""canvases.* and conversations.canvases.create: documents in Markdown beside the channels."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.records import Canvas, Channel
from bot.demo.workspace.values import Json, SlackError

_LONGEST = 100_000


def _channel(core: Core, name: str) -> Channel:
    channel = core.store.channels.get(name)
    if channel is None or core.store.bot.id not in channel.members:
        raise SlackError("channel_not_found")
    return channel


def _add(core: Core, args: Args, title: str) -> Canvas:
    content = args.json("document_content")
    markdown = content.get("markdown") if isinstance(content, dict) and content.get("type") == "markdown" else None
    if not isinstance(markdown, str) or not markdown or len(markdown) > _LONGEST:
        raise SlackError("canvas_creation_failed")
    canvas = Canvas(core.store.ids.new("F"), title, markdown)
    core.store.canvases[canvas.id] = canvas
    return canvas


def _create(core: Core, args: Args) -> Json:
    return {"canvas_id": _add(core, args, args.text("title")).id}


def _create_in_channel(core: Core, args: Args) -> Json:
    channel = _channel(core, args.need("channel_id"))
    if any(canvas.tab_of == channel.id for canvas in core.store.canvases.values()):
        raise SlackError("channel_canvas_already_exists")
    canvas = _add(core, args, args.text("title"))
    canvas.tab_of = channel.id
    canvas.readers = {channel.id}
    return {"canvas_id": canvas.id}


def _share(core: Core, args: Args) -> Json:
    canvas = core.store.canvases.get(args.need("canvas_id"))
    if canvas is None:
        raise SlackError("canvas_not_found")
    if args.need("access_level") not in {"read", "write"}:
        raise SlackError("invalid_arguments")
    canvas.readers |= {_channel(core, name).id for name in args.words("channel_ids")}
    return {}


def _delete(core: Core, args: Args) -> Json:
    if core.store.canvases.pop(args.need("canvas_id"), None) is None:
        raise SlackError("canvas_not_found")
    return {}


METHODS: Mapping[str, Method] = {
    "canvases.create": Method(_create, ("canvases:write",)),
    "canvases.delete": Method(_delete, ("canvases:write",)),
    "canvases.access.set": Method(_share, ("canvases:write",)),
    "conversations.canvases.create": Method(_create_in_channel, ("canvases:write",)),
}
