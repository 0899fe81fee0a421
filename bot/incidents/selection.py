"""The timeline of an incident: the few entries that a careful person would have kept, chosen by rules."""

from __future__ import annotations

from bot.incidents.chosen import ActionItem, Chosen, Moment, Phase, Quote, Selection, Source
from bot.incidents.conversation import Acted, Conversation, Said

__all__ = ["ActionItem", "Chosen", "Moment", "Phase", "Quote", "Selection", "Source", "select"]

_PHASES = {"declared": Phase.DECIDE, "severity": Phase.DECIDE, "operation": Phase.MITIGATE, "resolved": Phase.RECOVER}


def select(conversation: Conversation) -> Selection:
    """Choose the entries, and read the moments and what the report needs; the same for the same conversation.

    What was recorded and what people marked is always in it.
    """
    told = {act.message for act in conversation.acted if act.message}
    marked = (each for each in conversation.said if each.marked and not each.deleted and each.ts not in told)
    entries = [*map(_of_act, conversation.acted), *map(_of_mark, marked)]
    return Selection(
        entries=tuple(sorted(entries, key=lambda entry: (entry.at, entry.source))),
        started=Moment(None, "nobody said when it began"),
        detected=Moment(conversation.declared_at, "declared" if conversation.declared_at else "not declared"),
        mitigated=Moment(None, "nobody said what ended the impact"),
        resolved=Moment(conversation.resolved_at, "resolved" if conversation.resolved_at else "not resolved"),
    )


def _of_act(act: Acted) -> Chosen:
    phase = _PHASES.get(act.kind, Phase.DIAGNOSE)
    return Chosen(act.at, act.name, act.text, phase, (act.message or act.key,), act.kind, "recorded")


def _of_mark(said: Said) -> Chosen:
    return Chosen(said.at, said.name, said.text, Phase.DIAGNOSE, (said.ts,), why="marked by people")
