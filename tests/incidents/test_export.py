"""A report out of the store, from a shell, while Slack is away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.core.command import Context
from bot.core.incidents import Entry, Incident
from bot.core.people import Actor, Role
from bot.incidents.report import draft
from bot.store.postgres import Postgres
from tests.fakes import FakeChat

OPSBOT = Path(sys.executable).with_name("opsbot")
AT = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
TOKEN = "xoxb-1234567890-abcdefghijklmnop"


async def exported(database: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPSBOT_DATABASE_URL": database}
    env["OPSBOT_DATA_DIR"] = str(folder / "data")
    argv = [str(OPSBOT), "incident", "export", *arguments]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)

    return await asyncio.to_thread(run)


async def test_a_report_is_printed_in_each_format_without_secrets(
    store: Postgres, database: str, tmp_path: Path
) -> None:
    async with store.transaction() as tx:
        incident = await tx.incidents.declare(
            Incident(0, "Payments <b>fail</b>", "High", "open", "C0INC", "U0ANA", "U0ANA", AT)
        )
        await tx.entries.add(Entry("note:1", 1, AT, "U0ANA", "note", f"the token is {TOKEN}"))
    ctx = Context(Actor("U0ANA", "Ana", Role.RESPONDER), "C0INC", AT)
    await draft(ctx, incident, store=store, chat=FakeChat(), zone="UTC")

    plain, page, data = [await exported(database, tmp_path, "1", "--format", each) for each in ("md", "html", "json")]
    none = await exported(database, tmp_path, "2")

    assert plain.stdout.startswith("## Incident Report\n"), plain.stderr
    assert "<h1>Incident Report</h1>" in page.stdout
    assert "Payments &lt;b&gt;fail&lt;/b&gt;" in page.stdout
    assert json.loads(data.stdout)["sections"]["severity"] == ["High (recorded)"]
    for shown in (plain, page, data):
        assert "the token is" in shown.stdout
        assert TOKEN not in shown.stdout
    assert (none.returncode, none.stderr) == (2, "There is no incident 2.\n")


async def test_an_incident_without_a_report_is_drafted_from_the_record(
    store: Postgres, database: str, tmp_path: Path
) -> None:
    async with store.transaction() as tx:
        await tx.incidents.declare(Incident(0, "Payments fail", "High", "open", "C0INC", "U0ANA", "U0ANA", AT))
        await tx.entries.add(Entry("note:1", 1, AT, "U0ANA", "note", f"the provider is down, token {TOKEN}"))

    first = await exported(database, tmp_path, "1")
    again = await exported(database, tmp_path, "1")

    assert "the provider is down" in first.stdout, first.stderr
    assert TOKEN not in first.stdout
    assert first.stdout == again.stdout
    async with store.transaction() as tx:
        assert [each.what for each in await tx.reports.revisions(1)] == ["drafted"]
