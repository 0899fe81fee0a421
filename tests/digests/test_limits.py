"""The limits that a configuration may set."""

from __future__ import annotations

from bot.digests.limits import DECLARED, LIMITS


def test_every_limit_has_a_name_of_its_own_and_says_what_it_means() -> None:
    assert len(LIMITS) == len(DECLARED)
    assert all(limit.meaning.endswith(".") for limit in DECLARED)
