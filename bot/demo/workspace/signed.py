"""Signed HTTP: payloads posted to the app's request URL, as Slack signs and forms them."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp

from bot.demo.workspace.sockets import Ack, Retry
from bot.demo.workspace.values import Json

_FORM = "application/x-www-form-urlencoded"


class SignedHttp:
    """Posts payloads to the request URL."""

    def __init__(self, *, session: aiohttp.ClientSession, signing_secret: str) -> None:
        self._session = session
        self._secret = signing_secret.encode()

    async def send(self, url: str, kind: str, payload: Json, *, retry: Retry | None, seconds: float) -> Ack:
        """Posts a payload and gives the app's answer; anything but 2xx within `seconds` is an error."""
        body, content_type = _encode(kind, payload)
        headers = self.sign(body) | {"Content-Type": content_type}
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry.attempt), "X-Slack-Retry-Reason": retry.reason}
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as response:
                text = await response.text()
        except TimeoutError:
            return Ack({}, "operation_timeout")
        except aiohttp.ClientError:
            return Ack({}, "dispatch_failed")
        no_retry = response.headers.get("x-slack-no-retry") == "1"
        if not response.ok:
            return Ack({}, "http_service_error", no_retry)
        return Ack(_decode(text, response.content_type), None, no_retry)

    def sign(self, body: bytes) -> dict[str, str]:
        """The v0 signature of a body.

        The time is the machine's, not the workspace's clock: the app compares it with its own.
        """
        timestamp = str(int(time.time()))
        digest = hmac.new(self._secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": "v0=" + digest}


def _encode(kind: str, payload: Json) -> tuple[bytes, str]:
    if kind == "slash_commands":
        return urlencode(payload).encode(), _FORM
    if kind == "interactive":
        return urlencode({"payload": json.dumps(payload)}).encode(), _FORM
    return json.dumps(payload).encode(), "application/json"


def _decode(text: str, content_type: str) -> Json:
    """The body of an answer; Slack takes words as a message, and broken JSON as nothing."""
    if content_type != "application/json":
        return {"text": text} if text else {}
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
