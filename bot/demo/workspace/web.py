"""The Web API's door: tokens, scopes, arguments, faults, and the log of calls."""

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.faults import Refusal
from bot.demo.workspace.methods import METHODS
from bot.demo.workspace.values import Json, SlackError


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the app made; `response_url` stands for an answer to a command or interaction."""

    method: str
    args: Json
    at: datetime
    response: Json


class WebApi:
    """Serves `/api/{method}` and `/response/...`; `calls` keeps the latest."""

    def __init__(self, core: Core, *, calls_kept: int) -> None:
        self._core = core
        self.calls: deque[Call] = deque(maxlen=calls_kept)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """A Web API method."""
        method = request.match_info["method"]
        args = await read_arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(args.pop("token", ""))
        if (refused := await self._fault(method, args)) is not None:
            return refused
        return self._answer(method, args, self._respond(method, args, token))

    async def response_url(self, request: web.Request) -> web.StreamResponse:
        """An answer to a command or interaction; it needs no token, the address is the secret."""
        args = await read_arguments(request)
        if (refused := await self._fault("response_url", args)) is not None:
            return refused
        try:
            self._core.hooks.use(request.match_info["token"], args)
        except SlackError as error:
            status = 404 if error.code in {"expired_url", "used_url"} else 200
            return self._answer("response_url", args, error.body(), status=status)
        return self._answer("response_url", args, {"ok": True})

    def _respond(self, method: str, args: Json, token: str) -> Json:
        try:
            return {"ok": True} | self._call(method, args, token)
        except SlackError as error:
            return error.body()

    def _call(self, method: str, args: Json, token: str) -> Json:
        identity = self._core.store.identity
        if not token:
            raise SlackError("not_authed")
        if token not in {identity.bot_token, identity.app_token}:
            raise SlackError("invalid_auth")
        handler = METHODS.get(method)
        if handler is None:
            raise SlackError("unknown_method", req_method=method)
        if (token == identity.app_token) != handler.app_level and method != "auth.test":
            raise SlackError("not_allowed_token_type")
        if token == identity.bot_token:
            self._core.need(*handler.scopes)
        return handler.run(self._core, Args(args))

    async def _fault(self, method: str, args: Json) -> web.StreamResponse | None:
        await self._core.faults.delay(method)
        refusal = self._core.faults.refusal(method)
        if refusal is None:
            return None
        body: Json = {"ok": False, "error": refusal.error}
        return self._answer(method, args, body, status=refusal.status, refusal=refusal)

    def _answer(
        self, method: str, args: Json, body: Json, *, status: int = 200, refusal: Refusal | None = None
    ) -> web.StreamResponse:
        call = Call(method, args, self._core.store.ids.clock(), body)
        self.calls.append(call)
        self._core.signal.notify(call)
        headers = {"x-oauth-scopes": ",".join(sorted(self._core.store.scopes))}
        if refusal is not None and refusal.retry_after is not None:
            headers["Retry-After"] = str(refusal.retry_after)
        if status >= 500:  # noqa: PLR2004 - an outage answers with a page, not with JSON
            return web.Response(status=status, text="<html>Server Error</html>", content_type="text/html")
        return web.Response(status=status, text=json.dumps(body), content_type="application/json", headers=headers)


async def read_arguments(request: web.Request) -> Json:
    """The arguments of a call, from query, form and JSON body alike."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        raw = await request.read()
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        if isinstance(body, dict):
            args |= body
    elif request.can_read_body:
        args |= await request.post()
    return args
