"""Two bots on one Postgres, of which one is killed or paused in the middle of what was asked for."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from psycopg import AsyncConnection

from bot.app import audit_key, private_folder
from bot.core.plan import Risk
from bot.core.records import Operation, StepRow
from bot.core.results import OperationState, PlanState, StepState
from bot.demo.gateway import Gateway
from bot.demo.workspace import Person, Seen, Workspace
from bot.demo.workspace.records import Channel
from bot.jobs.queue import defer
from bot.store.postgres import Postgres
from bot.store.verify import verify
from tests.app.conftest import Bot, Installation, installed
from tests.app.stage import Stage
from tests.app.trap import CHANGES, PAUSE, Blow, Trap
from tests.waiting import until

SLOWLY = 100.0
"""Seconds in which a change ends that one bot was hit in, on a machine that does much else."""

_BOTS = 2

RETRIES = (0, 3, 3, 3)
"""Seconds between the attempts to bring an event to a bot that is paused; Slack takes minutes."""

_AFTERWARDS = 0.5
"""Seconds in which a bot that woke late would do what is done already."""


@dataclass(slots=True)
class Bots:
    """What is typed in Slack is delivered twice, and run by whichever bot comes first."""

    installation: Installation
    store: Postgres
    trap: Trap
    admin: AsyncConnection[Any]

    @property
    def bots(self) -> dict[int, Bot]:
        """Those that live, by the number that each tells the database."""
        return {n: bot for n, bot in enumerate(self.installation.bots) if bot.process.returncode is None}

    async def complete(self) -> None:
        """Start bots until there are two that live."""
        while len(self.bots) < _BOTS:
            await self.installation.start({"PGOPTIONS": f"-c opsbot.bot={len(self.installation.bots)}"})

    async def strike(self, blow: Blow) -> None:
        """Hit the bot that gets to the place, and return when a paused one is awake again."""
        bot = self.bots[await self.trap.caught(within=SLOWLY)]
        if blow.is_inside:
            await self.trap.open()
            await asyncio.sleep(blow.later)
        bot.send(blow.number)
        if blow.number is signal.SIGKILL:
            await bot.process.wait()
        await self.trap.open()
        if blow.number is signal.SIGSTOP:
            await asyncio.sleep(PAUSE)
            bot.send(signal.SIGCONT)

    async def quiet(self) -> None:
        """Return when the bots have nothing to do."""

        async def is_idle() -> bool:
            left = await self.admin.execute(
                """select from procrastinate_jobs where status in ('todo', 'doing')
                   union all select from due where due_at <= now()"""
            )
            return not left.rowcount

        await until(is_idle, within=SLOWLY)
        await asyncio.sleep(_AFTERWARDS)
        await self.installation.workspace.settled(20)

    def posts(self, key: str) -> list[Seen]:
        """What was posted under a key."""
        seen = self.installation.ana.sees(self.installation.channel)
        return [each for each in seen if (each.metadata or {}).get("event_payload", {}).get("key") == key]


@dataclass(slots=True)
class Pair(Bots):
    """They act on the systems of a service."""

    stage: Stage
    conninfo: str
    key: bytes

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, *, demo: Gateway, conninfo: str, redis_port: int) -> AsyncIterator[Pair]:
        """Set everything up; no bot runs yet."""
        async with installed(demo, conninfo, folder, retry_delays=RETRIES) as installation:
            key = audit_key(private_folder(Path(installation.settings["data_dir"])))
            async with (
                Stage.open(folder, demo=demo, redis_port=redis_port) as stage,
                Postgres.open(conninfo, defer=defer, audit_key=key, size=2) as store,
                await AsyncConnection.connect(conninfo, autocommit=True) as admin,
            ):
                _configure(installation, stage)
                installation.workspace.faults.redeliver()
                yield cls(installation, store, await Trap.make(admin, CHANGES), admin, stage, conninfo, key)

    async def reset(self) -> None:
        """Nothing is planned, held or due, and nothing was done yet."""
        await self.trap.open()
        await self.stage.disconnect()
        await asyncio.to_thread(self.stage.reset)
        # What was told of a window is known by its id, which must not come again.
        await self.admin.execute("update windows set state = 'cancelled'; delete from leases; delete from due")

    async def ask(self, line: str) -> Operation:
        """Type a change, and see its plan; the click that runs it is still to come."""
        before = await self._newest()
        turn = await self.installation.ana.command(self.installation.channel, f"/ops {line}")

        async def is_planned() -> bool:
            found = await self._newest()
            return found is not None and (before is None or found.id != before.id)

        try:
            await until(is_planned, within=SLOWLY)
        except TimeoutError:
            raise AssertionError((await turn.reply(timeout=1)).plain()) from None
        newest = await self._newest()
        assert newest is not None
        return newest

    async def agree(self, operation: Operation) -> None:
        """Confirm it, or have somebody else approve it."""
        risky = operation.plan.risk is Risk.RISKY
        person = self.installation.ben if risky else self.installation.ana
        label = "Approve and run" if risky else "Confirm and run"
        plan = await person.wait_for(self.installation.channel, self._offers(operation, label), SLOWLY)
        await person.click(plan, label)

    def _offers(self, operation: Operation, label: str) -> Callable[[Seen], bool]:
        return lambda seen: label in seen.buttons() and operation.id in json.dumps(seen.blocks)

    async def settle(self, line: str) -> None:
        """Have a change done that nobody is hit in; with `!` it is done by hand."""
        if line.startswith("!"):
            await asyncio.to_thread(self.stage.by_hand, line[1:])
            return
        operation = await self.ask(line)
        await self.agree(operation)
        ended = await self.end_of(operation.id)
        assert ended.state is OperationState.DONE, (ended.why, await self.steps(ended.id))

    async def end_of(self, operation_id: str, *, within: float = SLOWLY) -> Operation:
        """The operation when it has ended, and nothing is to be done about it any more."""

        async def is_final() -> bool:
            return (await self.get(operation_id)).state.is_final

        await until(is_final, within=within)
        await self.quiet()
        return await self.get(operation_id)

    async def assert_told_once(self, operation: Operation) -> None:
        """No step is missing or ended twice, one card says how it ended, and the audit chain holds."""
        rows = await self.steps(operation.id)
        last = StepState(operation.state.value)
        assert [row.state for row in rows] == [StepState.DONE] * len(rows[:-1]) + [last] * len(rows[-1:])
        assert operation.plan_state is PlanState.ACCEPTED
        effects = await self.admin.execute("select data::jsonb from audit where kind = 'effect' order by seq")
        ends = [data for (data,) in await effects.fetchall() if data["operation"] == operation.id and "number" in data]
        assert [(each["number"], each["undo"]) for each in ends] == [(row.number, row.undo) for row in rows], ends
        [card] = self.posts(f"operation:{operation.id}")
        assert f"{operation.state} · " in card.plain()
        verdict = await asyncio.to_thread(verify, self.conninfo, key=self.key)
        assert not verdict.fault

    async def get(self, operation_id: str) -> Operation:
        async with self.store.transaction() as tx:
            return await tx.operations.get(operation_id)

    async def steps(self, operation_id: str) -> tuple[StepRow, ...]:
        async with self.store.transaction() as tx:
            return await tx.operations.steps(operation_id)

    async def _newest(self) -> Operation | None:
        async with self.store.transaction() as tx:
            return next(iter(await tx.operations.recent(limit=1)), None)

    async def automatic_since(self, moment: datetime) -> list[Operation]:
        """What began by itself since then."""
        async with self.store.transaction() as tx:
            return [each for each in await tx.operations.recent() if each.automatic and each.proposed_at >= moment]


def without_gateway(
    workspace: Workspace,
    conninfo: str,
    folder: Path,
    settings: Callable[[Person, Person, Channel], Mapping[str, object]],
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Installation:
    """A bot in a workspace of two commanders; `settings` says what else it has, of them and their channel."""
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])
    (folder / "secrets").mkdir(mode=0o700)
    values = {
        "slack__bot_token": workspace.bot_token,
        "slack__app_token": workspace.app_token,
        "database_url": conninfo,
        **secrets,
    }
    for name, value in values.items():
        (folder / "secrets" / name).write_text(value)
        (folder / "secrets" / name).chmod(0o600)
    written = {
        "data_dir": str(folder / "bot"),
        "slack": {"api_url": workspace.api_url},
        "web": {"port": 0},
        "people": {"users": {ana.id: "commander", ben.id: "commander"}},
        **settings(ana, ben, ops),
    }
    file = folder / "opsbot.yaml"
    file.write_text(yaml.safe_dump(written))
    return Installation(file, workspace, ana, ben, ops, written)


def _configure(installation: Installation, stage: Stage) -> None:
    [name] = installation.settings["services"]
    service = installation.settings["services"][name]
    service["process_manager"]["command"] = stage.watched_pm2()
    for part, more in stage.settings().items():
        service[part] = service.get(part, {}) | more
    for part, url in stage.secrets().items():
        (installation.file.parent / "secrets" / f"services__{name}__{part}__url").write_text(url)
