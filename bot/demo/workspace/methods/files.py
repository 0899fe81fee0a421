"""files.*: the three steps of an upload, what is known of a file, and its end."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.objects import file_json
from bot.demo.workspace.records import Channel, File
from bot.demo.workspace.values import Json, SlackError


def _upload_url(core: Core, args: Args) -> Json:
    length = args.text("length")
    if not length.isdecimal() or int(length) == 0:
        raise SlackError("invalid_arguments")
    store = core.store
    file = File(
        store.ids.new("F"), args.need("filename"), args.need("filename"), store.bot.id, store.ids.now(), int(length)
    )
    file.alt = args.text("alt_txt")
    store.files[file.id] = file
    return {"upload_url": f"{store.base_url}/upload/v1/{file.id}", "file_id": file.id}


def _complete(core: Core, args: Args) -> Json:
    listed = args.json("files")
    if not isinstance(listed, list) or not listed:
        raise SlackError("invalid_arguments")
    files = []
    for entry in listed:
        file = core.store.files.get(entry.get("id", ""))
        if file is None or file.complete or len(file.content) != file.length:
            raise SlackError("file_not_found")
        file.title = entry.get("title") or file.name
        files.append(file)
    channels = [_channel(core, name) for name in [*args.words("channel_id"), *args.words("channels")]]
    for file in files:
        file.complete = True
        file.channels = [channel.id for channel in channels]
    for channel in channels:
        comment, thread_ts = args.text("initial_comment"), args.maybe("thread_ts")
        core.feed.post(channel, core.store.bot, comment, files=files, blocks=[], thread_ts=thread_ts)
    return {"files": [file_json(file, core.store) for file in files]}


def _channel(core: Core, name: str) -> Channel:
    channel = core.store.channels.get(name)
    if channel is None or core.store.bot.id not in channel.members:
        raise SlackError("channel_not_found" if channel is None or channel.private else "not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    return channel


def _info(core: Core, args: Args) -> Json:
    file = core.store.files.get(args.text("file"))
    if file is None or not file.complete:
        raise SlackError("file_not_found")
    return {"file": file_json(file, core.store)}


def _delete(core: Core, args: Args) -> Json:
    file = core.store.files.get(args.need("file"))
    if file is None:
        raise SlackError("file_not_found")
    if file.user != core.store.bot.id:
        raise SlackError("cant_delete_file")
    del core.store.files[file.id]
    core.feed.drop_file(file)
    return {}


METHODS: Mapping[str, Method] = {
    "files.getUploadURLExternal": Method(_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(_complete, ("files:write",)),
    "files.delete": Method(_delete, ("files:write",)),
    "files.info": Method(_info, ("files:read",)),
}
