"""A result as a Slack message. Pure: no client and no clock; the set of results is closed."""

from __future__ import annotations

from functools import cache
from typing import assert_never

from bot.core.incident_results import ActionItems, IncidentCard, IncidentReport, IncidentUpdate, Timeline
from bot.core.results import (
    Checklist,
    Checks,
    CommandHelp,
    Digest,
    Document,
    Failure,
    Fields,
    Form,
    HelpIndex,
    Home,
    LogLines,
    PlanCard,
    Progress,
    Result,
    Status,
    Table,
    Text,
)
from bot.views import app_home, change, checklist, form, guide, health, incident, plain, report
from bot.views.payload import Payload
from bot.views.templates import Templates


def render(result: Result, *, templates: Templates | None = None) -> Payload:  # noqa: C901, PLR0911, PLR0912 - one table
    """The message for `result`, within all of Slack's limits; `templates` in place of those that come with the bot."""
    match result:
        case Text():
            return plain.text(result)
        case Fields():
            return plain.fields(result)
        case Table():
            return plain.table(result)
        case LogLines():
            return plain.log_lines(result)
        case Failure():
            return plain.failure(result)
        case Checks():
            return health.checks(result)
        case Digest():
            return health.digest(result)
        case Document():
            return incident.digest_document(result, templates=templates or _installed())
        case Status():
            return health.status(result)
        case PlanCard():
            return change.plan_card(result)
        case Progress():
            return change.progress(result)
        case Checklist():
            return checklist.checklist(result)
        case IncidentCard():
            return incident.incident_card(result)
        case IncidentUpdate():
            return incident.incident_update(result, templates=templates or _installed())
        case Timeline():
            return incident.timeline(result, templates=templates or _installed())
        case IncidentReport():
            return report.incident_report(result)
        case ActionItems():
            return report.action_items(result)
        case CommandHelp():
            return guide.command_help(result)
        case HelpIndex():
            return guide.help_index(result)
        case Form():
            return form.asked(result)
        case Home():
            return app_home.in_message(result)
        case _:
            assert_never(result)


@cache
def _installed() -> Templates:
    return Templates()
