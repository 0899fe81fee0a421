from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.addresses import mask_addresses


@pytest.mark.row("I4")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("203.0.113.77 - - [02/Mar/2026:09:00:00 +0000]", "203.0.113.x - - [02/Mar/2026:09:00:00 +0000]"),
        ("from 203.0.113.77:443, 198.51.100.1.", "from 203.0.113.x:443, 198.51.100.x."),
        ("::ffff:203.0.113.77", "::ffff:203.0.113.x"),
        ("http://203.0.113.77/a?ip=203.0.113.78", "http://203.0.113.x/a?ip=203.0.113.x"),
        ("2001:db8:5:6::7 asked", "2001:db8:5::x asked"),
        ("[2001:db8:5:6:1:2:3:4]:443", "[2001:db8:5::x]:443"),
        ("at 09:00:00, 2026-03-02T09:00:00Z, a::b::c", "at 09:00:00, 2026-03-02T09:00:00Z, a::b::c"),
        ("release 1.2.3 of 4", "release 1.2.3 of 4"),
    ],
)
def test_addresses_lose_what_tells_one_customer_from_another(text: str, shown: str) -> None:
    assert mask_addresses(text) == shown


@given(st.ip_addresses())
def test_no_whole_address_is_left(address: object) -> None:
    text = f"{address} - - request"
    shown = mask_addresses(text).split()[0]

    if isinstance(address, IPv6Address):
        assert str(address) != shown or int(address) % 2**80 == 0
    else:
        assert shown == f"{str(address).rpartition('.')[0]}.x"


@given(st.text("0123456789abcdef:. ", max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_addresses(text)

    assert mask_addresses(once) == once
