#!/usr/bin/python3 -I
"""The few things that opsbot may do as root on a host, and nothing else: install it as /usr/local/sbin/opsbot-host.

    opsbot-host block NETWORK SECONDS MARK     drop packets from NETWORK for so long
    opsbot-host unblock NETWORK
    opsbot-host blocked                        what is blocked, as JSON
    opsbot-host restart-unit NAME ...          units in the configuration, one after the other
    opsbot-host start-unit NAME ...
    opsbot-host stop-unit NAME ...
    opsbot-host scale-unit NAME@.service N     the first N instances in the configuration run, the others do not

It belongs to root, takes its settings from /etc/opsbot-host.json, which belongs to root too, and runs fixed command
lines with the words above checked. It needs Python 3.10 or newer, and nothing else. Exit code 0 proves no effect.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

CONF = Path("/etc/opsbot-host.json")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LONGEST = 30 * 24 * 3600
WIDEST = {4: 24, 6: 48}
"""The shortest prefixes that may be blocked: a wider network is no attacker any more."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Row = Mapping[str, Any]


class RefusedError(Exception):
    """What was asked for is not done."""


def main(words: Sequence[str]) -> int:
    """Do what the words say."""
    try:
        conf, words = configuration(words)
        with Path(conf.get("lock", "/run/opsbot-host.lock")).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            act(conf, words)
    except (RefusedError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"opsbot-host: {error}\n")
        return 2
    return 0


def configuration(words: Sequence[str]) -> tuple[Row, Sequence[str]]:
    """The settings; `--conf FILE` names others, for whoever runs this with no more rights than their own."""
    path = CONF
    if len(words) > 1 and words[0] == "--conf":
        if "SUDO_UID" in os.environ or os.getuid() != os.geteuid():
            raise RefusedError("--conf is not for use with sudo")
        path, words = Path(words[1]), words[2:]
    conf = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return conf, words


def act(conf: Row, words: Sequence[str]) -> None:
    """Find the verb with its number of words."""
    block, unblock, blocked = BACKENDS[conf.get("backend", "nft")]
    match words:
        case ["block", whom, lasts, word]:
            block(conf, network(whom, conf), seconds(lasts), mark(word))
        case ["unblock", whom]:
            unblock(conf, network(whom, {}))
        case ["blocked"]:
            sys.stdout.write(json.dumps(blocked(conf)) + "\n")
        case ["restart-unit" | "start-unit" | "stop-unit" as verb, *units] if units:
            change_units(conf, verb.removesuffix("-unit"), units)
        case ["scale-unit", template, count]:
            wanted, others = instances(conf, template, count)
            change_units(conf, "start", wanted)
            change_units(conf, "stop", others)
        case _:
            raise RefusedError(f"unknown words; it takes\n{(__doc__ or '').split(chr(10) * 2)[1]}")


def network(text: str, conf: Row) -> Network:
    """The one network that `text` is the usual spelling of, when it may be blocked."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if text not in {str(found), str(found.network_address)}:
        raise RefusedError(f"{text!r} is not spelt {found}")
    if found.prefixlen < WIDEST[found.version]:
        raise RefusedError(f"{found} is wider than /{WIDEST[found.version]}")
    address = found.network_address
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local:
        raise RefusedError(f"{found} is no address of a stranger")
    for never in conf.get("never", ()):
        other = ipaddress.ip_network(never)
        if other.version == found.version and found.overlaps(other):
            raise RefusedError(f"{found} is in {other}, which is never blocked")
    return found


def seconds(text: str) -> int:
    """How long."""
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 0 < int(text) <= LONGEST:
        raise RefusedError(f"{text!r} is no number of seconds up to {LONGEST}")
    return int(text)


def mark(text: str) -> str:
    """A word that is kept with the entry."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise RefusedError(f"{text!r} is no mark")
    return text


def change_units(conf: Row, verb: str, units: Sequence[str]) -> None:
    """Have systemd do it to each, up to the first that fails; one that failed too often would refuse to start."""
    for unit in units:
        if unit not in conf.get("units", ()):
            raise RefusedError(f"{unit!r} is not in units of {CONF}")
    for unit in units:
        run(*conf.get("systemctl", ["systemctl"]), "reset-failed", unit, check=False)
        run(*conf.get("systemctl", ["systemctl"]), verb, unit)


