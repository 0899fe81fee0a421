"""What can be done about a digest, one click away."""

from __future__ import annotations

from bot.core.command import Command, Filling
from bot.core.errors import NotFound
from bot.core.parse import parse
from bot.core.parts import Button, State, Style
from bot.core.plan import Call
from bot.core.registry import Registry
from bot.core.results import Check, Digest

INCIDENT, ACT, ELSE, OWN, SNOOZE, ASSIGN = (
    f"digest.{verb}" for verb in ("incident", "act", "else", "own", "snooze", "assign")
)
"""Verbs of the buttons; the row is the slot's."""

_HELPS = ((ACT, "Next"), (ELSE, "Or"))
_WORST_FIRST = (State.FAIL, State.UNKNOWN, State.WARN)


def buttons(shown: Digest, slot_id: str, registry: Registry) -> tuple[Button, ...]:
    """None when all is well. What helps with the worst check is what its alert offers too."""
    if not shown.eyes:
        return ()
    helps = (Button(f"{word}: {text}", verb, slot_id) for verb, word, text in _offered(shown, registry))
    own = [] if shown.owner else [Button("I look at it", OWN, slot_id)]
    later = (Button("Snooze", SNOOZE, slot_id), Button("Assign", ASSIGN, slot_id))
    return (*own, *helps, *later, Button("Open an incident", INCIDENT, slot_id, Style.DANGER))


def worst_of(shown: Digest) -> Check | None:
    """The check to begin with; None when all is well."""
    return min(shown.eyes, key=lambda check: _WORST_FIRST.index(check.state), default=None)


def help_of(shown: Digest, verb: str, registry: Registry) -> str | None:
    """The command behind the button of `verb`; None when it is not there any more."""
    return next((text for each, _, text in _offered(shown, registry) if each == verb), None)


def step(text: str, service: str, registry: Registry) -> Call | Filling:
    """What a tap on a command that helps leads to: the plan of a change, the form of what only looks.

    `NotFound` when there is no such command any more.
    """
    command, rest = typed(text, registry)
    if command is None:
        raise NotFound(f"There is no {text} any more.", hint="Type help.")
    args = parse(rest, command.args)
    if command.plan is None:
        given = {name: str(value) for name, value in args.model_dump(mode="json", exclude_defaults=True).items()}
        return Filling(command.path, given=given, kept={"service": service})
    return Call(command.path, args.model_dump(mode="json", exclude={"dry_run"}))


def _offered(shown: Digest, registry: Registry) -> tuple[tuple[str, str, str], ...]:
    """Verb, word and command of what helps with the worst check."""
    worst = worst_of(shown)
    if worst is None:
        return ()
    texts = helps(worst, registry)
    return tuple((verb, word, text) for (verb, word), text in zip(_HELPS, texts, strict=False))


def helps(check: Check, registry: Registry) -> tuple[str, ...]:
    """The commands that help with what a check found, the first first.

    With what is unknown only what looks does: nobody changes what nobody has seen.
    """
    found = [(text, typed(text, registry)[0]) for text in check.then]
    return tuple(text for text, command in found if command and not (check.state is State.UNKNOWN and command.plan))


def typed(text: str, registry: Registry) -> tuple[Command | None, str]:
    """The command that a check names as a help, None where there is none of that name, and its arguments."""
    said = text.split()
    for length in range(len(said), 0, -1):
        if command := registry.commands.get(tuple(said[:length])):
            return command, " ".join(said[length:])
    return None, text
