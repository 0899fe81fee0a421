"""The bytes of files: the upload address of an announced file, and its download for the bot."""

from aiohttp import web

from bot.demo.workspace.store import Store


class Uploads:
    """Serves `/upload/v1/{file}` and `/files-pri/{file}/{name}`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Takes the bytes of a file, as many as were announced."""
        file = self._store.files.get(request.match_info["file"])
        data = await request.read()
        if file is None or file.complete or len(data) != file.length:
            return web.Response(status=400, text="upload refused")
        file.content = data
        return web.Response(text=f"OK - {len(data)}")

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Gives the bytes of a file to who has the bot's token and `files:read`; others get a login page."""
        file = self._store.files.get(request.match_info["file"])
        allowed = request.headers.get("Authorization") == f"Bearer {self._store.identity.bot_token}"
        if file is None or not allowed or "files:read" not in self._store.scopes:
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        return web.Response(body=file.content, content_type="application/octet-stream")
