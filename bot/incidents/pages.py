"""A report in its channel: a few messages with buttons, put in place of themselves and never posted twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from bot.core.errors import IntegrationError
from bot.core.incident_results import IncidentReport, Section
from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.ports import Chat, MessageRef
from bot.core.records import Store
from bot.core.reports import Claim
from bot.incidents.report import Standing, stand
from bot.incidents.tasks import ADD

HEAD = "report"

_PAGES: Mapping[str, tuple[Section, ...]] = MappingProxyType(
    {
        HEAD: (Section.DATE, Section.TIME, Section.SEVERITY, Section.IMPACT, Section.SUMMARY),
        "timeline": (Section.TIMELINE,),
        "cause": (Section.ROOT_CAUSE, Section.RESOLUTION, Section.LESSONS),
        "actions": (Section.ACTION_ITEMS,),
    }
)
"""The first stands in the channel, the others in its thread."""

LOST = timedelta(minutes=1)
"""After this long whoever was about to post a page has not done it."""

_CLOCKS_APART = timedelta(minutes=1)

EDIT, ANEW, CHOOSE, EXPORT, FINAL = (
    f"incident.report.{verb}" for verb in ("edit", "anew", "choose", "export", "final")
)
"""Verbs of the buttons; those that edit have the name of the section behind it."""


def page(standing: Standing, name: str, *, buttons: bool = True) -> IncidentReport:
    """The sections that stand in one message, with what can be done there."""
    whole = standing.report
    wanted = _PAGES[name]
    sections = tuple(each for each in whole.sections if each.section in wanted)
    faults = whole.faults if name == HEAD else ()
    offered = _buttons(whole, wanted, is_head=name == HEAD) if buttons else []
    return replace(whole, sections=sections, faults=faults, buttons=tuple(offered))


def _buttons(whole: IncidentReport, wanted: Sequence[Section], *, is_head: bool) -> list[Button]:
    number = str(whole.number)
    buttons = [
        Button(f"Edit {section.heading.lower()}", f"{EDIT}.{section}", f"{number}:{section}")
        for section in wanted
        if section is not Section.DATE
    ]
    if is_head:
        buttons += [Button("Draft anew", ANEW, number), Button("Export", EXPORT, number)]
        if not whole.final:
            question = "Make the report final? It is pinned, exported and posted to the reports channel."
            buttons.append(Button("Make final", FINAL, number, Style.PRIMARY, confirm=question))
    if Section.TIMELINE in wanted:
        buttons.append(Button("Choose entries", CHOOSE, number))
    if Section.ACTION_ITEMS in wanted:
        buttons.append(Button("Add an action item", ADD, number))
    return buttons


@dataclass(frozen=True, slots=True)
class Pages:
    """Shows reports: however many replicas do it at once, each page is one message, of the last version in the end."""

    store: Store
    chat: Chat

    async def show(self, incident: Incident, *, at: datetime) -> MessageRef | None:
        """Bring the messages up to date; the first one, or None while another replica posts it.

        Raises `IntegrationError` when Slack refuses.
        """
        shown = 0
        head: MessageRef | None = None
        while True:
            standing = await stand(incident, store=self.store)
            if standing.version.number == shown:
                return head
            shown = standing.version.number
            head = await self._place(standing, HEAD, at=at, thread="")
            if head is None:
                return None
            for name in _PAGES:
                if name != HEAD:
                    await self._place(standing, name, at=at, thread=head.ts)

    async def _place(self, standing: Standing, name: str, *, at: datetime, thread: str) -> MessageRef | None:
        incident = standing.incident
        async with self.store.transaction() as tx:
            message = (await tx.reports.shown(incident.number)).get(name)
        shown = page(standing, name)
        if message and await self._update(message, shown):
            return message
        async with self.store.transaction() as tx:
            if message:
                await tx.reports.lose(incident.number, name, message)
            claim = await tx.reports.claim(incident.number, name, at=at, lost_before=at - LOST)
        if claim is Claim.TAKEN:
            return None
        key = f"report:{incident.number}:{name}"
        found = None
        if claim is Claim.SUCCESSOR:  # whoever was before us may have posted it without remembering where
            since = incident.opened_at - _CLOCKS_APART
            found = await self.chat.find(incident.channel, key, since=since, thread=thread)
        if found is None or not await self._update(found, shown):
            found = await self.chat.post(incident.channel, shown, key=key, thread=thread)
        async with self.store.transaction() as tx:
            await tx.reports.show(incident.number, name, found)
        return found

    async def _update(self, message: MessageRef, shown: IncidentReport) -> bool:
        """False when somebody deleted the message."""
        try:
            await self.chat.update(message, shown)
        except IntegrationError as error:
            if error.hint != "message_not_found":
                raise
            return False
        return True
