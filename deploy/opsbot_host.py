#!/usr/bin/python3 -I
"""The few things that opsbot may do as root on a host, and nothing else: install it as /usr/local/sbin/opsbot-host.

    opsbot-host block NETWORK SECONDS MARK     drop packets from NETWORK for so long
    opsbot-host unblock NETWORK
    opsbot-host blocked [NETWORK]              what is blocked, as JSON: all of it, or what NETWORK has a part in
    opsbot-host restart-unit NAME ...          units in the configuration, one after the other
    opsbot-host start-unit NAME ...
    opsbot-host stop-unit NAME ...
    opsbot-host scale-unit NAME@.service N     the first N instances in the configuration run, the others do not
    opsbot-host read-env FILE                  one of the files in the configuration, as a JSON string
    opsbot-host set-env FILE KEY WAS NOW       one of its keys there; WAS and NOW are `absent` or `=VALUE`

It belongs to root, takes its settings from /etc/opsbot-host.json, which belongs to root too, and runs fixed command
lines with the words above checked. It needs Python 3.10 or newer, and nothing else. Exit code 0 proves no effect.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

CONF = Path("/etc/opsbot-host.json")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LONGEST = 30 * 24 * 3600
WIDEST = {4: 24, 6: 48}  # the shortest prefixes that may be blocked: a wider network is no attacker any more

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
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}, words


def act(conf: Row, words: Sequence[str]) -> None:
    """Find the verb with its number of words."""
    block, unblock, blocked = BACKENDS[conf.get("backend", "nft")]
    match words:
        case ["block", whom, lasts, word]:
            block(conf, network(whom, conf), _seconds(lasts), _mark(word))
        case ["unblock", whom]:
            unblock(conf, network(whom, {}))
        case ["blocked"] | ["blocked", _]:
            there = blocked(conf, *(network(whom, {}) for whom in words[1:]))
            sys.stdout.write(json.dumps(there) + "\n")
        case ["restart-unit" | "start-unit" | "stop-unit" as verb, *units] if units:
            change_units(conf, verb.removesuffix("-unit"), units)
        case ["scale-unit", template, count]:
            wanted, others = instances(conf, template, count)
            change_units(conf, "start", wanted)
            change_units(conf, "stop", others)
        case ["read-env", file]:
            sys.stdout.write(json.dumps(_text(env_file(conf, file))) + "\n")
        case ["set-env", file, key, was, now] if all(word == "absent" or word[:1] == "=" for word in (was, now)):
            was, now = (None if word == "absent" else word[1:] for word in (was, now))
            set_env(env_file(conf, file, key), key, was=was, now=now)
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
        if _overlap(found, other):
            raise RefusedError(f"{found} is in {other}, which is never blocked")
    return found


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 0 < int(text) <= LONGEST:
        raise RefusedError(f"{text!r} is no number of seconds up to {LONGEST}")
    return int(text)


def _mark(text: str) -> str:
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


def _spelt(found: Network) -> str:
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


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


def _nft_set(found: Network) -> str:
    return f"{'addresses' if found.num_addresses == 1 else 'networks'}{found.version}"


def _nft_block(_conf: Row, found: Network, lasts: int, word: str) -> None:
    """Add it in one transaction; added, deleted and added, so that an entry that was there gets the new time."""
    element, place = _spelt(found), f"element inet opsbot {_nft_set(found)}"
    anew = f'{{ {element} timeout {lasts}s comment "{word}" }}'
    run("nft", f"{_TABLE}add {place} {{ {element} }};delete {place} {{ {element} }};add {place} {anew};")


def _nft_unblock(conf: Row, found: Network) -> None:
    if any(row["network"] == _spelt(found) for row in _nft_blocked(conf, found)):
        run("nft", f"delete element inet opsbot {_nft_set(found)} {{ {_spelt(found)} }}")


def _nft_blocked(_conf: Row, found: Network | None = None) -> list[Row]:
    """All of it; or the one address, for which the kernel has a look-up, and of the networks, which are few."""
    what = ("set", "inet", "opsbot", f"networks{found.version}") if found else ("table", "inet", "opsbot")
    listed = json.loads(_nft_read("-j", "list", *what) or '{"nftables": []}')["nftables"]
    elements = [element for each in listed for element in each.get("set", {}).get("elem", ())]
    rows = [_nft_row(element.get("elem", {"val": element})) for element in elements]
    return (_nft_address(found) if found and found.num_addresses == 1 else []) + _having(found, rows)


def _nft_address(found: Network) -> list[Row]:
    """Its entry; to this question `nft -j` of old versions answers in plain text too."""
    said = _nft_read("get", "element", "inet", "opsbot", _nft_set(found), f"{{ {_spelt(found)} }}")
    mark, left = re.search(r'comment "([^"]*)"', said), re.search(r"expires (\S+)", said)
    units = re.findall(r"(\d+)(d|h|ms|m|s)", left[1]) if left else ()
    seconds = sum(int(number) * _UNITS[unit] for number, unit in units)
    row = {"network": _spelt(found), "left": seconds if left else None, "mark": mark[1] if mark else ""}
    return [row] if said else []


def _nft_read(*words: str) -> str:
    """What nft answers; nothing when the kernel has no such thing."""
    try:
        return run("nft", *words)
    except RefusedError as error:
        if "No such file or directory" in str(error):
            return ""
        raise


def _having(found: Network | None, rows: Sequence[Row]) -> list[Row]:
    """Those that `found` has a part in; all of them without one."""
    return [row for row in rows if found is None or _overlap(ipaddress.ip_network(row["network"]), found)]


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


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
    return partial(run, {4: "iptables", 6: "ip6tables"}[version], "-w", "5")


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


def _iptables_block(_conf: Row, found: Network, lasts: int, word: str) -> None:
    table = _tables(found.version)
    _hook(table)
    _drop_rules(table, lambda source, until: source == str(found) or until < time.time())
    comment = f"opsbot:{word}:{int(time.time()) + lasts}"
    table("-A", _CHAIN, "-s", str(found), "-m", "comment", "--comment", comment, "-j", "DROP")


def _iptables_unblock(_conf: Row, found: Network) -> None:
    table = _tables(found.version)
    if f"-N {_CHAIN}" in table("-S"):
        _drop_rules(table, lambda source, until: source == str(found) or until < time.time())


def _iptables_blocked(_conf: Row, found: Network | None = None) -> list[Row]:
    versions = (found.version,) if found else (4, 6)
    rules = [rule for version in versions for rule in _RULE.findall(_tables(version)("-S", _CHAIN, check=False))]
    return _having(found, [_row(_spelt(ipaddress.ip_network(source)), *rest) for source, *rest in rules])


def _row(network: str, word: str, until: str) -> Row:
    return {"network": network, "left": max(int(until) - int(time.time()), 0), "mark": word}


# nginx: a file of `deny` lines that its configuration includes, for a host without root, or behind a proxy whose
# packets all come from one address (with `set_real_ip_from` and `real_ip_header`). The end is in the comment, as above.

_DENY = re.compile(r"^deny (\S+); # opsbot:(\S+):(\d+)$", re.MULTILINE)


def _deny(conf: Row, change: Callable[[dict[str, tuple[str, int]]], None]) -> None:
    """Change the entries, and put the file back when nginx does not take it."""
    file = Path(conf["deny_file"])
    before = file.read_text(encoding="utf-8") if file.exists() else None
    found = ((network, word, int(until)) for network, word, until in _DENY.findall(before or ""))
    entries = {network: (word, until) for network, word, until in found if until >= time.time()}
    change(entries)
    lines = (f"deny {network}; # opsbot:{word}:{until}\n" for network, (word, until) in entries.items())
    _replace(file, "".join(lines).encode())
    nginx = conf.get("nginx", ["nginx"])
    try:
        run(*nginx, "-t")
    except RefusedError:
        if before is None:
            file.unlink()
        else:
            _replace(file, before.encode())
        raise
    run(*nginx, "-s", "reload")


def _replace(file: Path, content: bytes, *, like: Path | None = None) -> None:
    descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            Path(fresh).chmod(0o644)
            if like:
                os.chown(fresh, like.stat().st_uid, like.stat().st_gid)
                shutil.copystat(like, fresh)
            out.write(content)
            out.flush()
            os.fsync(descriptor)
        Path(fresh).replace(file)
    finally:
        Path(fresh).unlink(missing_ok=True)


def _nginx_block(conf: Row, found: Network, lasts: int, word: str) -> None:
    _deny(conf, lambda entries: entries.update({_spelt(found): (word, int(time.time()) + lasts)}))


def _nginx_unblock(conf: Row, found: Network) -> None:
    _deny(conf, lambda entries: entries.pop(_spelt(found), None) and None)


def _nginx_blocked(conf: Row, found: Network | None = None) -> list[Row]:
    file = Path(conf["deny_file"])
    entries = _DENY.findall(file.read_text(encoding="utf-8") if file.exists() else "")
    return _having(found, [_row(*entry) for entry in entries])


# Environment files as the Node package dotenv reads them: bot/core/dotenv.py says why, and a test holds the two equal.

_BLANKS = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
_ENDS = "\n\r\u2028\u2029"
_ENTRY = re.compile(
    rf"""(?<![^{_ENDS}])[{_BLANKS}]*(?:export[{_BLANKS}]+)?
    (?P<key>[A-Za-z0-9_.-]+)(?:[{_BLANKS}]*(?P<equals>=)[{_BLANKS}]*?|(?P<colon>:)[{_BLANKS}]+?)
    (?P<value>[{_BLANKS}]*'(?:\\'|[^'])*'|[{_BLANKS}]*"(?:\\"|[^"])*"|[{_BLANKS}]*`(?:\\`|[^`])*`|[^\#\r\n]+)?
    [{_BLANKS}]*(?:\#[^{_ENDS}]*)?(?![^{_ENDS}])""",
    re.VERBOSE,
)
_QUOTED = re.compile(rf"(?<![^{_ENDS}])(['\"`])(.*)\1(?![^{_ENDS}])", re.DOTALL)
_LINE = re.compile(rf"[^{_ENDS}]*(?:\r\n|[{_ENDS}]|\Z)")


def env_file(conf: Row, name: str, *keys: str) -> Path:
    """The file, from here on with its user's rights and no others: who can put a link in its place gains nothing."""
    row = conf.get("env", {}).get(name)
    if row is None or not {*keys} <= {*row["keys"]}:
        raise RefusedError(f"{' of '.join((*keys, name))!r} is not in env of {CONF}")
    user = pwd.getpwnam(row["user"])
    if os.geteuid() != user.pw_uid:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    return Path(name).resolve(strict=True)


def set_env(file: Path, key: str, *, was: str | None, now: str | None) -> None:
    """Change one key, under the lock of its folder, which the bot takes too where it edits by itself."""
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    text = _text(file)
    if _values(text).get(key) != was:
        raise RefusedError(f"{key} is not what it was")
    _replace(file, _with_value(text, key, now).encode("utf-8", "surrogateescape"), like=file)
    os.fsync(folder)


def _values(text: str) -> dict[str, str]:
    return {key: seen for key, seen, *_ in _entries(text)}


def _with_value(text: str, key: str, new: str | None) -> str:
    """`text` with the key set, or without it; further entries of the key go."""
    own = [entry for entry in _entries(text) if entry[0] == key]
    edited = text
    for entry in reversed(own):
        begin, start, end = entry[2:]
        if new is not None and entry is own[-1]:
            edited = edited[:start] + " " * (text[start - 1] == ":") + _written(new) + edited[end:]
        else:
            begin = max(text.rfind(mark, 0, begin) for mark in _ENDS) + 1
            edited = edited[:begin] + edited[_LINE.match(edited, end).end() :]
    if new is not None and not own:
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = newline if text and not text.endswith(("\n", "\r")) else ""
        edited = f"{text}{gap}{key}={_written(new)}{newline}"
    if {**_values(text), key: new} != {key: None, **_values(edited)}:
        raise RefusedError(f"{key} cannot be changed without touching another key: a line of the file is broken")
    return edited


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogateescape")


def _entries(text: str) -> Iterator[tuple[str, str, int, int, int]]:
    for match in _ENTRY.finditer(text):
        raw = match["value"] or ""
        kept = raw.strip(_BLANKS)
        start = match.start("value") + raw.index(kept)
        separated = max(match.end("equals"), match.end("colon"))
        here = bool(kept) and start < _LINE.match(text, separated).end()
        start, end = (start, start + len(kept)) if here else (separated, separated)
        yield match["key"], _loaded(kept), match.start("key"), start, end


def _loaded(raw: str) -> str:
    plain = _QUOTED.sub(r"\2", re.sub("\r\n?", "\n", raw))
    if raw[:1] == '"':
        plain = plain.replace("\\n", "\n").replace("\\r", "\r")
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _written(new: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,-]+", new):
        return new
    for quote in "'`\"" if new.isprintable() else "":
        if quote not in new and not (quote == '"' and "\\" in new):
            return quote + new + quote
    raise RefusedError("the value has a control character or every kind of quote in it")


BACKENDS = {
    "nft": (_nft_block, _nft_unblock, _nft_blocked),
    "iptables": (_iptables_block, _iptables_unblock, _iptables_blocked),
    "nginx": (_nginx_block, _nginx_unblock, _nginx_blocked),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
