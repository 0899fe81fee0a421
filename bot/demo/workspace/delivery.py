"""Payloads on their way to the app: transport, retries, redelivery, and what is withheld."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from bot.demo.workspace.faults import Faults
from bot.demo.workspace.signed import SignedHttp
from bot.demo.workspace.sockets import Ack, Retry, Sockets
from bot.demo.workspace.values import Json

EVENTS, COMMANDS, INTERACTIVE = "events_api", "slash_commands", "interactive"
_REASONS = {
    "operation_timeout": "http_timeout",
    "dispatch_failed": "connection_failed",
    "http_service_error": "http_error",
}


class Delivery:
    """Brings payloads to the app over the transport in force.

    `request_url` None means Socket Mode. Events are sent again after each of `retry_delays` (seconds) until one is
    acked; commands and interactions are sent once. `observers` see each payload that is sent.
    """

    def __init__(
        self, *, sockets: Sockets, http: SignedHttp, faults: Faults, ack_seconds: float, retry_delays: Sequence[float]
    ) -> None:
        self.request_url: str | None = None
        self.observers: list[Callable[[str, Json], None]] = []
        self._sockets = sockets
        self._http = http
        self._faults = faults
        self._ack_seconds = ack_seconds
        self._retry_delays = retry_delays
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, kind: str, payload: Json) -> Ack:
        """Delivers a command or interaction and gives the app's answer within the ack's time."""
        if self._faults.hold(kind, payload):
            await asyncio.sleep(self._ack_seconds)
            return Ack({}, "operation_timeout")
        ack = await self._send(kind, payload, retry=None)
        if copies := self._faults.copies(kind, payload):
            self._start(self._again(kind, payload, copies))
        return ack

    def tell(self, payload: Json) -> None:
        """Delivers an event in the background. An app that was never there gets none, and none are kept for it."""
        if not self._faults.hold(EVENTS, payload):
            self._tell(payload)

    def _tell(self, payload: Json) -> None:
        if self.request_url is not None or self._sockets.ever_used:
            self._start(self._insist(payload))

    def release(self, kind: str) -> None:
        """Delivers what was withheld of this kind, late."""
        for envelope_kind, payload in self._faults.release(kind):
            if envelope_kind == EVENTS:
                self._tell(payload)
            else:
                self._start(self._again(envelope_kind, payload, 1))

    async def verify(self) -> bool:
        """Whether the request URL answers Slack's url_verification with the challenge."""
        challenge = {
            "type": "url_verification",
            "token": "",
            "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7",
        }
        ack = await self._send(EVENTS, challenge, retry=None)
        return challenge["challenge"] in {ack.body.get("challenge"), ack.body.get("text")}

    async def settled(self, seconds: float = 10) -> None:
        """Waits until each event that was sent so far is acked or given up."""
        async with asyncio.timeout(seconds):
            while self._tasks:
                await asyncio.wait(self._tasks.copy())

    async def close(self) -> None:
        """Gives up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _insist(self, payload: Json) -> None:
        ack = await self._send(EVENTS, payload, retry=None)
        for attempt, delay in enumerate(self._retry_delays, start=1):
            if ack.error is None or ack.no_retry:
                break
            await asyncio.sleep(delay)
            ack = await self._send(EVENTS, payload, retry=Retry(attempt, _REASONS[ack.error]))
        await self._again(EVENTS, payload, self._faults.copies(EVENTS, payload))

    async def _again(self, kind: str, payload: Json, copies: int) -> None:
        for attempt in range(1, copies + 1):
            await self._send(kind, payload, retry=Retry(attempt, "http_timeout"))

    async def _send(self, kind: str, payload: Json, *, retry: Retry | None) -> Ack:
        for observer in self.observers:
            observer(kind, payload)
        if self.request_url is not None:
            return await self._http.send(self.request_url, kind, payload, retry=retry, seconds=self._ack_seconds)
        return await self._sockets.send(kind, payload, retry=retry, seconds=self._ack_seconds)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
