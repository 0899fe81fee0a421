"""The block list on real nftables, iptables and nginx, with real packets, through the helper."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import IntegrationError
from integrations.ssh.host import SshHost
from tests.fixtures_ssh import Sshd
from tests.namespaces import FOUR, PATH, SIX, Namespace, firewall, helper, lets_in, needed
from tests.waiting import until

HOUR = timedelta(hours=1)


@pytest.fixture(params=["nft", "iptables"])
def backend(request: pytest.FixtureRequest) -> dict[str, object]:
    """The helper's settings for one way to drop packets."""
    return {"backend": request.param}


@pytest.mark.row("I2")
async def test_packets_of_a_blocked_address_are_dropped_until_it_is_let_in(
    namespace: Namespace, backend: dict[str, object]
) -> None:
    blocker = namespace.firewall(backend)
    assert await blocker.blocked() == ()
    assert await lets_in(namespace, FOUR)
    assert await lets_in(namespace, SIX)

    for address in (FOUR, SIX):
        await blocker.block(address, lasts=HOUR, mark="U0ANA")
    assert not await lets_in(namespace, FOUR)
    assert not await lets_in(namespace, SIX)
    assert await lets_in(namespace, "198.51.100.200")
    assert {(each.network, each.mark) for each in await blocker.blocked()} == {(FOUR, "U0ANA"), (SIX, "U0ANA")}

    for address in (FOUR, SIX):
        await blocker.unblock(address)
        await blocker.unblock(address)  # nothing happens
    assert await lets_in(namespace, FOUR)
    assert await lets_in(namespace, SIX)
    assert await blocker.blocked() == ()


@pytest.mark.row("I2")
async def test_a_host_over_ssh_drops_packets_too_and_tells_what_it_drops(namespace: Namespace, sshd: Sshd) -> None:
    host = SshHost(sshd.config(path=PATH))
    blocker = namespace.firewall(host=host)

    await blocker.block(FOUR, lasts=HOUR, mark="U0ANA")
    assert [each.network for each in await blocker.blocked()] == [FOUR]
    assert not await lets_in(namespace, FOUR)

    await blocker.unblock(FOUR)
    assert await lets_in(namespace, FOUR)
    await host.close()


@pytest.mark.row("I2")
async def test_a_block_counts_though_a_rule_before_it_accepts_which_the_runbooks_append_does_not(
    namespace: Namespace, backend: dict[str, object]
) -> None:
    namespace.run("iptables", "-A", "INPUT", "-p", "udp", "-j", "ACCEPT")
    namespace.run("iptables", "-A", "INPUT", "-s", FOUR, "-j", "DROP")
    assert await lets_in(namespace, FOUR)

    await namespace.firewall(backend).block(FOUR, lasts=HOUR, mark="U0ANA")

    assert not await lets_in(namespace, FOUR)


@pytest.mark.row("I2")
async def test_blocking_twice_leaves_one_entry_with_the_new_time_and_one_unblock_ends_it(
    namespace: Namespace, backend: dict[str, object]
) -> None:
    blocker = namespace.firewall(backend)

    await blocker.block(FOUR, lasts=HOUR, mark="U0ANA")
    await blocker.block(FOUR, lasts=2 * HOUR, mark="U0BEN")

    [entry] = await blocker.blocked()
    assert entry.mark == "U0BEN"
    assert entry.left is not None
    assert HOUR < entry.left <= 2 * HOUR
    await blocker.unblock(FOUR)
    assert await lets_in(namespace, FOUR)


@pytest.mark.row("I2")
async def test_a_network_keeps_out_all_of_it(namespace: Namespace, backend: dict[str, object]) -> None:
    blocker = namespace.firewall(backend)

    await blocker.block("198.51.100.0/24", lasts=HOUR, mark="U0ANA")

    assert not await lets_in(namespace, FOUR)
    assert not await lets_in(namespace, "198.51.100.200")
    assert [each.network for each in await blocker.blocked()] == ["198.51.100.0/24"]


