"""The payment provider that the service depends on: what it says of itself, and how it answers us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.core.parts import State


@dataclass(frozen=True, slots=True)
class Part:
    """A component, or an open incident, of the provider, in its own words."""

    name: str
    state: State
    said: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the status page says; a page that cannot be read says nothing, and is unknown."""

    state: State
    words: str
    parts: tuple[Part, ...] = ()
    incidents: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """How the API answered one GET. `accepts` is whether it took our credentials, None when it does not let on.

    Nothing of the answer but its status is kept.
    """

    state: State
    words: str
    status: int | None = None
    latency: float | None = None
    accepts: bool | None = None


class Provider(Protocol):
    """The provider as seen from where the bot runs."""

    name: str
    page: str
    """Address of the status page."""
    keys: tuple[str, ...]
    """Keys of the service's env file that `probe` sends; empty without a probe."""
    probed: str
    """Address that `probe` asks; empty where none is configured."""

    async def status(self) -> Said:
        """What the provider says of itself."""
        ...

    async def probe(self) -> Probed | None:
        """Ask the API with the service's own credentials; None where no address is configured.

        A provider that answers invented credentials alike does not tell whether ours are good.
        """
        ...
