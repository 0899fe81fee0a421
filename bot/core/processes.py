"""Changing what a process manager runs, apart from the reload that nearly every change ends with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

GIVEN_UP = frozenset({"errored", "failed", "exited", "dead"})
"""What the process managers call a worker that they start no more by themselves."""


class Verb(StrEnum):
    """What can be asked of a process manager. `SCALE` takes the wanted count, `REMOVE` the id of one worker."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    SCALE = "scale"
    REMOVE = "delete"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a start from the manager's own configuration brings: workers, and bytes that each may take.

    `arguments` are those of the runtime, such as Node's flags; None where the manager does not tell them.
    `source` says where that is written and who reads it. `alone` says why a second worker could not serve, if so, and
    `remedy` what would change that.
    """

    workers: int
    memory_limit: int | None = None
    arguments: tuple[str, ...] | None = None
    source: str = ""
    alone: str = ""
    remedy: str = ""


class Supervisor(Protocol):
    """The process manager of a service, as far as it changes things."""

    async def change(self, verb: Verb, *numbers: int) -> str:
        """Do it and say what was run; the answer proves nothing about the effect.

        Raises `OutcomeUnknown` when it takes longer than its budget: it is left running, and looking tells.
        """
        ...

    def change_argv(self, verb: Verb, *numbers: int) -> tuple[str, ...]:
        """The command line of `change`, as people are shown it."""
        ...

    async def declared(self) -> Declared | None:
        """What is declared; None when the manager knows nothing of the service."""
        ...
