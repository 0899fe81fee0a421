"""What can be blocked is one address or a narrow network of strangers, in its usual spelling."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import UsageError
from bot.core.firewall import WIDEST, parse_network, spelt


@pytest.mark.row("I2")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0/0", "too wide"),
        ("::/0", "too wide"),
        ("198.51.100.0/8", "bits beyond its prefix"),
        ("198.51.100.77/24", "bits beyond its prefix"),
        ("198.0.0.0/8", "too wide"),
        ("2001:db8::/32", "too wide"),
        ("198.51.100.7,198.51.100.8", "no address"),
        ("198.51.100.7 198.51.100.8", "no address"),
        ("attacker.example", "no address"),
        ("010.99.0.5", "no address"),
        ("1.2", "no address"),
        ("198.51.100.7/", "no address"),
        ("198.51.100.7/33", "no address"),
        ("-A", "no address"),
        ("fe80::1%eth0", "no address"),
        ("::ffff:198.51.100.7", "IPv4 address 198.51.100.7 in another spelling"),
        ("10.1.2.3", "our own side's"),
        ("192.168.0.0/24", "our own side's"),
        ("127.0.0.1", "our own side's"),
        ("169.254.169.254", "our own side's"),
        ("100.64.3.4", "our own side's"),
        ("224.0.0.1", "our own side's"),
        ("::1", "our own side's"),
        ("fd00::5", "our own side's"),
        ("fe80::5", "our own side's"),
        ("", "no address"),
    ],
)
def test_what_would_block_others_or_ourselves_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_network(text)


def test_a_network_with_bits_beyond_its_prefix_is_told_what_it_would_be() -> None:
    with pytest.raises(UsageError) as refused:
        parse_network("203.0.113.9/25")

    assert "203.0.113.0/25" in refused.value.hint


@given(st.ip_addresses())
def test_an_address_that_is_taken_is_spelt_as_it_is(address: object) -> None:
    try:
        network = parse_network(str(address))
    except UsageError:
        return
    assert spelt(network) == str(address)
    assert network.num_addresses == 1


@given(st.text(max_size=60))
def test_any_text_gives_a_narrow_network_or_a_usage_error(text: str) -> None:
    try:
        network = parse_network(text)
    except UsageError:
        return
    assert network.prefixlen >= WIDEST[network.version]
    assert ip_address(text.partition("/")[0]) == network.network_address
    assert ip_network(text) == network
