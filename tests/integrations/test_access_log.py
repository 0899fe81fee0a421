from pathlib import Path

import pytest

from bot.core.errors import IntegrationError
from integrations.access_log import AccessLog, Config


async def test_a_readable_log_says_when_its_last_line_came(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("192.0.2.1 - - GET /\n")

    assert f"{file} was last written 2" in await AccessLog(Config(path=str(file))).ping()


async def test_a_missing_log_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match=r"access\.log cannot be read: No such file"):
        await AccessLog(Config(path=str(tmp_path / "access.log"))).ping()
