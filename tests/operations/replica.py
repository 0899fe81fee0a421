"""A replica for tests: the real engine and worker in a process of their own, and a change that takes its time.

Run as `python replica.py CONNINFO FOLDER`; what a change does is appended to the file `effects` in FOLDER.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from bot.core.clock import now
from bot.core.command import ChangeArgs, Command, Context
from bot.core.fleet import Fleet, Service
from bot.core.plan import Action, Area, Attempt, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Host
from bot.core.records import Store
from bot.core.registry import Registry
from bot.jobs.due import Sweeper
from bot.jobs.queue import defer
from bot.jobs.worker import Worker
from bot.operations.engine import Engine
from bot.store.postgres import Postgres
from integrations.local import Config, LocalHost
from tests.fakes import FakeChat

AUDIT_KEY = b"a key that only the tests have"


@dataclass(frozen=True, slots=True)
class Book:
    """The file that a change appends to, and the lock file under which it does."""

    folder: Path

    @property
    def effects(self) -> Path:
        """One line for each beginning and each end of a change."""
        return self.folder / "effects"

    @property
    def lock(self) -> str:
        """What the child holds while it is at work."""
        return str(self.folder / "lock")

    def lines(self) -> list[str]:
        """What was written so far."""
        return self.effects.read_text().splitlines() if self.effects.exists() else []


class Append(ChangeArgs):
    """Words to write, one a step, and how long each takes in seconds."""

    words: str
    takes: float = 0.0
    step: str = "patient"


class Word(BaseModel):
    """One word."""

    word: str
    takes: float


async def plan_append(_: Context, args: Append, *, book: Book) -> Plan:
    """Write words into the book."""
    return Plan(
        title=f"Write {args.words}",
        area=Area.PROCESSES,
        changes=(),
        actions=tuple(
            Action(args.step, f"Write {word}", {"word": word, "takes": args.takes}) for word in args.words.split(",")
        ),
        preconditions={"book": str(book.folder)},
    )


async def write(attempt: Attempt[Word], *, host: Host, book: Book) -> str:
    """Write it in a child process, which goes on if this one dies."""
    word, takes = attempt.params.word, attempt.params.takes
    script = f"echo begin {word} >>effects; sleep {takes}; echo {word} >>effects"
    await host.run(("sh", "-c", script), cwd=str(book.folder), lock=book.lock, within=timedelta(minutes=1))
    return script


async def read(attempt: Attempt[Word], *, book: Book) -> Observation:
    """See whether it stands there."""
    is_there = attempt.params.word in book.lines()
    return Observation(Verdict.DONE if is_there else Verdict.NOT_DONE, f"{len(book.lines())} lines")


PATIENT = Step("patient", Word, observe=read, do=write, settle=timedelta(seconds=10))
HASTY = Step("hasty", Word, observe=read, do=write, settle=timedelta(seconds=0.1))
APPEND = Command(("append",), Append, plan=plan_append, risk=Risk.CHANGE)


def make_engine(store: Store, folder: Path, chat: FakeChat) -> Engine:
    """An engine that writes into the book in `folder`."""
    service = Service("book", "test", "desk", {Book: Book(folder), Host: LocalHost(Config())})
    return Engine(
        store=store,
        registry=Registry((APPEND,), (), (PATIENT, HASTY)),
        fleet=Fleet((service,)),
        chat=chat,
        clock=now,
        ports={},
        redact=str,
    )


async def main(conninfo: str, folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Postgres.open(conninfo, defer=defer, audit_key=AUDIT_KEY) as store:
        engine = make_engine(store, folder, FakeChat())
        worker = Worker(conninfo, engine.handlers)
        sweeper = Sweeper(store, clock=now)
        worker.start()
        sweeper.start()
        await stop.wait()
        engine.drain()
        await sweeper.stop()
        await worker.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
