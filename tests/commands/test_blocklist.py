"""Blocking an attacking address from Slack: what is refused, what is seen, and how it ends."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from bot.core.errors import Conflict, UsageError
from bot.core.firewall import Firewall, HostNetwork
from bot.core.results import OperationState
from bot.views import render
from integrations import network
from tests.commands.bench import Bench
from tests.namespaces import FOUR, Namespace, lets_in


@pytest.fixture
def blocking(bench: Bench, namespace: Namespace) -> Bench:
    """The bench with a packet filter of its own, and this machine's own network."""
    bench.ports = {
        Firewall: namespace.firewall(protected={"the office": "198.51.100.200/32"}),
        HostNetwork: network.ProcNetwork(network.Config(), host=bench.live.host),
    }
    return bench


@pytest.mark.row("I2")
async def test_an_address_is_blocked_for_a_day_listed_with_its_reason_and_let_in_by_undo(
    blocking: Bench, namespace: Namespace
) -> None:
    card = render(await blocking.type(f"block-ip {FOUR} card testing")).text
    assert "after 1d" in card

    operation = await blocking.run(f"block-ip {FOUR} card testing")
    assert operation.state is OperationState.DONE
    assert not await lets_in(namespace, FOUR)
    listed = await blocking.says("blocked")
    assert FOUR in listed
    assert "card testing" in listed

    [lease] = await blocking.leases("block")
    await blocking.run(f"undo {lease.id[:8]}")
    assert await lets_in(namespace, FOUR)
    assert await blocking.leases("block") == ()


@pytest.mark.row("I2")
async def test_it_ends_by_itself_and_leaves_the_list(blocking: Bench, namespace: Namespace) -> None:
    await blocking.run(f"block-ip {FOUR} --for 2h scanning")

    await blocking.end_what_is_due(after=timedelta(hours=3))

    assert await lets_in(namespace, FOUR)
    assert "Nobody is blocked" in await blocking.says("blocked")


@pytest.mark.row("I2")
async def test_blocking_again_gives_the_new_time_to_one_entry(blocking: Bench) -> None:
    await blocking.run(f"block-ip {FOUR} --for 1h first")

    operation = await blocking.run(f"block-ip {FOUR} --for 5h still at it")

    assert operation.state is OperationState.DONE
    [lease] = await blocking.leases("block")
    assert lease.reason == "still at it"
    assert "for 4h59m" in await blocking.says("blocked")


@pytest.mark.row("I2")
async def test_our_own_addresses_are_never_blocked(blocking: Bench) -> None:
    with pytest.raises(Conflict, match="the office") as office:
        await blocking.type("block-ip 198.51.100.200 angry customer")
    with pytest.raises(Conflict, match="the office"):
        await blocking.type("block-ip 198.51.100.0/24 angry customers")
    with pytest.raises(UsageError, match="our own side's"):
        await blocking.type("block-ip 127.0.0.1 oops")

    assert "cut us off" in str(office.value)


@pytest.mark.row("I2")
async def test_what_covers_it_already_is_named(blocking: Bench) -> None:
    # Of IPv6, for this machine may be connected to somebody in the documentation's IPv4 networks.
    await blocking.run("block-ip 2001:db8:77::/48 botnet")

    with pytest.raises(Conflict, match=r"blocked already, by 2001:db8:77::/48"):
        await blocking.type("block-ip 2001:db8:77::9 one of them")
    with pytest.raises(Conflict, match=r"blocked with all of 2001:db8:77::/48"):
        await blocking.type("unblock-ip 2001:db8:77::9")


@pytest.mark.row("I2")
async def test_what_the_bot_did_not_block_is_listed_and_what_somebody_took_out_is_told(
    blocking: Bench, namespace: Namespace
) -> None:
    await blocking.run(f"block-ip {FOUR} card testing")
    namespace.run("nft", "delete element inet opsbot addresses4 { 198.51.100.7 }")
    namespace.run("nft", "add element inet opsbot addresses4 { 203.0.113.5 timeout 60s }")

    listed = await blocking.says("blocked")

    assert "not by me" in listed
    assert f"{FOUR} is to be blocked, and is not in the list any more" in listed
    assert "nothing has to change" not in await blocking.says(f"unblock-ip {FOUR}")


async def test_behind_a_proxy_the_plan_says_that_it_may_do_nothing(bench: Bench, namespace: Namespace) -> None:
    bench.ports = {
        Firewall: namespace.firewall(proxies={"the CDN": "198.51.100.200/32"}),
        HostNetwork: network.ProcNetwork(network.Config(), host=bench.live.host),
    }

    card = render(await bench.type(f"block-ip {FOUR} card testing")).text

    assert "packets come from the CDN" in card
    with pytest.raises(Conflict, match="every customer behind it"):
        await bench.type("block-ip 198.51.100.200 too many requests")


@pytest.mark.row("I2")
async def test_the_hosts_own_addresses_and_those_it_is_connected_to_are_known(bench: Bench) -> None:
    known = network.ProcNetwork(network.Config(), host=bench.live.host)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        ours = await known.must_reach()

    assert ours["127.0.0.1"] == "an address of this host"
    assert "addresses are the host's own" in await known.ping()
