"""Things to be done in order, each with who did it, or what was seen."""

from __future__ import annotations

from bot.core.mrkdwn import bold, escape, mrkdwn
from bot.core.prose import Inline, Person, When
from bot.core.results import Checklist, ChecklistItem, StepState
from bot.views.fit import message
from bot.views.parts import actions, header, packed, small
from bot.views.payload import Payload
from bot.views.words import said


def checklist(result: Checklist) -> Payload:
    """How far it is, then each item; the words say who ticked it, or that it was observed."""
    done = sum(item.state is StepState.DONE for item in result.items)
    first = f"{said(result.state)} · {done} of {len(result.items)} done"
    items = [_item(number, item) for number, item in enumerate(result.items, 1)]
    notes = [mrkdwn(note) for note in result.notes]
    blocks = [
        *header(result.title),
        *packed([bold(first)]),
        *packed(items),
        *small(notes),
        *actions(result.buttons),
    ]
    return message([f"{escape(result.title)}: {first}", *items, *notes], blocks)


def _item(number: int, item: ChecklistItem) -> str:
    who: list[Inline] = []
    if item.state is StepState.DONE:
        who = [" · said by ", Person(item.by)] if item.by else [" · observed"]
        who += [", ", When(item.at, date=True)] if item.at else []
    evidence = mrkdwn(item.evidence)
    line = f"{number}. {said(item.state)} · {escape(item.title)}{mrkdwn(tuple(who))}"
    return f"{line}\n      {evidence}" if evidence else line
