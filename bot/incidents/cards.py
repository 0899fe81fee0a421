"""An incident as a card: how it stands, who sees to it, and what can be done next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.core.incident_acts import ToldMoment, holding
from bot.core.incident_results import IncidentCard
from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.people import AUTOMATIC
from bot.core.prose import Line, Person, When
from bot.core.records import Unit
from bot.incidents.acts import CLOSED, OPEN
from bot.incidents.pages import ANEW
from bot.incidents.people import with_people


async def read_card(tx: Unit, incident: Incident, *, notes: Sequence[Line] = ()) -> IncidentCard:
    """The summary of `incident` with its last update and the moments that people told."""
    updates = await tx.acts.updates(incident.number, limit=1)
    told = await tx.acts.told_moments(incident.number)
    lines: list[Line] = [f"Impact: {incident.impact}"] if incident.impact else []
    lines += [f"Services: {', '.join(incident.services)}"] if incident.services else []
    lines += moments_of(incident, told)
    for update in updates:
        lines.append(("Last update ", When(update.at), " by ", Person(update.by), ": ", *with_people(update.text)))
    if incident.update_due_at:
        lines.append(("Next update by ", When(incident.update_due_at)))
    if incident.cycle > 1:
        lines.append(f"Opened again: this is cycle {incident.cycle}.")
    return IncidentCard(
        number=incident.number,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        commander=incident.commander,
        scribe=incident.scribe,
        communications=incident.communications,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        channel=incident.channel,
        notes=(*lines, *notes),
        buttons=_buttons(incident),
    )


def moments_of(incident: Incident, told: Iterable[ToldMoment]) -> list[Line]:
    """A line on each moment that holds now, and who told it."""
    return [
        (f"{each.kind.capitalize()} ", When(each.at, date=True), *_teller(each))
        for each in holding(told, incident=incident.number, cycle=incident.cycle)
    ]


def _teller(moment: ToldMoment) -> Line:
    return (", as its alert says",) if moment.by == AUTOMATIC.user_id else (", told by ", Person(moment.by))


def _buttons(incident: Incident) -> tuple[Button, ...]:
    """What can be done with it in its state; each carries its number and nothing else."""
    row = str(incident.number)
    if incident.state == CLOSED:
        return (Button("Reopen", "incident.reopen", row),)
    if incident.state != OPEN:
        return (
            Button("Draft the report", ANEW, row, Style.PRIMARY),
            Button("Edit", "incident.edit", row),
            Button("Close", "incident.close", row),
            Button("Reopen", "incident.reopen", row),
        )
    take = () if incident.commander else (Button("Take command", "incident.take", row, Style.PRIMARY),)
    return (
        *take,
        Button("Update", "incident.update", row),
        Button("Severity", "incident.severity", row),
        Button("Roles", "incident.role", row),
        Button("Call somebody", "incident.page", row),
        Button("Edit", "incident.edit", row),
        Button("Mitigated", "incident.mitigated", row),
        Button("Resolve", "incident.resolve", row, Style.PRIMARY),
    )