def instances(conf: Row, template: str, count: str) -> tuple[list[str], list[str]]:
    """The units of a template in the configuration that are to run, and those that are not."""
    stem = template.removesuffix(".service")
    units = [unit for unit in conf.get("units", ()) if re.fullmatch(rf"{re.escape(stem)}[1-9][0-9]*\.service", unit)]
    if not stem.endswith("@") or not count.isdecimal() or not 0 < int(count) <= len(units):
        raise RefusedError(f"{template!r} has {len(units)} instances in units of {CONF}, not {count!r}")
    names = [f"{stem}{number}.service" for number in range(1, int(count) + 1)]
    return names, [unit for unit in units if unit not in names]


def run(*argv: str, check: bool = True) -> str:
    """Run a command line and return what it prints."""
    done = subprocess.run(
        argv, env={"PATH": PATH, "LC_ALL": "C"}, capture_output=True, text=True, timeout=60, check=False
    )
    if check and done.returncode:
        raise RefusedError(f"{argv[0]} answered {done.returncode}: {done.stderr.strip()[:500]}")
    return done.stdout


def spelt(found: Network) -> str:
    """An address without its prefix length, a network with it."""
    return str(found.network_address) if found.num_addresses == 1 else str(found)


# nftables: sets with their own timeouts in a table of its own. Addresses and networks apart: a set of intervals takes
# ten times as long to change. The chains come early, and see what is forwarded to containers, which INPUT never does.

_SETS = "".join(
    f"add set inet opsbot {kind}{version} {{ type ipv{version}_addr; flags {flags}; }};"
    for version in (4, 6)
    for kind, flags in (("addresses", "timeout"), ("networks", "timeout,interval"))
)
_RULES = "".join(
    f"add chain inet opsbot {hook} {{ type filter hook {hook} priority -10; policy accept; }};"
    f"flush chain inet opsbot {hook};"
    + "".join(
        f"add rule inet opsbot {hook} {family} saddr @{kind}{version} drop;"
        for family, version in (("ip", 4), ("ip6", 6))
        for kind in ("addresses", "networks")
    )
    for hook in ("input", "forward")
)
_TABLE = f"add table inet opsbot;{_SETS}{_RULES}"


def nft_set(found: Network) -> str:
    """Where it belongs."""
    return f"{'addresses' if found.num_addresses == 1 else 'networks'}{found.version}"


def nft_block(_conf: Row, found: Network, lasts: int, word: str) -> None:
    """Add it in one transaction; added, deleted and added, so that an entry that was there gets the new time."""
    element, place = spelt(found), f"element inet opsbot {nft_set(found)}"
    anew = f'{{ {element} timeout {lasts}s comment "{word}" }}'
    run("nft", f"{_TABLE}add {place} {{ {element} }};delete {place} {{ {element} }};add {place} {anew};")


def nft_unblock(conf: Row, found: Network) -> None:
    """Delete it where it is."""
    if any(row["network"] == spelt(found) for row in nft_blocked(conf)):
        run("nft", f"delete element inet opsbot {nft_set(found)} {{ {spelt(found)} }}")


def nft_blocked(_conf: Row) -> list[Row]:
    """The elements of the sets; none without the table."""
    if "table inet opsbot" not in run("nft", "list", "tables"):
        return []
    listed = json.loads(run("nft", "-j", "list", "table", "inet", "opsbot"))["nftables"]
    elements = [element for each in listed for element in each.get("set", {}).get("elem", ())]
    return [_nft_row(element.get("elem", {"val": element})) for element in elements]


def _nft_row(element: Row) -> Row:
    value = element["val"]
    prefix = value.get("prefix") if isinstance(value, dict) else None
    text = f"{prefix['addr']}/{prefix['len']}" if prefix else str(value)
    return {"network": text, "left": element.get("expires"), "mark": element.get("comment", "")}


# iptables: a chain of its own, looked at first. It knows no end, so that is in the comment: the bot unblocks in time,
# and whatever is over goes with the next change.

_CHAIN = "OPSBOT-BLOCK"
_RULE = re.compile(rf"^-A {_CHAIN} -s (\S+) -m comment --comment \"?opsbot:(\S+?):(\d+)\"? -j DROP$", re.MULTILINE)


def _tables(version: int) -> Callable[..., str]:
    program = {4: "iptables", 6: "ip6tables"}[version]

    def table(*words: str, check: bool = True) -> str:
        return run(program, "-w", "5", *words, check=check)

    return table


