"""The report of an incident that the bot did not attend, out of a transcript of its channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import JsonValue

from bot.core.errors import UsageError
from bot.core.incident_results import IncidentReport, SectionText
from bot.core.ports import Documents
from bot.incidents.chosen import ActionItem, Chosen, Moment, Quote, Selection
from bot.incidents.sections import TEMPLATE, Facts, write
from bot.incidents.selection import select
from bot.incidents.tasks import tasks_of
from bot.incidents.transcripts import Transcript

ZONE = "UTC"
"""Zone of the report: a transcript has no other that counts for all."""

LONGEST_TEXT = 300
"""Characters of an entry; whoever wants more has its messages' ts."""

_Said = TypeVar("_Said", Chosen, Quote, ActionItem)


def draft(transcript: Transcript, *, redact: Callable[[str], str], documents: Documents) -> dict[str, JsonValue]:
    """The timeline, the moments and the report, as JSON; every text of people without secrets.

    `UsageError` when nothing was said.
    """
    at = min((each.at for each in transcript.conversation.said if not each.deleted), default=None)
    if at is None:
        raise UsageError(f"Nobody said anything in {transcript.title or 'this channel'}.", hint="Is it the right one?")
    selection = _redacted(select(transcript.conversation), redact)
    names = {key: person.name for key, person in transcript.conversation.people.items()}
    return {
        "started": _moment(selection.started),
        "detected": _moment(selection.detected),
        "mitigated": _moment(selection.mitigated),
        "resolved": _moment(selection.resolved),
        "severity": selection.severity.text if selection.severity else None,
        "impact": " / ".join(quote.text for quote in selection.impact) or None,
        "timeline": [
            {
                "ts": entry.source[0],
                "time": _time(entry.at),
                "user": entry.author,
                "text": entry.text,
                "phase": entry.phase.value,
                "source": list(entry.source),
            }
            for entry in selection.entries
        ],
        "action_items": [
            {"text": item.text, "owner": names.get(item.owner, item.owner) or None, "source": list(item.source)}
            for item in selection.action_items
        ],
        "report": documents.render(
            TEMPLATE, report=_report(redact(transcript.title), selection, names, at=at).document
        ),
    }


def _report(title: str, selection: Selection, names: Mapping[str, str], *, at: datetime) -> IncidentReport:
    """The report without links: a transcript does not tell where its messages stand."""
    facts = Facts(
        selection=selection,
        zone=ZONE,
        title=title,
        names=names,
        people=tuple(dict.fromkeys(entry.author for entry in selection.entries if entry.author)),
        tasks=tasks_of(0, selection, at=at),
        attended=False,
    )
    return IncidentReport(0, title, tuple(SectionText(section, text) for section, text in write(facts)))


def _moment(moment: Moment) -> JsonValue:
    return {"time": _time(moment.at) if moment.at else None, "how": moment.how, "source": list(moment.source)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _redacted(selection: Selection, redact: Callable[[str], str]) -> Selection:
    def safe(each: _Said) -> _Said:
        text = redact(each.text)
        return replace(each, text=text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…")

    return replace(
        selection,
        entries=tuple(map(safe, selection.entries)),
        impact=tuple(map(safe, selection.impact)),
        action_items=tuple(map(safe, selection.action_items)),
        root_cause=tuple(map(safe, selection.root_cause)),
        resolution=tuple(map(safe, selection.resolution)),
        lessons=tuple(map(safe, selection.lessons)),
    )
