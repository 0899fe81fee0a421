import sys

import pytest

from bot.core.errors import IntegrationError
from integrations.firewall import Config, Firewall
from integrations.local import Config as HostConfig
from integrations.local import LocalHost

# What nft 1.0.6 prints, from its documentation and recorded without the rights to list.
LISTED = "table inet filter\\ntable inet opsbot\\n"
DENIED = "Operation not permitted (you must be root)"


def firewall(script: str) -> Firewall:
    return Firewall(Config(command=(sys.executable, "-c", script)), host=LocalHost(HostConfig()))


async def test_a_filter_that_can_be_listed_says_how_many_tables_it_has() -> None:
    assert await firewall(f"print('{LISTED}', end='')").ping() == "nft lists 2 tables"


async def test_a_filter_that_refuses_is_an_error_in_its_own_words() -> None:
    with pytest.raises(IntegrationError, match="nft answered 1: Operation not permitted"):
        await firewall(f"import sys; sys.exit('{DENIED}')").ping()
