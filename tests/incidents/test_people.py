from __future__ import annotations

import pytest

from bot.incidents.people import names_of, readable
from tests.fakes import FakeChat

NAMES = {"U0ANA": "Ana"}


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("<@U0ANA> look", "@Ana look"),
        ("<@U0BEN|ben> look", "@ben look"),
        ("<@U0CHI> look", "@U0CHI look"),
        ("see <#C0OPS|ops> and <#C0DEV>", "see #ops and #C0DEV"),
        ("<!here> and <!subteam^S1|@oncall>", "@here and @oncall"),
        ("<https://x.example/a|the page>", "the page (https://x.example/a)"),
        ("<https://x.example|https://x.example> <https://y.example>", "https://x.example https://y.example"),
        ("<!date^1700000000^{date}|14 November>", "14 November"),
        ("a < b > c && 1 <2 <div> <!-- x --> <@nobody>", "a < b > c && 1 <2 <div> <!-- x --> <@nobody>"),
    ],
)
def test_slacks_references_become_words(stored: str, read: str) -> None:
    assert readable(stored, NAMES) == read


async def test_people_whom_slack_does_not_tell_keep_their_id_and_names_are_left_alone() -> None:
    assert await names_of(["U0GONE", "opsbot (automatic)"], FakeChat()) == {"U0GONE": "U0GONE"}
