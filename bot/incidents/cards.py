"""An incident as a card."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.incident_results import IncidentCard
from bot.core.incidents import Incident
from bot.core.prose import Line


def incident_card(incident: Incident, *, notes: Sequence[Line] = ()) -> IncidentCard:
    """The summary of `incident`, its impact first among the notes."""
    impact = (f"Impact: {incident.impact}",) if incident.impact else ()
    return IncidentCard(
        number=incident.number,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        commander=incident.commander,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        channel=incident.channel,
        notes=(*impact, *notes),
    )
