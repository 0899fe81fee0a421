"""Every command, click and kind of step, found by a scan: adding one is adding a file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import TypeVar

from bot.core.command import Click, Command, Root, Shortcut, needs
from bot.core.errors import NotConfigured, NotFound, UsageError
from bot.core.parameters import parameters
from bot.core.parse import usage
from bot.core.people import Role
from bot.core.plan import Risk, Step
from bot.core.results import CommandHelp, HelpIndex

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
Path = tuple[str, ...]

_CHAPTERS = ("", "Look", "Change", "Incidents")
"""Of the index, in the order of its reader's needs; a single family has no chapters."""
_FEW = 3
"""Commands of one family, in a chapter of the index, that have a line each: one message has to hold all of it."""

_HELP = {("help",), ("--help",)}
_WORD = re.compile(r"[a-z][a-z0-9-]*")
_ALIKE = 0.7


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that was typed, and the text after its words."""

    command: Command
    rest: str


@dataclass(frozen=True, slots=True)
class HelpAsked:
    """Help was typed, or a family without saying which of its commands; an empty path asks for everything."""

    path: Path


@dataclass(frozen=True, slots=True)
class Slash:
    """A slash command as Slack has to know it: `name` with its `/`."""

    name: str
    summary: str
    usage_hint: str


class Registry:
    """What can be typed, clicked and done.

    A path is what is typed after `/<prefix>`: commands of the incident root begin with `incident` there, and have
    `/<incident_root>` besides. `RuntimeError` when two things have one name, or one cannot be offered.
    """

    def __init__(
        self,
        commands: Iterable[Command] = (),
        clicks: Iterable[Click] = (),
        steps: Iterable[Step] = (),
        shortcuts: Iterable[Shortcut] = (),
        *,
        prefix: str = "ops",
        incident_root: str = "incident",
    ) -> None:
        self.commands = _unique((_typed_path(command), command) for command in commands)
        self.clicks = _unique((click.verb, click) for click in clicks)
        self.shortcuts = _unique((shortcut.verb, shortcut) for shortcut in shortcuts)
        own = (step for command in self.commands.values() for step in command.steps)
        self.steps = _unique((step.name, step) for step in (*steps, *own))
        for command in self.commands.values():
            _inspect(command)
        self._ops, self._incident = f"/{prefix}", f"/{incident_root}"
        direct = sorted({path[0] for path, command in self.commands.items() if command.direct})
        self._bases: dict[str, Path] = {self._ops: (), self._incident: (Root.INCIDENT.value,)}
        self._bases |= {f"{self._ops}-{word}": (word,) for word in direct}
        self._longest = max((len(path) for path in self.commands), default=0)

    @classmethod
    def discover(
        cls,
        package: str = "commands",
        *,
        commands: Iterable[Command] = (),
        clicks: Iterable[Click] = (),
        steps: Iterable[Step] = (),
        prefix: str = "ops",
        incident_root: str = "incident",
    ) -> Registry:
        """Import every module of `package`, collect its `COMMANDS`, `CLICKS` and `SHORTCUTS`, and add what is given."""
        root = importlib.import_module(package)
        modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(root.__path__)]
        return cls(
            [*commands, *(command for module in modules for command in getattr(module, "COMMANDS", ()))],
            [*clicks, *(click for module in modules for click in getattr(module, "CLICKS", ()))],
            steps,
            [shortcut for module in modules for shortcut in getattr(module, "SHORTCUTS", ())],
            prefix=prefix,
            incident_root=incident_root,
        )

    def resolve(self, slash: str, text: str) -> Asked | HelpAsked:
        """What `text` after the slash command asks for, by the longest path; `UsageError` names the nearest one."""
        base = self._bases.get(slash)
        if base is None:
            raise NotFound(f"{slash} is not one of my commands.", hint=f"Try {self._ops} help.")
        typed = list(re.finditer(r"\S+", text))
        words = (*base, *(match[0].lower() for match in typed))
        if words[len(base) : len(base) + 1] in _HELP:
            return HelpAsked(self._known((*base, *words[len(base) + 1 :])))
        for length in range(min(len(words), self._longest), max(len(base), 1) - 1, -1):
            command = self.commands.get(words[:length])
            if command:
                if words[length:] in _HELP:
                    return HelpAsked(words[:length])
                rest = text[typed[length - len(base)].start() :] if length < len(words) else ""
                return Asked(command, rest.strip())
        return HelpAsked(self._known(words[:-1] if words[-1:] in _HELP else words))

    def help(self, asked: HelpAsked, role: Role) -> CommandHelp | HelpIndex:
        """The command explained, or the index of what `role` may run below the path."""
        below = {path: command for path, command in self.commands.items() if path[: len(asked.path)] == asked.path}
        if len(below) == 1 and asked.path in below:
            return self._explain(asked.path)
        shown = [command for _, command in sorted(below.items()) if command.role <= role and command.listed]
        families: dict[str, list[tuple[str, str]]] = {}
        if asked.path and shown:
            families[""] = [(self.usage(command), command.summary) for command in shown]
        for (chapter, base), commands in () if asked.path else _by_family(shown).items():
            families.setdefault(chapter, []).extend(self._entries(base, commands))
        hidden = sum(command.role > role for command in below.values())
        return HelpIndex(
            root=self.typed(asked.path),
            families=tuple((name, tuple(families[name])) for name in _CHAPTERS if name in families),
            note=f"Left out: {hidden} for which a role above {role.word} is needed." if hidden else "",
        )

    def _entries(self, base: Path, commands: Sequence[Command]) -> list[tuple[str, str]]:
        """What the index of everything says of a family in a chapter: one line where it is large."""
        if len(commands) <= _FEW:
            return [(self._short(command), command.summary) for command in commands]
        words = dict.fromkeys(word for command in commands for word in _typed_path(command)[len(base) :][:1])
        return [(f"{self.typed(base)} {' | '.join(words)}", self._about(base))]

    def usage(self, command: Command) -> str:
        """The line that shows how to type it: `/ops maintenance on [--for DURATION] [reason ...]`."""
        return usage(self.typed(_typed_path(command)), command.args)

    def typed(self, path: Path) -> str:
        """A path as people type it, with its slash command."""
        if path[:1] == (Root.INCIDENT,):
            return " ".join((self._incident, *path[1:]))
        return " ".join((self._ops, *path))

    def slashes(self) -> tuple[Slash, ...]:
        """The slash commands that the app has to declare."""
        found = []
        for name, base in self._bases.items():
            below = self._below(base)
            if base in self.commands and len(below) == 1:
                command = self.commands[base]
                hint = usage("", command.args).strip()
                found.append(Slash(name, command.summary, hint))
            elif below:
                words = sorted({path[len(base)] for path in below if len(path) > len(base)})
                found.append(Slash(name, self._about(base), " | ".join((*words, "help"))))
        return tuple(found)

    def check(self, known: AbstractSet[type]) -> None:
        """`RuntimeError` when a function asks for a type of port that is not among `known`."""
        steps = [
            part for step in self.steps.values() for part in (step.before, step.do, step.progress, step.observe) if part
        ]
        commands = [command.function for command in self.commands.values()]
        clicks = [click.run for click in self.clicks.values()]
        clicks += [shortcut.run for shortcut in self.shortcuts.values()]
        for function in (*commands, *clicks, *steps):
            for name, kind in needs(function).items():
                if kind not in known:
                    raise RuntimeError(
                        f"{function.__module__}.{function.__qualname__} asks for {name}: {kind.__name__}, "
                        "which nothing in the program provides"
                    )

    def _short(self, command: Command) -> str:
        """How to type it with no more than it needs."""
        needed = (p.usage for p in parameters(command.args) if p.required)
        return " ".join((self.typed(_typed_path(command)), *needed))

    def _explain(self, path: Path) -> CommandHelp:
        command = self.commands[path]
        return CommandHelp(
            command=self.typed(path),
            usage=self.usage(command),
            summary=command.summary,
            role=command.role.word,
            risk=command.risk.value,
            examples=tuple(f"{self.typed(path)} {example}".strip() for example in command.examples),
            options=tuple((p.usage, p.description) for p in parameters(command.args)),
        )

    def _about(self, base: Path) -> str:
        """What a family is for: the docstring of the module that holds its first command."""
        if not base:
            return "Operate the services: every action of the runbook."
        if base == (Root.INCIDENT,):
            return "Run incidents: declare, record, update, hand over, resolve, report."
        module = inspect.getmodule(self.commands[min(self._below(base))].function)
        return (inspect.getdoc(module) or "").split("\n", maxsplit=1)[0]

    def _below(self, path: Path) -> list[Path]:
        return [known for known in self.commands if known[: len(path)] == path]

    def _known(self, words: Path) -> Path:
        """`words` where they name a command or a family; `UsageError` with the nearest otherwise."""
        if not words or self._below(words):
            return words
        likeness = {path: _likeness(" ".join(words[: len(path)]), " ".join(path)) for path in self.commands}
        nearest = max(likeness, key=lambda path: likeness[path], default=())
        family = self._below(words[:1])
        if nearest and likeness[nearest] >= _ALIKE:
            hint = f"Did you mean {self.typed(nearest)}?"
        else:
            hint = f"Try {self.typed(words[:1] if family else ())} help."
        raise UsageError(f'I do not know "{" ".join(words)[:60]}".', hint=hint)


def bind(function: Callable[..., T], ports: Mapping[type, object]) -> Callable[..., T]:
    """`function` closed over the ports that it asks for by type; `NotConfigured` names the one that is missing."""
    wanted = needs(function)
    for kind in wanted.values():
        if kind not in ports:
            raise NotConfigured(
                f"{kind.__name__} is not configured here.", hint="An admin can add it to the service in opsbot.yaml."
            )
    return partial(function, **{name: ports[kind] for name, kind in wanted.items()})


def _typed_path(command: Command) -> Path:
    """The words after the main slash command, under which the whole incident family has a place too."""
    return (Root.INCIDENT.value, *command.path) if command.root is Root.INCIDENT else command.path


def _by_family(commands: Iterable[Command]) -> Mapping[tuple[str, Path], Sequence[Command]]:
    """The commands by chapter and by the word that leads them below their root."""
    found: dict[tuple[str, Path], list[Command]] = {}
    for command in commands:
        base = _typed_path(command)[: 2 if command.root is Root.INCIDENT else 1]
        found.setdefault((_chapter(command), base), []).append(command)
    return found


def _chapter(command: Command) -> str:
    if command.root is Root.INCIDENT:
        return "Incidents"
    return "Look" if command.risk is Risk.READ else "Change"


def _unique(pairs: Iterable[tuple[K, V]]) -> dict[K, V]:
    """The pairs as a dictionary; the same thing may come twice, two things of one name may not."""
    found: dict[K, V] = {}
    for key, value in pairs:
        if found.setdefault(key, value) is not value:
            raise RuntimeError(f"two things are called {key!r}")
    return found


def _inspect(command: Command) -> None:
    """`RuntimeError` when the command cannot be offered as it was declared."""
    fault = ""
    if not command.path or not all(_WORD.fullmatch(word) and word != "help" for word in command.path):
        fault = "its path must be lower-case words, and not help"
    elif (command.run is None) == (command.plan is None):
        fault = "it needs either run or plan"
    elif command.plan and command.risk is Risk.READ:
        fault = "a command that plans is no read"
    elif not command.summary:
        fault = "its function has no docstring"
    if fault:
        raise RuntimeError(f"command {command.path}: {fault}")
    parameters(command.args)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
