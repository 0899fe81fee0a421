"""Payloads as the vendors document them, and the way to sign or prove each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bot.core.signing import sign, signed_headers

SECRET = "s3cr3t-of-the-alerts-in-tests"

ALERTMANAGER: dict[str, Any] = {
    # https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; values as in the sample of
    # https://docs.rs/crate/alertmanager-webhook-types/latest/source/assets/sample-v4-payload.json
    "version": "4",
    "groupKey": '{}/{severity="critical"}:{alertname="ProbeFailure"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "sms",
    "groupLabels": {"alertname": "ProbeFailure"},
    "commonLabels": {"alertname": "ProbeFailure", "job": "http_checks", "severity": "critical"},
    "commonAnnotations": {"summary": "BlackBox Probe Failure: https://server.example.org"},
    "externalURL": "http://prometheus.example.org:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "ProbeFailure",
                "instance": "https://server.example.org",
                "job": "http_checks",
                "severity": "critical",
            },
            "annotations": {
                "description": "Instance https://server.example.org has been down for over 5m. Job: http_checks",
                "summary": "BlackBox Probe Failure: https://server.example.org",
            },
            "startsAt": "2023-02-06T13:08:45.828Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0&g0.tab=1",
            "fingerprint": "1a30ba71cca2921f",
        }
    ],
}

GRAFANA: dict[str, Any] = {
    # https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
    "receiver": "My Super Webhook",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
            "annotations": {
                "description": "The system has high memory usage",
                "runbook_url": "https://myrunbook.com/runbook/1234",
                "summary": "This alert was triggered for zone us-1",
            },
            "startsAt": "2021-10-12T09:51:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "",
            "panelURL": "",
            "values": {"B": 44.23943737541908, "C": 1},
        },
        {
            "status": "firing",
            "labels": {"alertname": "High CPU usage", "team": "blue", "zone": "eu-1"},
            "annotations": {"description": "The system has high CPU usage"},
            "startsAt": "2021-10-12T09:56:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/d1rdpdv7k/edit",
            "fingerprint": "bc97ff14869b13e3",
            "panelURL": "https://play.grafana.org/d/1?viewPanel=2",
        },
    ],
    "groupLabels": {"team": "blue"},
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {},
    "externalURL": "https://play.grafana.org/",
    "version": "1",
    "groupKey": '{}:{team="blue"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:2]  (blue)",
    "state": "alerting",
    "message": "**Firing**",
}

PAGERDUTY: dict[str, Any] = {
    # https://github.com/PagerDuty/developer-docs/blob/main/docs/webhooks/01-Overview.md
    "event": {
        "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2020-10-02T18:45:22.169Z",
        "agent": {
            "html_url": "https://acme.pagerduty.com/users/PLH1HKV",
            "id": "PLH1HKV",
            "self": "https://api.pagerduty.com/users/PLH1HKV",
            "summary": "Tenex Engineer",
            "type": "user_reference",
        },
        "client": {"name": "PagerDuty"},
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "self": "https://api.pagerduty.com/incidents/PGR0VU2",
            "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
            "number": 2,
            "status": "triggered",
            "incident_key": "d3640fbd41094207a1c11e58e46b1662",
            "created_at": "2020-04-09T15:16:27Z",
            "title": "A little bump in the road",
            "service": {
                "html_url": "https://acme.pagerduty.com/services/PF9KMXH",
                "id": "PF9KMXH",
                "self": "https://api.pagerduty.com/services/PF9KMXH",
                "summary": "API Service",
                "type": "service_reference",
            },
            "assignees": [],
            "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
            "urgency": "high",
            "conference_bridge": {"conference_number": "+1 1234123412,,987654321#"},
            "resolve_reason": None,
        },
    }
}

JIRA: dict[str, Any] = {
    # https://support.atlassian.com/jira-service-management-cloud/docs/alert-action-data-for-jira-edge-connector/
    "source": {"name": "web", "type": "API"},
    "alert": {
        "updatedAt": 1420452193166002000,
        "tags": ["tag1", "tag2"],
        "teams": ["team1", "team2"],
        "recipients": ["recipient1", "recipient2"],
        "message": " test alert",
        "username": "fili@ifountain.com",
        "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c",
        "source": "fili@ifountain.com",
        "alias": "aliastest",
        "tinyId": "23",
        "createdAt": 1420452191104,
        "userId": "daed1180-0ce8-438b-8f8e-57e1a5920a2d",
        "entity": "",
    },
    "action": "Create",
    "integrationId": "37c8f316-17c6-49d7-899b-9c7e540c048d",
    "integrationName": "Integration1",
}

GENERIC: dict[str, Any] = {
    "alerts": [
        {
            "id": "disk-web-1",
            "title": "Disk almost full",
            "severity": "critical",
            "group": "disks",
            "text": "/var has 2 % left",
            "url": "https://monitoring.example.com/disk",
            "started_at": "2026-03-02T08:55:00Z",
            "labels": {"host": "web-1"},
        }
    ]
}

PAYLOADS = {
    "alertmanager": ALERTMANAGER,
    "grafana": GRAFANA,
    "generic": GENERIC,
    "pagerduty": PAGERDUTY,
    "jira": JIRA,
}


def proof(source: str, body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """The headers with which the source proves that the body is its own."""
    if source == "pagerduty":
        return {"X-PagerDuty-Signature": f"{sign('the former secret', body)},{sign(secret, body)}"}
    if source == "generic":
        return signed_headers(secret, body, now=at or datetime.now(UTC))
    return {"Authorization": f"Bearer {secret}"}


def encoded(payload: object) -> bytes:
    return json.dumps(payload).encode()
