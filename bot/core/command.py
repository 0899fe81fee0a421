"""The shape of a command, and what it is told about the one who asks."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from bot.core.parse import option, words
from bot.core.people import Actor, Role
from bot.core.plan import Plan, Risk, Step
from bot.core.results import Result


class Root(StrEnum):
    """The slash command that a path hangs under."""

    OPS = "ops"
    INCIDENT = "incident"


class Args(BaseModel):
    """Base of every command's arguments: what is not declared is a fault, not noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceArgs(Args):
    """Arguments of a command that is about one service."""

    service: str = option("", "Service to act on; needed only where several are configured.")


class ChangeArgs(ServiceArgs):
    """Arguments of a command that changes something."""

    break_glass: str = option("", "Run a risky change without a second person: why. All commanders are told.")
    dry_run: bool = option(default=False, description="Show the plan and stop there.")


class ReasonedArgs(ChangeArgs):
    """Arguments of a change that is remembered with its reason."""

    reason: str = words("", "Why; kept in the history and told in an incident's timeline.")


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, where and when; `service` is the resolved name, empty for a command that is about none.

    `trigger_id` is empty outside Slack. `thread_ts` is set when the request came from a thread.
    """

    actor: Actor
    channel_id: str
    now: datetime
    service: str = ""
    environment: str = ""
    thread_ts: str = ""
    trigger_id: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can type: `/<root> <path> <args>`.

    Either `run` (a read, or a change of the bot's own records) or `plan` (a change of the outside). Both are
    `async def f(ctx, args, *, port: Port, ...)`; the first paragraph of the docstring is the command's summary.
    `rows` names the rows of the runbook that it implements. `steps` are the kinds of effect that its plans use.
    `break_glass` is False where two people are needed whatever happens. `direct` gives its first word a slash command
    of its own (`/ops-status`). `public` answers where all can read it. `listed` is False for what only says why it is
    not done: it has no place in the index of help.
    """

    path: tuple[str, ...]
    args: type[BaseModel]
    run: Callable[..., Awaitable[Result]] | None = None
    plan: Callable[..., Awaitable[Plan]] | None = None
    role: Role = Role.VIEWER
    risk: Risk = Risk.READ
    root: Root = Root.OPS
    rows: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    examples: tuple[str, ...] = ()
    break_glass: bool = True
    direct: bool = False
    public: bool = False
    listed: bool = True

    @property
    def name(self) -> str:
        """The words to type after the root."""
        return " ".join(self.path)

    @property
    def function(self) -> Callable[..., Awaitable[Any]]:
        """`run` or `plan`, whichever it has."""
        function = self.run or self.plan
        assert function is not None
        return function

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return _summary(self.function)


Offers = Mapping[str, tuple[tuple[str, str], ...]]
"""By the name of a field the values that it can have, each with the words that people read; no value has a space."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What a click answers that asks for words: the form of the command at `path` (as typed after the main root).

    `given` is filled in already; `kept` goes along unseen, such as the number of the row that is edited. A field with
    values `offered` is answered by some of them, which come back with spaces between.
    """

    path: tuple[str, ...]
    given: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    offered: Offers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Click:
    """What a button's `verb` does: `async def f(ctx, row_id, *, port: Port, ...) -> Result | Filling | None`.

    The result replaces the card that was clicked; None leaves it to the handler, which has updated it by itself.
    """

    verb: str
    run: Callable[..., Awaitable[Result | Filling | None]]
    role: Role = Role.VIEWER


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry in the menu of every message, `title` (24 characters): `async def f(ctx, message, *, port: Port, ...)`.

    `message` is a `MessageRef`; the answer is a `Result` for the one who chose it, or a `Filling`. It works in threads.
    The first paragraph of the docstring is its description in the manifest.
    """

    verb: str
    title: str
    run: Callable[..., Awaitable[Result | Filling]]
    role: Role = Role.RESPONDER

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return _summary(self.run)


def needs(function: Callable[..., object]) -> dict[str, type]:
    """Ports that a function, or a class when it is built, asks for: its keyword-only parameters without a default."""
    called = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]  # the class itself is meant
    hints = typing.get_type_hints(called)
    parameters = inspect.signature(called).parameters.values()
    return {p.name: hints[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}


def _summary(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
