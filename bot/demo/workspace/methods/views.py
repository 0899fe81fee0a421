"""views.*: modals and App Home."""

from collections.abc import Mapping

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.methods.method import Method
from bot.demo.workspace.values import Json


def _open(core: Core, args: Args) -> Json:
    view = core.surfaces.open(args.need("trigger_id", "invalid_trigger_id"), args.json("view"))
    return {"view": core.surfaces.json(view)}


def _push(core: Core, args: Args) -> Json:
    view = core.surfaces.open(args.need("trigger_id", "invalid_trigger_id"), args.json("view"), push=True)
    return {"view": core.surfaces.json(view)}


def _update(core: Core, args: Args) -> Json:
    view = core.surfaces.update(
        args.json("view"),
        view_id=args.maybe("view_id"),
        external_id=args.maybe("external_id"),
        expected_hash=args.maybe("hash"),
    )
    return {"view": core.surfaces.json(view)}


def _publish(core: Core, args: Args) -> Json:
    user = core.store.user(args.need("user_id"))
    view = core.surfaces.publish(user.id, args.json("view"), expected_hash=args.maybe("hash"))
    return {"view": core.surfaces.json(view)}


METHODS: Mapping[str, Method] = {
    "views.open": Method(_open),
    "views.push": Method(_push),
    "views.update": Method(_update),
    "views.publish": Method(_publish),
}
