from __future__ import annotations

import pytest

from bot.core.credentials import faults_of


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("value", "fault", "broken"),
    [
        ("", "no value", True),
        ("your-api-key-here", "placeholder", True),
        ("<insert>", "placeholder", True),
        ("${CROSSMINT_API_KEY}", "placeholder", True),
        ("changeme", "placeholder", True),
        ("sk_live_0123456789 ", "white space", True),
        ('"sk_live_0123456789', "quote", True),
        ("sk_live_01234\x0056789", "cannot be seen", True),
        ("hunter2", "fewer than 8", False),
        ("sk_live_0123456789", "", False),
        ("postgresql://app:password@db.example.com/pay", "", False),
    ],
)
def test_what_is_wrong_with_a_value_is_said_without_it(value: str, fault: str, *, broken: bool) -> None:
    faults, keeps_from_working = faults_of(value)

    assert (fault in "; ".join(faults), bool(faults)) == (True, bool(fault))
    assert keeps_from_working is broken
    assert not value or value not in "; ".join(faults)
