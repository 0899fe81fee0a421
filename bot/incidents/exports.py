"""A report as a document: Markdown, JSON, or a page with its chart in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.core.charts import Chart
from bot.core.incident_results import Section
from bot.core.passage import parse
from bot.core.ports import Documents
from bot.core.records import Store
from bot.core.reports import Task
from bot.incidents.measured import chart_of
from bot.incidents.report import Standing
from bot.incidents.sections import TEMPLATE

PAGE = "incident_report.html.j2"


class Format(StrEnum):
    """What a report is exported as."""

    MARKDOWN = "md"
    JSON = "json"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Export:
    """A document and the name of its file."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Exporter:
    """Makes documents of reports; `redact` takes secrets out of what is drawn, where nobody finds them later."""

    store: Store
    documents: Documents
    zone: str
    redact: Callable[[str], str]

    async def chart(self, standing: Standing, *, services: Sequence[str], now: datetime) -> Chart | None:
        """The chart of an incident, None where nothing was measured."""
        timeline = standing.texts[Section.TIMELINE]
        drawn = await chart_of(
            standing.incident, timeline, services=services, now=now, zone=self.zone, store=self.store
        )
        if drawn is None:
            return None
        marks = tuple(replace(mark, label=self.redact(mark.label)) for mark in drawn.marks)
        return replace(drawn, title=self.redact(drawn.title), marks=marks)

    async def document(self, standing: Standing, as_what: Format, chart: Chart | None) -> Export:
        """The report in one format; made in a thread, because a long one takes a while."""
        async with self.store.transaction() as tx:
            tasks = await tx.tasks.of_incident(standing.incident.number)
        name = f"incident-{standing.incident.number}-report.{as_what}"
        content = await asyncio.to_thread(_content, standing, as_what, tasks, chart, self.documents)
        return Export(name, content)


def _content(
    standing: Standing, as_what: Format, tasks: tuple[Task, ...], chart: Chart | None, documents: Documents
) -> str:
    document = standing.report.document
    match as_what:
        case Format.MARKDOWN:
            return documents.render(TEMPLATE, report=document)
        case Format.HTML:
            return documents.render(PAGE, report=document, chart=chart)
        case Format.JSON:
            return json.dumps(_as_json(standing, tasks), ensure_ascii=False, indent=1)


def _as_json(standing: Standing, tasks: tuple[Task, ...]) -> dict[str, object]:
    """`sections` have the text of each with its links as Markdown, `action_items` what is to be done by whom."""
    version, incident = standing.version, standing.incident
    links = dict(version.links)
    return {
        "incident": incident.number,
        "title": incident.title,
        "version": version.number,
        "final": version.final,
        "at": version.at.isoformat(),
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        "sections": {
            section.value: [row.words for row in parse(text, links)] for section, text in standing.texts.items()
        },
        "action_items": [
            {"number": task.number, "text": task.text, "owner": task.owner or None, "state": task.state}
            for task in tasks
        ],
        "links": links,
    }
