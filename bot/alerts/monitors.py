"""Alertmanager, Grafana and everything else that can send JSON: alerts in batches, grouped by labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from bot.alerts.told import Labels, Malformed, Moment, Name, Part, Told, each, joined, level, make, reason
from bot.core.alerts import Alert, Level


class _Alert(Part):
    """One alert of Alertmanager's or Grafana's; an old Alertmanager sends no fingerprint."""

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = Field({})
    startsAt: Moment  # noqa: N815 - the vendor's word
    endsAt: Moment | None = None  # noqa: N815 - the vendor's word; of the year 1 while it fires
    generatorURL: str = ""  # noqa: N815 - the vendor's word
    panelURL: str = ""  # noqa: N815 - the vendor's word
    dashboardURL: str = ""  # noqa: N815 - the vendor's word
    fingerprint: str = ""


class _Batch(Part):
    """The envelope, version 4."""

    groupKey: Name  # noqa: N815 - the vendor's word
    groupLabels: Labels = Field({})  # noqa: N815 - the vendor's word
    truncatedAlerts: int = 0  # noqa: N815 - the vendor's word
    status: Literal["firing", "resolved"]
    externalURL: str = ""  # noqa: N815 - the vendor's word


class GenericAlert(Part):
    """One alert as anything may send it; `id` tells it from others, and stays the same until it is resolved."""

    model_config = ConfigDict(extra="forbid", title="Alert")

    id: Name = Field(description="Tells the alert from others, and stays the same until it is resolved.")
    title: Name = Field(description="What is wrong, in a few words.")
    state: Literal["firing", "resolved"] = Field("firing", description="Whether it is wrong, or over.")
    severity: Literal["critical", "warning", "info"] = Field("warning", description="How bad it is.")
    group: str = Field("", description="Alerts of one group are one message; empty is the title.")
    text: str = Field("", description="What else there is to know; 2,000 characters are kept.")
    url: str = Field("", pattern="^(https?://.*)?$", description="Where to look.")
    started_at: Moment | None = Field(None, description="Since when; ISO 8601, with its offset or in UTC.")
    labels: dict[str, str] = Field({}, description="What it is about, such as the host; 50 are kept.")


class GenericBatch(Part):
    """What `/webhooks/generic` takes."""

    model_config = ConfigDict(extra="forbid", title="Alerts")

    alerts: list[GenericAlert] = Field(description="One or more; one that cannot be read costs only itself.")


def alertmanager(payload: Mapping[str, object], *, now: datetime) -> Told:
    """https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4 of the payload."""
    return _batch("alertmanager", payload, now=now)


def grafana(payload: Mapping[str, object], *, now: datetime) -> Told:
    """Alertmanager's payload with more in it.

    https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
    """
    return _batch("grafana", payload, now=now)


def generic(payload: Mapping[str, object], *, now: datetime) -> Told:
    """`GenericBatch`, whose schema is in docs/alerts.md."""
    if unknown := sorted(set(payload) - {"alerts"}):
        raise Malformed(f"{unknown[0][:40]}: is not known; alerts is all there is")
    found, faults = each(payload.get("alerts"), GenericAlert.model_validate)
    alerts = [
        make(
            "generic",
            fingerprint=alert.id,
            group=alert.group or alert.title,
            group_title=alert.group or alert.title,
            title=alert.title,
            level=Level(alert.severity),
            firing=alert.state == "firing",
            started_at=alert.started_at or now,
            text=alert.text,
            url=alert.url,
            labels=dict(alert.labels),
        )
        for alert in found
    ]
    return Told(tuple(alerts), faults)


def _batch(source: str, payload: Mapping[str, object], *, now: datetime) -> Told:
    try:
        batch = _Batch.model_validate(payload)
    except ValidationError as error:
        raise Malformed(reason(error)) from error
    found, faults = each(payload.get("alerts"), _Alert.model_validate)
    title = _title(batch.groupLabels) or _title(found[0].labels if found else {}) or "Alerts"
    alerts = [_alert(source, alert, batch, title) for alert in found]
    last = max((alert.startsAt for alert in found), default=now)
    return Told(tuple(alerts), faults, besides=(_cut_off(source, batch, title, last),))


def _alert(source: str, alert: _Alert, batch: _Batch, group_title: str) -> Alert:
    said = alert.annotations
    name = str(alert.labels.get("alertname") or "Alert")
    summary = str(said.get("summary") or "")
    return make(
        source,
        fingerprint=alert.fingerprint or joined(sorted(alert.labels.items())),
        group=batch.groupKey,
        group_title=group_title,
        title=summary or name,
        level=level(str(alert.labels.get("severity") or "")),
        firing=alert.status == "firing",
        started_at=alert.startsAt,
        text=str(said.get("description") or said.get("message") or ""),
        url=next((url for url in (alert.panelURL, alert.dashboardURL, alert.generatorURL) if url), ""),
        labels=alert.labels,
        dated=True,
        ended_at=alert.endsAt if alert.status == "resolved" else None,
    )


def _cut_off(source: str, batch: _Batch, title: str, last: datetime) -> Alert:
    """An alert of its own for those that the source left out (`max_alerts`), so that nobody takes the rest for all.

    It begins when the `last` of the rest began: nobody knows more.
    """
    return make(
        source,
        fingerprint=f"cut off {batch.groupKey}",
        group=batch.groupKey,
        group_title=title,
        title=f"{batch.truncatedAlerts} more alerts that {source} did not send",
        level=Level.WARNING,
        firing=batch.truncatedAlerts > 0 and batch.status == "firing",
        started_at=last,
        url=batch.externalURL,
        dated=True,
    )


def _title(labels: Labels) -> str:
    """The name of what fires, then the other labels that make the group."""
    rest = joined((name, value) for name, value in labels.items() if name not in {"alertname", "grafana_folder"})
    name = str(labels.get("alertname") or "")
    return f"{name} ({rest})" if name and rest else name or rest
