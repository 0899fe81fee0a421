"""auth, apps, users, user groups, team and bots: who is who."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.methods.paging import page
from bot.demo.workspace.objects import bot_profile, group_json, user_json
from bot.demo.workspace.store import SLACKBOT
from bot.demo.workspace.values import Json, SlackError


def _auth_test(core: Core, _: Args) -> Json:
    identity = core.store.identity
    return {
        "url": f"{core.store.base_url}/",
        "team": identity.team_name,
        "user": core.store.bot.name,
        "team_id": identity.team_id,
        "user_id": identity.bot_user_id,
        "bot_id": identity.bot_id,
        "app_id": identity.app_id,
        "is_enterprise_install": False,
    }


def _connect(core: Core, _: Args) -> Json:
    address = core.store.base_url.replace("http://", "ws://", 1)
    return {"url": f"{address}/link/?ticket={core.sockets.ticket()}&app_id={core.store.identity.app_id}"}


def _user(core: Core, args: Args) -> Json:
    return {"user": user_json(core.store.user(args.need("user", "user_not_found")), core.store)}


def _users(core: Core, args: Args) -> Json:
    members, metadata = page(list(core.store.users.values()), args, key=lambda user: user.id)
    return {
        "members": [user_json(user, core.store) for user in members],
        "cache_ts": core.store.ids.now(),
        "response_metadata": metadata,
    }


def _by_email(core: Core, args: Args) -> Json:
    email = args.need("email", "users_not_found")
    for user in core.store.users.values():
        if user.email == email:
            return {"user": user_json(user, core.store)}
    raise SlackError("users_not_found")


def _groups(core: Core, args: Args) -> Json:
    users = args.flag("include_users")
    return {"usergroups": [group_json(group, core.store, users=users) for group in core.store.groups.values()]}


def _group_users(core: Core, args: Args) -> Json:
    group = core.store.groups.get(args.need("usergroup", "no_such_subteam"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": group.members.copy()}


def _team(core: Core, _: Args) -> Json:
    identity = core.store.identity
    domain = identity.team_name
    return {"team": {"id": identity.team_id, "name": domain, "domain": domain, "email_domain": "", "icon": {}}}


def _bot(core: Core, args: Args) -> Json:
    for user in core.store.users.values():
        if user.bot_id is not None and user.bot_id == args.text("bot") and user.id != SLACKBOT:
            return {"bot": bot_profile(user)}
    raise SlackError("bot_not_found")


METHODS: Mapping[str, Method] = {
    "auth.test": Method(_auth_test),
    "apps.connections.open": Method(_connect, app_level=True),
    "users.info": Method(_user, ("users:read",)),
    "users.list": Method(_users, ("users:read",)),
    "users.lookupByEmail": Method(_by_email, ("users:read.email",)),
    "usergroups.list": Method(_groups, ("usergroups:read",)),
    "usergroups.users.list": Method(_group_users, ("usergroups:read",)),
    "team.info": Method(_team, ("team:read",)),
    "bots.info": Method(_bot, ("users:read",)),
}
