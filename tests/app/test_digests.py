"""A digest and its buttons, in the whole bot on a real gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.conftest import Installation


@pytest.mark.row("K5")
@pytest.mark.timeout(180)
async def test_the_next_step_of_a_digest_leads_to_the_change_that_was_seen_done(
    installation: Installation, tmp_path: Path
) -> None:
    folder, script = tmp_path / "backups", tmp_path / "backup.sh"
    folder.mkdir()
    script.write_text(f"#!/bin/sh\necho '{{}}' | gzip >{folder}/payments-1.jsonl.gz\n")
    script.chmod(0o755)
    (service,) = installation.settings["services"].values()
    service.clear()  # nothing else is there that could be worse
    service["backups"] = {"folder": str(folder), "script": str(script)}
    ana, ops = installation.ana, installation.channel
    await installation.start()
    await ana.command(ops, "/ops digest add daily every day 11:30 --name lunch")
    await ana.wait_for(ops, "digest run lunch", 30)
    await ana.command(ops, "/ops digest run lunch")
    digest = await ana.wait_for(ops, lambda seen: "Next: backup" in seen.buttons(), 60)

    await ana.click(digest, "Next: backup")
    plan = await ana.wait_for(ops, lambda seen: "Confirm and run" in seen.buttons(), 60)
    before = list(folder.iterdir())
    await ana.click(plan, "Confirm and run")
    done = await ana.wait_for(ops, "done · ", 60, after=digest)

    assert "no backup" in digest.plain().lower()
    assert before == []
    assert len(list(folder.iterdir())) == 1
    assert "backup" in done.plain().lower()


@pytest.mark.row("K5")
@pytest.mark.timeout(180)
async def test_a_digest_comes_in_the_form_of_the_team_and_a_slip_in_that_loses_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    template = tmp_path / "templates" / "digest_daily.md.j2"
    template.parent.mkdir()
    template.write_text("Ours: {{ document.title }}, {{ document.sections | length }} section\n")
    installation.settings["templates"] = str(template.parent)
    ana, ops = installation.ana, installation.channel
    await installation.start()
    await ana.command(ops, "/ops digest add daily every day 11:30 --name lunch")
    await ana.wait_for(ops, "digest run lunch", 30)
    await ana.command(ops, "/ops digest run lunch")
    ours = await ana.wait_for(ops, "Ours: Everything that was looked at", 60)
    template.write_text("Ours: {{ docment.title }}\n")
    await ana.command(ops, "/ops digest run lunch")
    told = await ana.wait_for(ops, "has a fault: 'docment' is undefined", 60)

    assert "1 section" in ours.plain()
    assert told.ts == ours.ts
    assert "The worst first" in told.plain()
