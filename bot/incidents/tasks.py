"""Action items of an incident: told in the conversation or typed, carried until they are done."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from bot.core.incidents import Incident
from bot.core.people import AUTOMATIC
from bot.core.reports import Task
from bot.incidents.chosen import Selection


def tasks_of(incident: Incident, selection: Selection, *, at: datetime) -> tuple[Task, ...]:
    """The action items that a conversation tells; several in one message are told apart by their order."""
    seen: Counter[str] = Counter()
    found = []
    for item in selection.action_items:
        first = item.source[0] if item.source else ""
        seen[first] += 1
        found.append(
            Task(
                id=f"{incident.number}:{first}:{seen[first]}",
                incident=incident.number,
                text=item.text,
                owner=item.owner,
                source=item.source,
                added_by=AUTOMATIC.user_id,
                added_at=at,
            )
        )
    return tuple(found)
