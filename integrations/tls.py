"""Certificates by a live handshake: what a file on the host says is not what customers are shown."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from bot.core.certificates import Certificate, Certificates
from bot.core.clock import now
from bot.core.errors import IntegrationError, NotConfigured, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host

_PATIENCE = 8.0  # seconds of one handshake
_PORT = 443
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/."""
_FAULTS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is issued by an authority that nobody trusts",
    20: "it is issued by an authority that is not known here, or the chain to it is incomplete",
    21: "it is issued by an authority that is not known here, or the chain to it is incomplete",
    62: "it is for other names than this host's",
    64: "it is for other addresses than this host's",
}
"""OpenSSL's codes of a verification that fails: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/."""


class Config(IntegrationConfig):
    """The hosts whose certificates customers see."""

    hosts: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$")], ...] = Field(
        title="Hosts", min_length=1, description="`HOST` or `HOST:PORT`, 443 if not said."
    )
    files: Mapping[str, Annotated[str, StringConstraints(pattern="^/")]] = Field(
        {},
        title="Files",
        description="For some of the hosts, the file on the service's machine that the web server reads, PEM, the "
        "host's own certificate first: a renewed one that is not shown yet is told.",
    )
    ca: str = Field("", title="Authority", description="File of an authority of your own that is trusted as well.")


class LiveCertificates:
    """Connects from the bot's own machine."""

    def __init__(self, config: Config, *, host: Host) -> None:
        if unknown := sorted(set(config.files) - set(config.hosts)):
            raise NotConfigured(f"tls.files names {', '.join(unknown)}, which tls.hosts does not.")
        self.hosts = config.hosts
        self.filed = tuple(config.files)
        self._files = config.files
        self._host = host
        self._ca = config.ca

    async def look(self, host: str) -> Certificate:
        """See `Certificates`."""
        fault = ""
        try:
            shown, der = await _handshake(host, self._strict())
        except ssl.SSLCertVerificationError as error:
            fault = _FAULTS.get(error.verify_code, error.verify_message)
            shown, der = await _read_anyway(host)
        return Certificate(
            host=host,
            names=tuple(name for _, name in shown.get("subjectAltName", ())),
            issuer=_name(shown.get("issuer", ())),
            expires_at=_moment(shown["notAfter"]) if "notAfter" in shown else None,
            fault=fault,
            fingerprint=hashlib.sha256(der).hexdigest(),
        )

    async def on_file(self, host: str) -> str:
        """See `Certificates`."""
        path = self._files[host]
        done = await self._host.run(["cat", "--", path])
        found = _PEM.search(done.out)
        if done.code or found is None:
            reason = done.err.strip()[-200:] if done.code else "it holds no certificate in PEM"
            raise IntegrationError(f"{path} cannot be read: {reason}.", hint="Check tls.files.")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()

    async def ping(self) -> str:
        """When the first of them expires."""
        ends = []
        for host in self.hosts:
            seen = await self.look(host)
            if seen.fault or seen.expires_at is None:
                raise IntegrationError(f"The certificate of {host} is refused: {seen.fault or 'it cannot be read'}.")
            ends.append(seen.expires_at)
        return f"the first of {len(ends)} expires in {(min(ends) - now()).days} days"

    def _strict(self) -> ssl.SSLContext:
        """As a browser is, with the authority of one's own beside the usual ones."""
        try:
            context = ssl.create_default_context()
            if self._ca:
                context.load_verify_locations(self._ca)
        except OSError as error:
            raise IntegrationError(
                f"{self._ca} holds no authority that could be read.", hint="Check tls.ca."
            ) from error
        return context


async def _handshake(host: str, context: ssl.SSLContext) -> tuple[dict[str, Any], bytes]:
    """What the host presents, read as far as it was verified, and as it came."""
    name, _, port = host.partition(":")
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(name, int(port or _PORT), ssl=context)
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise IntegrationError(f"{host} answers, and not in TLS that I speak: {error.reason}.") from error
    except TimeoutError as error:
        raise OutcomeUnknown(f"{host} did not shake hands within {_PATIENCE:g} s.") from error
    except OSError as error:
        raise IntegrationError(f"{host} cannot be reached: {error.strerror or error}.") from error
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return dict(connection.getpeercert() or {}), connection.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()  # nothing is to be said; a host that never answers the farewell costs nothing


async def _read_anyway(host: str) -> tuple[dict[str, Any], bytes]:
    """What a certificate that is refused says of itself: Python reads only what it has verified.

    So it is fetched unverified, and read where it alone is trusted. No word is sent over either connection.
    """
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    _, certificate = await _handshake(host, unverified)
    pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pinned.check_hostname = False
    pinned.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        pinned.load_verify_locations(cadata=certificate)
        shown, _ = await _handshake(host, pinned)
    except ssl.SSLError:  # another one by now, behind a balancer: that it was refused is known, and no more
        return {}, certificate
    return shown, certificate


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """Who issued it: the organisation, and which of its authorities."""
    said = {key: value for part in parts for key, value in part}
    return ", ".join(said[key] for key in ("organizationName", "commonName") if key in said)


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


INTEGRATION = Integration("tls", Config, LiveCertificates, provides=(Certificates,))
