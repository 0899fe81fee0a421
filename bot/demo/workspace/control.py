"""The control API: anything that a person can do or see, over HTTP on loopback, for pages and other processes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from hmac import compare_digest
from urllib.parse import urlsplit

from aiohttp import web

from bot.demo.workspace.args import Args
from bot.demo.workspace.directory import Directory
from bot.demo.workspace.interactions import Turn
from bot.demo.workspace.person import Person
from bot.demo.workspace.records import Channel
from bot.demo.workspace.screen import channel_lines
from bot.demo.workspace.seen import Seen, SeenView
from bot.demo.workspace.values import Json, SlackError
from bot.demo.workspace.web import WebApi, read_arguments

_MESSAGE_FIELDS = ("channel", "ts", "thread_ts", "user", "text", "blocks", "files", "reactions")
_MESSAGE_FLAGS = ("ephemeral", "edited", "deleted", "pinned")
_VIEW_FIELDS = ("id", "title", "submit", "callback_id", "blocks", "values", "errors")


class Control:
    """Serves `/control/{action}`.

    Arguments are JSON, form or query. `as` names the person who acts, `channel` a channel by name or id (a person's
    own direct conversation with the bot when it is left out), `ts` a message. The answer is
    `{"ok": true, "result": ...}`, or `{"ok": false, "error": ...}` with status 400.
    """

    def __init__(self, directory: Directory, api: WebApi) -> None:
        self._directory = directory
        self._api = api
        self._acts: Mapping[str, Callable[[Person, Args], Awaitable[object]]] = {
            "say": self._say,
            "edit": lambda person, args: person.edit(self._message(person, args), args.need("text")),
            "delete": lambda person, args: person.delete(self._message(person, args)),
            "react": lambda person, args: person.react(self._message(person, args), args.need("name")),
            "unreact": lambda person, args: person.unreact(self._message(person, args), args.need("name")),
            "pin": lambda person, args: person.pin(self._message(person, args)),
            "unpin": lambda person, args: person.unpin(self._message(person, args)),
            "join": lambda person, args: person.join(self._channel(person, args)),
            "leave": lambda person, args: person.leave(self._channel(person, args)),
            "command": lambda person, args: person.command(self._channel(person, args), args.need("line")),
            "click": lambda person, args: person.click(self._target(person, args), args.need("name")),
            "select": self._select,
            "shortcut": self._shortcut,
            "submit": self._submit,
            "close": lambda person, args: person.close(self._view(person, args), whole_stack=args.flag("all")),
            "open_home": lambda person, _: person.open_home(),
            "sees": self._sees,
            "screen": self._screen,
            "modal": self._modal,
            "home": self._home,
            "wait_for": self._wait_for,
        }
        self._stage: Mapping[str, Callable[[Args], object]] = {
            "person": self._person,
            "channel": self._make_channel,
            "calls": self._calls,
            "request_url": self._request_url,
            "fault": self._fault,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Does what is asked, for who has the token and comes from this host."""
        if (refused := self._refusal(request)) is not None:
            return web.json_response({"ok": False, "error": refused}, status=403)
        action = request.match_info["action"]
        args = Args(await read_arguments(request))
        try:
            result = await self._run(action, args)
        except (SlackError, LookupError, PermissionError, TimeoutError, ValueError) as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)
        return web.json_response({"ok": True, "result": _plain_json(result)})

    async def _run(self, action: str, args: Args) -> object:
        if action in self._stage:
            return self._stage[action](args)
        if action not in self._acts:
            raise LookupError(f"no action {action!r}; there are: {', '.join([*self._acts, *self._stage])}")
        return await self._acts[action](self._directory.person(args.need("as")), args)

    def _refusal(self, request: web.Request) -> str | None:
        """Why a request is not served: a page of another site must not act here, even with a rebound name."""
        own = urlsplit(self._directory.core.store.base_url)
        hosts = {own.netloc, f"localhost:{own.port}"}
        if request.host not in hosts:
            return "wrong Host"
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            return "wrong Origin"
        given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.query.get("token", "")
        expected = self._directory.core.store.identity.control_token
        return None if compare_digest(given.encode(), expected.encode()) else "wrong token"

    def _channel(self, person: Person, args: Args) -> Channel:
        store = self._directory.core.store
        name = args.text("channel").removeprefix("#")
        channel = store.channels_by_name.get(name) or store.channels.get(name) if name else person.dm()
        if channel is None:
            raise LookupError(f"no channel {name!r}")
        return channel

    def _message(self, person: Person, args: Args) -> Seen:
        channel, ts = self._channel(person, args), args.need("ts")
        for message in person.sees(channel):
            if message.ts == ts:
                return message
        raise LookupError(f"{person.name} sees no message {ts}")

    def _view(self, person: Person, args: Args) -> SeenView:
        view = person.home if args.text("view") == "home" else person.modal
        if view is None:
            raise LookupError(f"{person.name} has no view open")
        return view

    def _target(self, person: Person, args: Args) -> Seen | SeenView:
        return self._message(person, args) if "ts" in args else self._view(person, args)

    async def _say(self, person: Person, args: Args) -> Seen:
        files = [(name, content.encode()) for name, content in _object(args, "files").items()]
        channel = self._channel(person, args)
        return await person.say(channel, args.text("text"), thread=args.maybe("thread"), files=files)

    async def _select(self, person: Person, args: Args) -> Turn:
        return await person.select(self._target(person, args), args.need("name"), args.json_or_text("value"))

    async def _shortcut(self, person: Person, args: Args) -> Turn:
        message = self._message(person, args) if "ts" in args else None
        return await person.shortcut(message, args.need("callback_id"))

    async def _submit(self, person: Person, args: Args) -> Turn:
        return await person.submit(self._view(person, args), _object(args, "values"))

    async def _sees(self, person: Person, args: Args) -> list[Seen]:
        return person.sees(self._channel(person, args))

    async def _screen(self, person: Person, args: Args) -> list[str]:
        return channel_lines(person, self._channel(person, args))

    async def _modal(self, person: Person, _: Args) -> SeenView | None:
        return person.modal

    async def _home(self, person: Person, _: Args) -> SeenView | None:
        return person.home

    async def _wait_for(self, person: Person, args: Args) -> Seen:
        return await person.wait_for(self._channel(person, args), args.need("text"), float(args.text("timeout", "10")))

    def _person(self, args: Args) -> Json:
        person = self._directory.person(
            args.need("name"),
            tz=args.text("tz", "UTC"),
            restricted=args.flag("restricted"),
            team_id=args.maybe("team_id"),
            admin=args.flag("admin"),
        )
        return {"id": person.id, "name": person.name}

    def _make_channel(self, args: Args) -> Json:
        members = [self._directory.person(name) for name in args.words("members")]
        channel = self._directory.channel(args.need("name"), members, private=args.flag("private"))
        return {"id": channel.id, "name": channel.name, "members": list(channel.members)}

    def _calls(self, args: Args) -> list[Json]:
        wanted = args.text("method")
        return [asdict(call) | {"at": call.at.isoformat()} for call in self._api.calls if wanted in {"", call.method}]

    def _request_url(self, args: Args) -> Json:
        self._directory.core.delivery.request_url = args.maybe("url")
        return {"url": args.maybe("url")}

    def _fault(self, args: Args) -> Json:
        """A fault by name, with its arguments: `{"fault": "slow", "with": {"method": "*", "seconds": 3}}`."""
        faults = self._directory.core.faults
        known: Mapping[str, Callable[..., None]] = {
            "redeliver": faults.redeliver,
            "withhold": faults.withhold,
            "release": self._directory.core.delivery.release,
            "rate_limit": faults.rate_limit,
            "fail": faults.fail,
            "slow": faults.slow,
            "drop_connections": faults.drop_connections,
            "clear": faults.clear,
        }
        name = args.need("fault")
        if name not in known:
            raise LookupError(f"no fault {name!r}; there are: {', '.join(known)}")
        try:
            known[name](**_object(args, "with"))
        except TypeError as error:
            raise ValueError(str(error)) from None
        return {"fault": name}


def _object(args: Args, name: str) -> Json:
    value = args.json(name)
    return value if isinstance(value, dict) else {}


def _plain_json(result: object) -> object:
    """What an action gave, as JSON."""
    match result:
        case Seen():
            body = {name: getattr(result, name) for name in (*_MESSAGE_FIELDS, *_MESSAGE_FLAGS)}
            return body | {"plain": result.plain(), "buttons": result.buttons()}
        case SeenView():
            return {name: getattr(result, name) for name in _VIEW_FIELDS} | {"plain": result.plain()}
        case Turn():
            replies = [_plain_json(reply) for reply in result.replies()]
            return {
                "acked_after": result.acked_after,
                "error": result.error,
                "errors": result.errors,
                "replies": replies,
            }
        case list():
            return [_plain_json(one) for one in result]
        case _:
            return result
