"""Addresses that are kept out: which may be, the port that does it, and the one that knows the host's own network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Protocol

from bot.core.errors import UsageError

Network = IPv4Network | IPv6Network

WIDEST = {4: 24, 6: 48}
"""Shortest prefix that may be blocked, by version: whoever needs more than that needs another tool."""

_INSIDE = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
"""Private, shared, loopback, link-local, multicast and unspecified networks: RFC 1918, 6598, 3927, 4193, 4291."""


def parse_network(text: str) -> Network:
    """The one address or network that `text` spells; `UsageError` says what is wrong with any other.

    No names, no lists, no leading zeros (which some tools read as octal), no bits beyond the prefix.
    """
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", text):
        raise UsageError(
            f'"{text[:60]}" is no address.', hint="Write one IPv4 or IPv6 address, or a network like 203.0.113.0/24."
        )
    try:
        found = ip_network(text, strict=False)
    except ValueError as error:
        raise UsageError(f'"{text[:60]}" is no address: {error}.') from error
    if "/" in text and ip_network(text, strict=False).network_address != _address(text):
        raise UsageError(f"{text} has bits beyond its prefix.", hint=f"That network is {found}; one address has no /.")
    if isinstance(found, IPv6Network) and (mapped := found.network_address.ipv4_mapped):
        raise UsageError(f"{text} is the IPv4 address {mapped} in another spelling.", hint=f"Write {mapped}.")
    widest = WIDEST[found.version]
    if found.prefixlen < widest:
        raise UsageError(f"{found} is too wide: it would keep out many who did nothing.", hint=f"At most a /{widest}.")
    if inside := next((each for each in _INSIDE if each.version == found.version and found.overlaps(each)), None):
        raise UsageError(f"{found} is in {inside}: those addresses are our own side's.")
    return found


def _address(text: str) -> object:
    return ip_network(text.partition("/")[0]).network_address


def spelt(network: Network) -> str:
    """A single address without its prefix length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


@dataclass(frozen=True, slots=True)
class Blocked:
    """One entry of the block list: `left` until it ends by itself, None for never; `mark` as it was given."""

    network: str
    left: timedelta | None
    mark: str


class Firewall(Protocol):
    """What keeps addresses out of the service's host."""

    proxies: Mapping[str, str]
    """Networks in front of the host by name, whose packets carry everybody's requests."""
    protected: Mapping[str, str]
    """Networks that are never blocked, by name."""
    by_packet: bool
    """Whether packets are dropped by their source, which behind a proxy is the proxy."""

    async def blocked(self, network: str = "") -> tuple[Blocked, ...]:
        """What is blocked, by whomever: everything, or the entries that this address or network has a part in."""
        ...

    async def block(self, network: str, *, lasts: timedelta, mark: str) -> str:
        """Block it anew for so long; what was there for the same network gets the new time."""
        ...

    async def unblock(self, network: str) -> str:
        """Let it in; nothing happens when it is not blocked."""
        ...

    def block_argv(self, network: str, *, lasts: timedelta, mark: str) -> tuple[str, ...]:
        """The command line of `block`, as people are shown it."""
        ...

    def unblock_argv(self, network: str) -> tuple[str, ...]:
        """The command line of `unblock`."""
        ...


class HostNetwork(Protocol):
    """The network of the service's host as it is just now."""

    async def must_reach(self) -> Mapping[str, str]:
        """Addresses without which the host or its people are cut off, each with what it is."""
        ...
