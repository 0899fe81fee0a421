"""The incident report: stored facts in the runbook's form; what nobody said is left empty, and shown as a TODO."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.core.duration import format_duration
from bot.core.incident_results import IncidentReport
from bot.core.incidents import Incident
from bot.core.ports import Chat, Documents
from bot.core.records import Operation, Store
from bot.core.results import OperationState
from bot.incidents.lifecycle import RESOLVED
from bot.incidents.timeline import NOTE, Record, entries_of, name_everybody, read_record

TEMPLATE = "incident_report.md.j2"


async def build_report(incident: Incident, *, store: Store, chat: Chat, zone: str) -> IncidentReport:
    """The report as the record has it now; root cause, lessons and action items are for people to write."""
    record = await read_record(incident, store)
    names = await name_everybody(record, chat)
    started_at, started_how = _start(record, names)
    return IncidentReport(
        title=incident.title,
        number=incident.number,
        severity=incident.severity,
        impact=incident.impact,
        started_at=started_at,
        started_how=started_how,
        ended_at=incident.resolved_at,
        zone=zone,
        summary=_summary(record, names, started_at, zone),
        timeline=await entries_of(record, names, chat),
        resolution=_resolution(record),
    )


def render_report(report: IncidentReport, documents: Documents) -> str:
    """The report as Markdown."""
    return documents.render(TEMPLATE, report=report)


def _start(record: Record, names: Mapping[str, str]) -> tuple[datetime, str]:
    """When it began, and how that is known: the declaration, or a note that is dated before it."""
    incident = record.incident
    first = next((entry for entry in record.entries if entry.kind == NOTE), None)
    if first and first.at < incident.opened_at:
        return first.at, f"earliest note, by {names.get(first.author, first.author)}"
    return incident.opened_at, f"declared by {names.get(incident.opened_by, incident.opened_by)}"


def _summary(record: Record, names: Mapping[str, str], started_at: datetime, zone: str) -> tuple[str, ...]:
    incident = record.incident
    if incident.resolved_at:
        resolver = names.get(incident.resolved_by, incident.resolved_by)
        lasted = f"It lasted {format_duration(incident.resolved_at - started_at)} and was resolved by {resolver}."
    else:
        lasted = "It is not resolved yet."
    people = ", ".join(names.get(who, who) for who in record.people)
    return (
        f"{incident.severity} incident, declared by {names.get(incident.opened_by, incident.opened_by)}.",
        lasted,
        f"Took part: {people}.",
        *(_action(operation, names, zone) for operation in record.operations),
    )


def _action(operation: Operation, names: Mapping[str, str], zone: str) -> str:
    """One change of the service: what, its outcome in the words of the operation, when, and by whom."""
    at = (operation.started_at or operation.proposed_at).astimezone(ZoneInfo(zone))
    by = f"asked by {names.get(operation.requester, operation.requester)}"
    if operation.approver and operation.approver != operation.requester:
        by += f", approved by {names.get(operation.approver, operation.approver)}"
    why = f" ({operation.why})" if operation.why else ""
    return f"{at:%Y-%m-%d %H:%M} {operation.plan.title} on {operation.service}: {operation.state}{why}, {by}."


def _resolution(record: Record) -> tuple[str, ...]:
    """What people said it was resolved by, and the changes that were seen to take effect."""
    said = [entry.text for entry in record.entries if entry.kind == RESOLVED and entry.text]
    seen = [
        f"{operation.plan.title} on {operation.service}: observed as done."
        for operation in record.operations
        if operation.state is OperationState.DONE
    ]
    return (*said, *seen)
