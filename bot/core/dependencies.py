"""What is known against the packages that a service is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Weakness:
    """A package with known faults: `severity` in the source's own word, `mended_by` what an update would bring."""

    package: str
    severity: str
    versions: str
    titles: tuple[str, ...]
    direct: bool
    mended_by: str


class Dependencies(Protocol):
    """The packages of a service. Nothing is ever updated from here."""

    async def weaknesses(self) -> tuple[Weakness, ...]:
        """Every package with known faults, the worst first; an audit that was not answered raises."""
        ...
