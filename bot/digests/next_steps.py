"""What can be done about a digest, one click away."""

from __future__ import annotations

from bot.core.parameters import parameters
from bot.core.parts import Button, State, Style
from bot.core.plan import Call
from bot.core.registry import Registry
from bot.core.results import Check, Digest
from bot.digests.checks import CHECKS

INCIDENT, ACT, OWN = "digest.incident", "digest.act", "digest.own"
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
    return (*own, *act, Button("Open an incident", INCIDENT, slot_id, Style.DANGER))


def worst_of(shown: Digest) -> Check | None:
    """The check to begin with; None when all is well."""
    return min(shown.eyes, key=lambda check: _WORST_FIRST.index(check.state), default=None)


def remedy(check: Check, registry: Registry) -> Call | None:
    """The first change that the check's declaration names, if it can be planned without being told more.

    What is unknown has none: nobody changes what nobody has seen.
    """
    if check.state is State.UNKNOWN:
        return None
    declared = next((each for each in CHECKS if each.name == check.name), None)
    for typed in declared.then if declared else ():
        command = registry.commands.get(tuple(typed.split()))
        if command and command.plan and not any(each.required for each in parameters(command.args)):
            return Call(command.path)
    return None