def _hook(table: Callable[..., str]) -> None:
    if f"-N {_CHAIN}" not in table("-S"):
        table("-N", _CHAIN)
    for chain in ("INPUT", "FORWARD"):
        rules = [line for line in table("-S", chain).splitlines() if line.startswith("-A")]
        if rules[:1] != [f"-A {chain} -j {_CHAIN}"]:  # whatever stands before it would let the packets in
            while f"-A {chain} -j {_CHAIN}" in table("-S", chain).splitlines():
                table("-D", chain, "-j", _CHAIN)
            table("-I", chain, "1", "-j", _CHAIN)


def _drop_rules(table: Callable[..., str], unwanted: Callable[[str, int], bool]) -> None:
    for source, word, until in _RULE.findall(table("-S", _CHAIN)):
        if unwanted(source, int(until)):
            comment = f"opsbot:{word}:{until}"
            table("-D", _CHAIN, "-s", source, "-m", "comment", "--comment", comment, "-j", "DROP")


def iptables_block(_conf: Row, found: Network, lasts: int, word: str) -> None:
    """Append it to the chain, in place of an older rule for the same network."""
    table = _tables(found.version)
    _hook(table)
    _drop_rules(table, lambda source, until: source == str(found) or until < time.time())
    comment = f"opsbot:{word}:{int(time.time()) + lasts}"
    table("-A", _CHAIN, "-s", str(found), "-m", "comment", "--comment", comment, "-j", "DROP")


def iptables_unblock(_conf: Row, found: Network) -> None:
    """Delete every rule for it."""
    table = _tables(found.version)
    if f"-N {_CHAIN}" in table("-S"):
        _drop_rules(table, lambda source, until: source == str(found) or until < time.time())


def iptables_blocked(_conf: Row) -> list[Row]:
    """The rules of the chain in both families."""
    rows: list[Row] = []
    for version in (4, 6):
        for source, word, until in _RULE.findall(_tables(version)("-S", _CHAIN, check=False)):
            left = max(int(until) - int(time.time()), 0)
            rows.append({"network": spelt(ipaddress.ip_network(source)), "left": left, "mark": word})
    return rows


# nginx: a file of `deny` lines that its configuration includes, for a host without root, or behind a proxy whose
# packets all come from one address (with `set_real_ip_from` and `real_ip_header`). The end is in the comment, as above.

_DENY = re.compile(r"^deny (\S+); # opsbot:(\S+):(\d+)$", re.MULTILINE)


def _deny(conf: Row, change: Callable[[dict[str, tuple[str, int]]], None]) -> None:
    """Change the entries, and put the file back when nginx does not take it."""
    file = Path(conf["deny_file"])
    before = file.read_text(encoding="utf-8") if file.exists() else None
    entries = {network: (word, int(until)) for network, word, until in _DENY.findall(before or "")}
    entries = {network: entry for network, entry in entries.items() if entry[1] >= time.time()}
    change(entries)
    _replace(file, "".join(f"deny {network}; # opsbot:{word}:{until}\n" for network, (word, until) in entries.items()))
    nginx = conf.get("nginx", ["nginx"])
    try:
        run(*nginx, "-t")
    except RefusedError:
        if before is None:
            file.unlink()
        else:
            _replace(file, before)
        raise
    run(*nginx, "-s", "reload")


def _replace(file: Path, text: str) -> None:
    descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    Path(fresh).chmod(0o644)
    Path(fresh).replace(file)


def nginx_block(conf: Row, found: Network, lasts: int, word: str) -> None:
    """Deny it."""
    _deny(conf, lambda entries: entries.update({spelt(found): (word, int(time.time()) + lasts)}))


def nginx_unblock(conf: Row, found: Network) -> None:
    """Deny it no more."""
    _deny(conf, lambda entries: entries.pop(spelt(found), None) and None)


def nginx_blocked(conf: Row) -> list[Row]:
    """The lines of the file."""
    file = Path(conf["deny_file"])
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    now = int(time.time())
    return [
        {"network": net, "left": max(int(until) - now, 0), "mark": word} for net, word, until in _DENY.findall(text)
    ]


BACKENDS = {
    "nft": (nft_block, nft_unblock, nft_blocked),
    "iptables": (iptables_block, iptables_unblock, iptables_blocked),
    "nginx": (nginx_block, nginx_unblock, nginx_blocked),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
