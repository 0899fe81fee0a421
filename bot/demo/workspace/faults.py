"""Faults on demand: what Slack does on its bad days, switched on by a test or by the demo."""

import asyncio
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.demo.workspace.sockets import Sockets
from bot.demo.workspace.values import Json


@dataclass(slots=True)
class Refusal:
    """How the next `times` calls of a method are refused."""

    method: str
    status: int
    error: str
    times: int
    retry_after: int | None = None


class Faults:
    """The faults in force. Method names may be patterns (`chat.*`); `response_url` names the answers to commands.

    A `kind` of payload is an envelope type (`events_api`, `slash_commands`, `interactive`), an event's type
    (`message`, `reaction_added`) or an interaction's (`block_actions`, `view_submission`); None means all.
    """

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._refusals: list[Refusal] = []
        self._slow: dict[str, float] = {}
        self._redeliver: tuple[int, str | None] = (0, None)
        self._withheld: dict[str, list[tuple[str, Json]]] = {}

    def redeliver(self, n: int = 1, kind: str | None = None) -> None:
        """From now on each payload comes `n` more times, marked as a retry; 0 ends it."""
        self._redeliver = (n, kind)

    def withhold(self, kind: str) -> None:
        """From now on payloads of this kind do not reach the app, until `Workspace.release`."""
        self._withheld.setdefault(kind, [])

    def rate_limit(self, method: str, times: int = 1, retry_after: int = 1) -> None:
        """Answers the next calls with 429 and `Retry-After`, in seconds."""
        self._refusals.append(Refusal(method, 429, "ratelimited", times, retry_after))

    def fail(self, method: str, error: str, times: int = 1, *, status: int = 200) -> None:
        """Answers the next calls with an error; a `status` of 500 or more has no JSON body, as in an outage."""
        self._refusals.append(Refusal(method, status, error, times))

    def slow(self, method: str, seconds: float) -> None:
        """Answers each call only after this time; 0 ends it."""
        self._slow[method] = seconds

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Asks each Socket Mode connection to go and come back."""
        await self._sockets.disconnect(reason)

    def drop_connections(self) -> None:
        """Resets each Socket Mode connection, without a goodbye."""
        self._sockets.drop()

    def clear(self) -> None:
        """Ends all faults; what is withheld stays until it is released."""
        self._refusals.clear()
        self._slow.clear()
        self._redeliver = (0, None)

    async def delay(self, method: str) -> None:
        """Waits as long as the method is slow."""
        waits = [seconds for pattern, seconds in self._slow.items() if fnmatchcase(method, pattern)]
        if waits and max(waits) > 0:
            await asyncio.sleep(max(waits))

    def refusal(self, method: str) -> Refusal | None:
        """The refusal that this call gets; it is used up by one."""
        for refusal in self._refusals:
            if fnmatchcase(method, refusal.method):
                refusal.times -= 1
                if refusal.times <= 0:
                    self._refusals.remove(refusal)
                return refusal
        return None

    def copies(self, kind: str, payload: Json) -> int:
        """How many more times this payload is to be delivered."""
        count, wanted = self._redeliver
        return count if wanted is None or wanted in _names(kind, payload) else 0

    def hold(self, kind: str, payload: Json) -> bool:
        """Whether the payload is withheld; it is then kept for the release."""
        names = _names(kind, payload)
        for wanted, kept in self._withheld.items():
            if wanted in names:
                kept.append((kind, payload))
                return True
        return False

    def release(self, kind: str) -> list[tuple[str, Json]]:
        """Ends the withholding and gives back what it kept, in order."""
        return self._withheld.pop(kind, [])


def _names(kind: str, payload: Json) -> set[str]:
    event = payload.get("event")
    return {kind, event["type"] if event else payload.get("type", "")}
