from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import IntegrationError, OutcomeUnknown
from integrations.monitor import Config, MonitorScript
from tests.fixtures_gateway import Live


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scripts" / "monitor.sh"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.row("K3")
async def test_the_services_own_script_runs_from_anywhere(live: Live) -> None:
    path = live.demo.app_dir / "scripts" / "monitor.sh"
    monitor = MonitorScript(Config(script=str(path), path=live.demo.node_path), host=live.host)

    done = await monitor.run()

    assert "OK   health: 200" in done.out
    assert await monitor.ping() == f"{path} is there"


@pytest.mark.row("K3")
async def test_it_runs_in_the_folder_above_its_own_or_in_the_one_that_is_set(live: Live, tmp_path: Path) -> None:
    path = script(tmp_path, "pwd; exit 3")

    above = await MonitorScript(Config(script=str(path)), host=live.host).run()
    chosen = await MonitorScript(Config(script=str(path), folder="/"), host=live.host).run()

    assert (above.code, above.out.strip()) == (3, str(tmp_path))
    assert chosen.out.strip() == "/"


async def test_one_that_hangs_is_ended(live: Live, tmp_path: Path) -> None:
    config = Config(script=str(script(tmp_path, "sleep 60")), timeout=timedelta(seconds=0.2))

    with pytest.raises(OutcomeUnknown):
        await MonitorScript(config, host=live.host).run()


async def test_one_that_is_not_there_is_an_error(live: Live) -> None:
    monitor = MonitorScript(Config(script="/no/such/monitor.sh"), host=live.host)

    with pytest.raises(IntegrationError, match="cannot be run"):
        await monitor.run()
    with pytest.raises(IntegrationError, match="is not there or may not be run"):
        await monitor.ping()
