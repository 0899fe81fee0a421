"""What people told of the course of an incident with the bot, and each time that it was opened again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from bot.core.incident_acts import Cycle, ToldMoment, holding
from bot.core.people import AUTOMATIC
from bot.incidents.acts import REOPENED
from bot.incidents.chosen import Moment, Selection, Source
from bot.incidents.timeline import Record


@dataclass(frozen=True, slots=True)
class Reopened:
    """That an incident was opened again: when, by whom and why; `ended_at` is when it had been taken for resolved."""

    ended_at: datetime | None
    at: datetime
    by: str
    why: str
    source: Source


def with_told(selection: Selection, record: Record, told: Iterable[ToldMoment], names: Mapping[str, str]) -> Selection:
    """The moments as people told them, the others as they were read from the conversation."""
    incident = record.incident
    known: dict[str, Moment] = {}
    for each in holding(told, incident=incident.number, cycle=incident.cycle):
        how = "as its alert says" if each.by == AUTOMATIC.user_id else f"told by {names.get(each.by, each.by)}"
        known[each.kind.value] = Moment(each.at, how, _source(record, at=each.told_at, by=each.by))
    return replace(
        selection,
        started=known.get("started", selection.started),
        detected=known.get("detected", selection.detected),
        mitigated=known.get("mitigated", selection.mitigated),
        resolved=known.get("resolved", selection.resolved),
    )


def reopened(cycles: Sequence[Cycle], record: Record, names: Mapping[str, str]) -> tuple[Reopened, ...]:
    """Each cycle after the first, with the end of the one before it."""
    return tuple(
        Reopened(
            before.resolved_at,
            cycle.began_at,
            names.get(cycle.began_by, cycle.began_by),
            cycle.why,
            _source(record, at=cycle.began_at, by=cycle.began_by, kind=REOPENED),
        )
        for before, cycle in pairwise(cycles)
    )


def _source(record: Record, *, at: datetime, by: str, kind: str = "") -> Source:
    """The entry that was made in the same act."""
    made = (entry.id for entry in record.entries if entry.at == at and entry.author == by and kind in {"", entry.kind})
    return tuple(made)[:1]
