"""What can be done about a digest, one click away."""

from __future__ import annotations

from bot.core.command import Command
from bot.core.errors import UsageError
from bot.core.parse import parse
from bot.core.parts import Button, State, Style
from bot.core.plan import Call
from bot.core.registry import Registry
from bot.core.results import Check, Digest
from bot.digests.checks import CHECKS

INCIDENT, ACT, OWN, SNOOZE, ASSIGN = (f"digest.{verb}" for verb in ("incident", "act", "own", "snooze", "assign"))
"""Verbs of the buttons; the row is the slot's."""

_WORST_FIRST = (State.FAIL, State.UNKNOWN, State.WARN)


def buttons(shown: Digest, slot_id: str, registry: Registry) -> tuple[Button, ...]:
    """None when all is well."""
    worst = worst_of(shown)
    if worst is None:
        return ()
    call = remedy(worst, registry)
    act = [Button(f"Plan: {' '.join(call.path)}", ACT, slot_id)] if call else []
    own = [] if shown.owner else [Button("I look at it", OWN, slot_id)]
    later = (Button("Snooze", SNOOZE, slot_id), Button("Assign", ASSIGN, slot_id))
    return (*own, *act, *later, Button("Open an incident", INCIDENT, slot_id, Style.DANGER))


def worst_of(shown: Digest) -> Check | None:
    """The check to begin with; None when all is well."""
    return min(shown.eyes, key=lambda check: _WORST_FIRST.index(check.state), default=None)


def remedy(check: Check, registry: Registry) -> Call | None:
    """The first change that the check or its declaration names, if it can be planned without being told more.

    What is unknown has none: nobody changes what nobody has seen.
    """
    if check.state is State.UNKNOWN:
        return None
    declared = next((each for each in CHECKS if each.name == check.name), None)
    for text in check.then or (declared.then if declared else ()):
        command, rest = typed(text, registry)
        if command is None or command.plan is None:
            continue
        try:
            args = parse(rest, command.args)
        except UsageError:
            continue
        return Call(command.path, args.model_dump(mode="json", exclude={"dry_run"}))
    return None


def typed(text: str, registry: Registry) -> tuple[Command | None, str]:
    """The command that a check names as a help, None where there is none of that name, and its arguments."""
    said = text.split()
    for length in range(len(said), 0, -1):
        if command := registry.commands.get(tuple(said[:length])):
            return command, " ".join(said[length:])
    return None, text
