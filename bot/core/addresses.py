"""Addresses of customers in what people are shown: the network is enough to see who is whose neighbour."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_network

_V4 = re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?![\d.]*\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\w)")


def mask_addresses(text: str) -> str:
    """`text` with each IPv4 address without its last number, and each IPv6 address cut down to its /48."""
    return _V6.sub(_cut, _V4.sub(r"\1.x", text))


def _cut(match: re.Match[str]) -> str:
    try:
        network = ip_network((int(IPv6Address(match[0])) >> 80 << 80, 48))
    except ValueError:
        return match[0]  # a time of day, or what else has colons
    return f"{network.network_address}x"