@pytest.mark.row("I2")
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param(FOUR, [FOUR], id="an address"),
        pytest.param(SIX, [SIX, "2001:db8:5::/64"], id="an address in a network"),
        pytest.param("2001:db8:5::8", ["2001:db8:5::/64"], id="an address in a network alone"),
        pytest.param("198.51.100.8", [], id="another address"),
        pytest.param("2001:db8:5::/63", ["2001:db8:5::/64"], id="a network around one"),
    ],
)
async def test_one_address_is_asked_for_alone_with_the_networks_that_hold_it(
    namespace: Namespace, backend: dict[str, object], asked: str, told: list[str]
) -> None:
    blocker = namespace.firewall(backend)
    assert await blocker.blocked(asked) == ()
    for network, hours in ((FOUR, 50), (SIX, 1), ("2001:db8:5::/64", 2)):
        await blocker.block(network, lasts=hours * HOUR, mark="U0ANA")

    found = await blocker.blocked(asked)

    assert {each.network for each in found if "/" in each.network or each.network == asked} == {*told}
    listed = {each.network: each for each in await blocker.blocked()}
    for each in found:
        known = listed[each.network].left
        assert each.mark == "U0ANA"
        assert each.left
        assert known
        assert abs(each.left - known) < timedelta(seconds=2)


@pytest.mark.row("I2")
async def test_an_nft_entry_ends_by_itself_without_the_bot(namespace: Namespace) -> None:
    blocker = namespace.firewall()
    await blocker.block(FOUR, lasts=timedelta(seconds=1), mark="U0ANA")
    assert not await lets_in(namespace, FOUR)

    await asyncio.sleep(1.2)

    assert await lets_in(namespace, FOUR)
    assert await blocker.blocked() == ()


async def test_the_hosts_other_rules_are_left_alone(namespace: Namespace, backend: dict[str, object]) -> None:
    namespace.run("nft", "add table inet other")
    namespace.run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "443", "-j", "ACCEPT")
    blocker = namespace.firewall(backend)

    for _ in range(3):
        await blocker.block(FOUR, lasts=HOUR, mark="U0ANA")

    rules = namespace.run("nft", "list", "ruleset").stdout
    assert "table inet other" in rules
    assert rules.count("ip saddr @addresses4 drop") in {0, 2}  # one for each chain, never more
    assert namespace.run("iptables", "-S").stdout.count("--dport 443") == 1


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """The command line of an nginx that runs, and that includes a file of denied addresses."""
    if needed("nginx", "curl"):
        pytest.skip("no nginx on this machine")
    (tmp_path / "deny.conf").write_text("")
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"user root; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"include {tmp_path}/deny.conf; server {{ listen unix:{tmp_path}/socket; set_real_ip_from unix:;\n"
        f"real_ip_header X-Forwarded-For; location / {{ root {tmp_path}; }} }} }}\n"
    )
    command = (shutil.which("nginx", path=PATH) or "", "-c", str(file), "-e", str(tmp_path / "error.log"))
    subprocess.run(command, check=True, timeout=30)
    yield command
    subprocess.run((*command, "-s", "stop"), check=True, timeout=30)


def asked(socket: Path, source: str) -> str:
    argv = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", str(socket))
    done = subprocess.run(
        (*argv, "-H", f"X-Forwarded-For: {source}", "http://gateway/nginx.conf"),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.row("I2")
async def test_behind_a_proxy_nginx_denies_by_the_requests_own_address(nginx: tuple[str, ...], tmp_path: Path) -> None:
    denied, socket = tmp_path / "deny.conf", tmp_path / "socket"
    conf = {"backend": "nginx", "deny_file": str(denied), "nginx": nginx}
    denier = firewall(helper(tmp_path, conf), by_packet=False)

    await denier.block(FOUR, lasts=HOUR, mark="U0ANA")

    await until(lambda: asked(socket, FOUR) == "403")  # its workers are replaced in their own time
    assert asked(socket, "198.51.100.200") == "200"
    before = denied.read_text()
    helper(tmp_path, {**conf, "nginx": [*nginx, "-g", "nonsense;"]})
    with pytest.raises(IntegrationError, match="test failed"):
        await denier.block("198.51.100.200", lasts=HOUR, mark="U0ANA")
    assert denied.read_text() == before
    assert [each.network for each in await denier.blocked()] == [FOUR]
    assert [each.network for each in await denier.blocked(FOUR)] == [FOUR]
    assert await denier.blocked("198.51.100.200") == ()


async def test_ping_says_how_many_are_blocked_and_a_helper_that_refuses_is_an_error(namespace: Namespace) -> None:
    assert await namespace.firewall().ping() == "the helper lists 0 blocked"
    with pytest.raises(IntegrationError, match="never blocked"):
        await namespace.firewall({"never": [f"{FOUR}/32"]}).block(FOUR, lasts=HOUR, mark="U0ANA")
