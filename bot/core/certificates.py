"""The certificates that customers are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a host presents just now; `fault` says why a customer's browser refuses it, if so.

    `expires_at` is None where a certificate that is refused could not be read. `fingerprint` is the SHA-256 of its DER.
    """

    host: str
    names: tuple[str, ...]
    issuer: str
    expires_at: datetime | None
    fault: str = ""
    fingerprint: str = ""


class Certificates(Protocol):
    """The hosts of a service that speak TLS, as their customers see them."""

    hosts: tuple[str, ...]
    """Those that are configured, as `HOST` or `HOST:PORT`; nobody else is asked."""

    filed: tuple[str, ...]
    """Those of them whose certificate is known to lie in a file of the service's machine."""

    async def on_file(self, host: str) -> str:
        """The fingerprint of the certificate in the file of one of `filed`; a file that cannot be read raises."""
        ...

    async def look(self, host: str) -> Certificate:
        """Shake hands with one of them; nobody there, or nobody who speaks TLS, raises."""
        ...
