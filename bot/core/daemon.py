"""The daemon of a process manager, which may run more apps than the service: what ends it ends all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Act(StrEnum):
    """What can be asked of a daemon as a whole. `SAVE` writes down what it runs, for `RESURRECT` to bring back."""

    SAVE = "save"
    KILL = "kill"
    RESURRECT = "resurrect"


@dataclass(frozen=True, slots=True)
class App:
    """One app with its workers; `pids` are of those that run. What comes back by itself (`module`) is never saved."""

    name: str
    workers: int
    pids: tuple[int, ...] = ()
    module: bool = False


@dataclass(frozen=True, slots=True)
class Dump:
    """What a save wrote: workers by app, the file's mode in octal, and when, as the host writes it."""

    apps: dict[str, int]
    mode: str
    written: str


class Daemon(Protocol):
    """The daemon that runs the service, and others of the same user."""

    async def running(self) -> int | None:
        """Its pid; None only when there is none for sure."""
        ...

    async def apps(self) -> tuple[App, ...]:
        """Every app that it runs."""
        ...

    async def dump(self) -> Dump | None:
        """What was saved last; None when nothing was."""
        ...

    async def left(self, pids: Sequence[int]) -> tuple[int, ...]:
        """Those of these processes that are still there."""
        ...

    async def act(self, act: Act) -> str:
        """Do it and say what was run; the answer proves nothing about the effect."""
        ...

    def act_argv(self, act: Act) -> tuple[str, ...]:
        """The command line of `act`, as people are shown it."""
        ...
