"""What an incident has to have before it is closed."""

from __future__ import annotations

from bot.core.incidents import Incident
from bot.core.records import Unit
from bot.core.reports import Version


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
    elif await is_outdated(tx, report):
        found.append("Its report is from before it was opened again: report drafts it anew, and then make it final.")
    return tuple(found)


async def is_outdated(tx: Unit, report: Version) -> bool:
    """Whether the incident was opened again after that version was written."""
    _, *again = await tx.acts.cycles(report.incident)
    return any(report.at < cycle.began_at for cycle in again)
