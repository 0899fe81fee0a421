"""What an incident has to have before it is closed."""

from __future__ import annotations

from bot.core.incidents import Incident
from bot.core.records import Unit


async def missing(tx: Unit, incident: Incident) -> tuple[str, ...]:
    """What is missing, each with what to do about it; nothing when it may be closed."""
    found = []
    if incident.resolved_at is None:
        found.append("It is not resolved: resolve says what ended it.")
    if not incident.impact.strip():
        found.append('Nobody said whom it affected: edit --impact "..." says so.')
    report = await tx.reports.get(incident.number)
    if report is None:
        found.append("Its report is not drafted: report drafts it.")
    elif not report.final:
        found.append("Its report is a draft: make it final.")
    return tuple(found)
