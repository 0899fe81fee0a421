"""PagerDuty and Jira Service Management, which tell of one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import Field, ValidationError

from bot.alerts.told import Malformed, Moment, Name, Part, Told, level, make, reason
from bot.core.alerts import Level

_NOTHING = Told(())
_OVER = frozenset({"Close", "Delete"})


class _Named(Part):
    summary: str = ""
    id: str = ""


class _Incident(Part):
    """`event.data` of incident events."""

    id: Name
    status: str
    title: str = ""
    html_url: str = ""
    created_at: Moment | None = None
    urgency: str = ""
    priority: _Named | None = None
    service: _Named = Field(_Named())


class _Event(Part):
    event_type: Name
    occurred_at: Moment
    agent: _Named | None = None
    data: Mapping[str, object] = Field({})


class _Envelope(Part):
    event: _Event


class _JiraAlert(Part):
    """`alert` of Jira Service Management's webhook; moments are milliseconds, `updatedAt` nanoseconds."""

    alertId: Name  # noqa: N815 - the vendor's word
    message: str = ""
    description: str = ""
    entity: str = ""
    priority: str = ""
    username: str = ""
    createdAt: int = 0  # noqa: N815 - the vendor's word
    updatedAt: int = 0  # noqa: N815 - the vendor's word


class _JiraEvent(Part):
    action: Name
    alert: _JiraAlert
    integrationName: str = ""  # noqa: N815 - the vendor's word


def pagerduty(payload: Mapping[str, object], *, now: datetime) -> Told:  # noqa: ARG001 - all sources are asked alike
    """V3 webhooks, https://developer.pagerduty.com/docs/webhooks-overview: the incident as it is after the event.

    Events about anything else (notes, services, the ping of a new subscription) say nothing of an incident's state.
    """
    try:
        event = _Envelope.model_validate(payload).event
        if not event.event_type.startswith("incident.") or event.data.get("type") != "incident":
            return _NOTHING
        incident = _Incident.model_validate(event.data)
    except ValidationError as error:
        raise Malformed(reason(error)) from error
    acknowledged = f"{event.agent.summary if event.agent else 'somebody'} in PagerDuty"
    priority = incident.priority.summary if incident.priority else ""
    service = incident.service.summary or "PagerDuty"
    return Told(
        (
            make(
                "pagerduty",
                fingerprint=incident.id,
                group=incident.service.id or service,
                group_title=f"PagerDuty: {service}",
                title=incident.title or incident.id,
                level=level(priority or ("critical" if incident.urgency == "high" else "warning")),
                firing=incident.status != "resolved",
                started_at=incident.created_at or event.occurred_at,
                told_at=event.occurred_at,
                url=incident.html_url,
                labels={"service": service, "urgency": incident.urgency, "priority": priority},
                acknowledged_by=_acknowledged(event.event_type, incident.status, acknowledged),
            ),
        )
    )


def jira(payload: Mapping[str, object], *, now: datetime) -> Told:
    """The webhook integration of Jira Service Management.

    https://support.atlassian.com/jira-service-management-cloud/docs/alert-action-data-for-jira-edge-connector/
    A note, a tag or a new owner says nothing of whether the alert is open.
    """
    try:
        event = _JiraEvent.model_validate(payload)
    except ValidationError as error:
        raise Malformed(reason(error)) from error
    alert = event.alert
    group = alert.entity or event.integrationName or alert.alertId
    acknowledged = {"Acknowledge": f"{alert.username or 'somebody'} in Jira", "Create": "", "UnAcknowledge": ""}
    if event.action not in {*acknowledged, *_OVER}:
        return _NOTHING
    return Told(
        (
            make(
                "jira",
                fingerprint=alert.alertId,
                group=group,
                group_title=f"Jira: {alert.entity or event.integrationName or alert.message}",
                title=alert.message or alert.alertId,
                level=level(alert.priority) if alert.priority else Level.WARNING,
                firing=event.action not in _OVER,
                started_at=_moment(alert.createdAt) or now,
                told_at=_moment(alert.updatedAt),
                text=alert.description,
                labels={"entity": alert.entity, "priority": alert.priority} if alert.entity else {},
                acknowledged_by=acknowledged.get(event.action),
            ),
        )
    )


def _acknowledged(event_type: str, status: str, by: str) -> str | None:
    """Who is on it; None where the event says nothing of it."""
    if event_type == "incident.acknowledged":
        return by
    return None if status == "acknowledged" else ""


def _moment(count: int) -> datetime | None:
    """A count since 1970 in milliseconds, microseconds or nanoseconds, whichever makes a year of ours."""
    for per_second in (10**3, 10**6, 10**9):
        if 10**9 <= count / per_second < 10**10:
            return datetime.fromtimestamp(count / per_second, UTC)
    return None
