"""How incidents are run here, as configured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """Whom to invite (Slack ids of users, and of user groups: `S...`), and the time zone of documents.

    `reports` is the channel that gets every final report, except those of private incidents.
    """

    responders: tuple[str, ...] = ()
    zone: str = "UTC"
    reports: str = ""
