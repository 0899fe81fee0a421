"""How incidents are run here, as configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from bot.incidents.severity import Severity

CHANNEL_NAME = "inc-{number}-{date}-{title}"
"""The usual template of a channel's name."""

UPDATES: Mapping[str, timedelta] = MappingProxyType(
    {Severity.CRITICAL: timedelta(minutes=30), Severity.HIGH: timedelta(hours=1), Severity.MEDIUM: timedelta(hours=4)}
)
"""How long an update holds, by severity; one of low severity waits for none."""


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """Whom to invite (Slack ids of users, and of user groups: `S...`), names, times, and what is done by itself.

    `announce` are channels that hear status updates of what is no secret. `page_wait` is how long a page waits for one
    person before the next is called. `reports` is the channel that gets every final report, except those of private
    incidents. `mark` is the reaction that puts a message into the timeline.
    """

    responders: tuple[str, ...] = ()
    zone: str = "UTC"
    channel: str = CHANNEL_NAME
    runbook: str = ""
    announce: tuple[str, ...] = ()
    reports: str = ""
    update_every: Mapping[str, timedelta] = field(default_factory=lambda: UPDATES)
    roles_within: timedelta = timedelta(minutes=15)
    report_within: timedelta = timedelta(days=2)
    page_wait: timedelta = timedelta(minutes=5)
    page_critical: bool = False
    mark: str = "pushpin"
