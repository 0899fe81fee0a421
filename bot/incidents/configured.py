"""The section `incidents` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.core.duration import Duration
from bot.incidents.rules import CHANNEL_NAME, UPDATES, IncidentRules
from bot.incidents.severity import Severity


def _channel_name(template: str) -> str:
    try:
        template.format(number=1, date="2026-01-05", severity="High", title="x")
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError("can have {number}, {date}, {severity} and {title} in braces, nothing else") from error
    if "{number}" not in template:
        raise ValueError("needs {number}, which makes it unique")
    return template


class IncidentSettings(BaseModel):
    """What holds for every incident; nothing of it has to be said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    responders: tuple[str, ...] = Field((), description="Slack ids of users and user groups invited to every incident.")
    channel: Annotated[str, AfterValidator(_channel_name)] = Field(
        CHANNEL_NAME,
        description="Template of its channel's name, of {number}, {date}, {severity} and {title}. The title of a "
        "private one is left out.",
    )
    runbook: str = Field(
        "", pattern=r"^(https?://[^\s<>|]+)?$", description="Address of the runbook, a bookmark of every incident."
    )
    announce: tuple[Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,20}$")], ...] = Field(
        (), description="Channel ids that hear status updates, after their author has seen how they read."
    )
    reports_channel: str = Field("", description="Channel id that gets every final report; none of a private incident.")
    mark: str = Field(
        "pushpin",
        pattern=r"^[a-z0-9_+'-]{1,100}$",
        description="Name of the reaction that puts a message into the timeline.",
    )
    update_every: Mapping[Severity, Duration] = Field(
        dict(UPDATES),
        validate_default=True,
        description="How long a status update holds, by severity; for what is left out none is due.",
    )
    roles_within: Duration = Field("15m", validate_default=True, description="When empty roles are asked for.")
    report_within: Duration = Field(
        "2d", validate_default=True, description="When the report of a resolved incident is asked for, then daily."
    )
    page_wait: Duration = Field(
        "5m", validate_default=True, description="How long a call waits for one person before the next is called."
    )
    page_critical: bool = Field(
        default=False, description="Whether a Critical incident calls whoever is on call by itself."
    )

    def rules(self, *, zone: str) -> IncidentRules:
        """The same for the incidents' own code; `zone` is that of documents."""
        given = dict(self)
        return IncidentRules(zone=zone, reports=given.pop("reports_channel"), **given)
