"""conversations.*: making, naming, filling and archiving channels."""

import re
from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.objects import channel_json
from bot.demo.workspace.records import Channel
from bot.demo.workspace.values import Json, SlackError

_NAME_LENGTH = 80
_LABEL_LENGTH = 250


def _name(core: Core, args: Args) -> str:
    name = args.need("name", "invalid_name_required")
    if len(name) > _NAME_LENGTH:
        raise SlackError("invalid_name_maxlength")
    if re.fullmatch(r"[a-z0-9_-]+", name) is None:
        raise SlackError("invalid_name_specials")
    if re.search(r"[a-z0-9]", name) is None:
        raise SlackError("invalid_name_punctuation")
    if name in core.store.channels_by_name:
        raise SlackError("name_taken")
    return name


def _open_channel(core: Core, args: Args, verb: str) -> Channel:
    channel = core.inside(args.need("channel", "channel_not_found"), verb=verb)
    if channel.archived:
        raise SlackError("is_archived")
    return channel


def _create(core: Core, args: Args) -> Json:
    private = args.flag("is_private")
    core.need("groups:write" if private else "channels:manage")
    channel = core.crowd.create(_name(core, args), core.store.bot, private=private)
    return {"channel": channel_json(channel, core.store)}


def _join(core: Core, args: Args) -> Json:
    channel = core.store.channels.get(args.need("channel", "channel_not_found"))
    if channel is None or channel.private:
        raise SlackError("channel_not_found" if channel is None else "method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    body: Json = {}
    if core.store.bot.id in channel.members:
        body = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        core.crowd.join(channel, core.store.bot)
    return {"channel": channel_json(channel, core.store)} | body


def _invite(core: Core, args: Args) -> Json:
    channel = _open_channel(core, args, "invites")
    names = args.words("users")
    if not names:
        raise SlackError("no_user")
    errors = {name: error for name in names if (error := _uninvitable(core, channel, name)) is not None}
    if errors and not (args.flag("force") and len(errors) < len(names)):
        listed = [{"user": name, "ok": False, "error": error} for name, error in errors.items()]
        raise SlackError(next(iter(errors.values())), errors=listed)
    for name in names:
        if name not in errors:
            core.crowd.join(channel, core.store.users[name], inviter=core.store.bot)
    return {"channel": channel_json(channel, core.store)}


def _uninvitable(core: Core, channel: Channel, name: str) -> str | None:
    user = core.store.users.get(name)
    if user is None:
        return "user_not_found"
    if user is core.store.bot:
        return "cant_invite_self"
    if user.id in channel.members:
        return "already_in_channel"
    if user.team_id != core.store.identity.team_id or user.deleted:
        return "cant_invite"
    return None


def _topic(core: Core, args: Args) -> Json:
    channel = _open_channel(core, args, "topic")
    text = args.text("topic")
    if len(text) > _LABEL_LENGTH:
        raise SlackError("too_long")
    core.crowd.label(channel, core.store.bot, "topic", text)
    return {"channel": channel_json(channel, core.store)}


def _purpose(core: Core, args: Args) -> Json:
    channel = _open_channel(core, args, "topic")
    text = args.text("purpose")
    if len(text) > _LABEL_LENGTH:
        raise SlackError("too_long")
    core.crowd.label(channel, core.store.bot, "purpose", text)
    return {"purpose": channel.purpose.value}


def _rename(core: Core, args: Args) -> Json:
    channel = _open_channel(core, args, "manage")
    core.crowd.rename(channel, core.store.bot, _name(core, args))
    return {"channel": channel_json(channel, core.store)}


def _archive(core: Core, args: Args) -> Json:
    channel = core.inside(args.need("channel", "channel_not_found"), verb="manage")
    if channel.archived:
        raise SlackError("already_archived")
    core.crowd.archive(channel, core.store.bot)
    return {}


def _open(core: Core, args: Args) -> Json:
    users = args.words("users")
    if not users:
        raise SlackError("users_list_not_supplied")
    for name in users:
        core.store.user(name)
    core.need("im:write" if len(users) == 1 else "mpim:write")
    channel = core.store.direct(*users, core.store.bot.id)
    return {"channel": channel_json(channel, core.store) if args.flag("return_im") else {"id": channel.id}}


METHODS: Mapping[str, Method] = {
    "conversations.create": Method(_create),
    "conversations.join": Method(_join, ("channels:join",)),
    "conversations.invite": Method(_invite),
    "conversations.setTopic": Method(_topic),
    "conversations.setPurpose": Method(_purpose),
    "conversations.rename": Method(_rename),
    "conversations.archive": Method(_archive),
    "conversations.open": Method(_open),
}
