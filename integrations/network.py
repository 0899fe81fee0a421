"""The host's own network, from the kernel's tables: no tool has to be installed for it.

Formats: proc_net_tcp(5) and proc(5); addresses are hexadecimal words in the machine's byte order, little-endian here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from bot.core.errors import IntegrationError
from bot.core.firewall import HostNetwork
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host

_ESTABLISHED, _LISTENING = "01", "0A"
_SSH = 22
_SOCKETS = '$4 == "01" || $4 == "0A" {print $2, $3, $4}'


class Config(IntegrationConfig):
    """The network of the service's host; there is nothing to configure."""


class ProcNetwork:
    """Reads `/proc/net` and `/etc/resolv.conf`."""

    def __init__(self, _config: Config, *, host: Host) -> None:
        self._host = host

    async def must_reach(self) -> Mapping[str, str]:
        """See `HostNetwork`: the nearer reason wins where an address has several."""
        found: dict[str, str] = {}
        found |= {peer: why async for peer, why in self._peers()}
        found |= dict.fromkeys(_resolvers(await self._read("/etc/resolv.conf")), "a name server of this host")
        found |= dict.fromkeys(_gateways(await self._read("/proc/net/route")), "the gateway of this host")
        found |= dict.fromkeys(_own_v4(await self._read("/proc/net/fib_trie")), "an address of this host")
        found |= dict.fromkeys(_own_v6(await self._read("/proc/net/if_inet6")), "an address of this host")
        return found

    async def ping(self) -> str:
        """How many addresses are in use."""
        return f"{len(await self.must_reach())} addresses are the host's own or in use by it"

    async def _peers(self) -> AsyncIterator[tuple[str, str]]:
        """Whom the host itself is connected to, and who is logged in over ssh; not who is connected to its services."""
        done = await self._host.run(("awk", _SOCKETS, "/proc/net/tcp", "/proc/net/tcp6"))
        sockets = [line.split() for line in done.out.splitlines()]
        listening = {_port(local) for local, _, state in sockets if state == _LISTENING}
        for local, remote, state in sockets:
            if state == _ESTABLISHED and _port(local) not in listening - {_SSH}:
                why = (
                    "logged in here over ssh"
                    if _port(local) == _SSH
                    else f"what this host is connected to (port {_port(remote)})"
                )
                yield str(_address(remote)), why

    async def _read(self, path: str) -> str:
        done = await self._host.run(("cat", path))
        if done.code and "No such file" not in done.err:  # a kernel without IPv6 has no table of it
            raise IntegrationError(f"{path} of {self._host.name} cannot be read: {done.err.strip()[:200]}")
        return done.out


def _port(place: str) -> int:
    return int(place.partition(":")[2], 16)


def _address(place: str) -> IPv4Address | IPv6Address:
    words = place.partition(":")[0]
    raw = b"".join(bytes.fromhex(words[start : start + 8])[::-1] for start in range(0, len(words), 8))
    address = ip_address(raw)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _resolvers(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if match := re.match(r"\s*nameserver\s+([0-9A-Fa-f:.]+)", line):
            yield match[1]


def _gateways(text: str) -> Iterator[str]:
    for line in text.splitlines()[1:]:
        gateway = line.split()[2]
        if gateway != "00000000":
            yield str(_address(gateway))


def _own_v4(text: str) -> Iterator[str]:
    yield from re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL", text)


def _own_v6(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield str(ip_address(bytes.fromhex(line.split()[0])))


INTEGRATION = Integration("network", Config, ProcNetwork, provides=(HostNetwork,), always=True)
