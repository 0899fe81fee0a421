"""The jobs of a page: call whose turn it is, go on to the next, say who answered."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import IntegrationError, NotFound, OpsbotError, OutcomeUnknown
from bot.core.incident_acts import Paged
from bot.core.incidents import Incident
from bot.core.mail import Scrub
from bot.core.pager import Page, PageState
from bot.core.parts import Button, Style
from bot.core.people import AUTOMATIC
from bot.core.plan import Json
from bot.core.posts import post_once
from bot.core.prose import Channel, Line, Person
from bot.core.records import Due, Store
from bot.core.results import Text
from bot.incidents.acts import OPEN, PAGED, change
from bot.incidents.paging import CALL, PASS_ON, Reach, called_by, page_text, page_title
from bot.incidents.people import mention
from bot.incidents.rules import IncidentRules

log = structlog.get_logger(__name__)


class Calls:
    """Calls people, one after the other, until somebody answers."""

    def __init__(self, *, store: Store, reach: Reach, rules: IncidentRules, scrub: Scrub, clock: Clock) -> None:
        self._store = store
        self._reach = reach
        self._chat = reach.chat
        self._rules = rules
        self._scrub = scrub
        self._clock = clock

    async def call(self, page_id: str, place: int) -> None:
        """The job `CALL`: once for each place of the chain, however often it runs."""
        page, incident = await self._read(page_id)
        if page.answered_at or page.place != place or incident.state != OPEN:
            return
        notes = [await self._wake(page, incident)] if place == 0 and page.target else []
        if page.turn:
            notes += await self._tell_directly(page, incident)
        buttons = (Button("I am on it", "incident.answer", page.id, Style.PRIMARY),)
        text = replace(page_text(page, incident, notes=notes), buttons=buttons)
        async with self._store.transaction() as tx:
            channel = await tx.acts.call_in(page.id, incident.channel)  # it may get one of its own at any moment
        try:
            await self._post(page, channel, text, key=f"{CALL}:{page.id}:{place}")
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            log.warning("page not posted", incident=incident.number, reason=str(error))

    async def pass_on(self, page_id: str, place: int) -> None:
        """The job `PASS_ON`: nobody answered in time, so the next one is called."""
        page, incident = await self._read(page_id)
        now = self._clock()
        ctx = Context(AUTOMATIC, "", now)
        if page.answered_at or page.place != place or incident.state != OPEN:
            return
        if await self._answered_elsewhere(page, incident):
            async with self._store.transaction() as tx:
                if await tx.acts.answer_page(page.id, by="", at=now):
                    taken = replace(incident, acknowledged_at=incident.acknowledged_at or now)
                    await change(tx, ctx, taken, "answered", f"The call for {page.whom} was answered in the pager")
            return
        async with self._store.transaction() as tx:
            if not await tx.acts.pass_on(page.id, frm=place):
                return
            page = await tx.acts.get_page(page.id)
            await tx.jobs.defer(CALL, args={"page_id": page.id, "place": page.place})
            if page.turn:
                args: Json = {"page_id": page.id, "place": page.place}
                await tx.due.put(Due(PASS_ON, page.id, now + self._rules.page_wait, args))
            words = f"Nobody answered: called {mention(page.turn)}" if page.turn else "Nobody answered, nobody is left"
            await change(tx, ctx, incident, PAGED, words, tell=False)

    async def answered(self, page_id: str) -> None:
        """The job `ANSWERED`: each message of the page says who is on it, as the pager hears, or that it is over."""
        page, incident = await self._read(page_id)
        text = page_text(page, incident)
        for message in page.messages:
            try:
                await self._chat.update(message, text)
            except OutcomeUnknown:
                raise
            except IntegrationError as error:
                log.warning("page not updated", incident=incident.number, reason=str(error))
        pager = self._reach.pager(incident.services)
        if page.answered_at and page.target and pager:
            try:
                await pager.acknowledge(_key(page), to=page.target)
            except NotFound:
                log.info("page is not open in the pager any more", incident=incident.number)

    async def stand_down(self, page_id: str) -> None:
        """The job `STAND_DOWN`: the paging system hears that the incident is over, unless it was reopened meanwhile."""
        page, incident = await self._read(page_id)
        pager = self._reach.pager(incident.services)
        if pager is None or incident.state == OPEN:
            return
        try:
            await pager.resolve(_key(page), to=page.target)
        except NotFound:
            log.info("page is not open in the pager any more", incident=incident.number)

    async def _wake(self, page: Paged, incident: Incident) -> Line:
        """Hand it to the paging system; in its own words, what came of that. Raises `OutcomeUnknown`: then again."""
        pager = self._reach.pager(incident.services)
        if pager is None:
            return "The paging system is not configured any more."
        about = "sensitive, details in Slack" if incident.private else incident.title
        request = Page(
            key=_key(page),
            summary=self._scrub.redact(f"Incident {incident.number}: {about}"),
            severity=incident.severity,
            source=", ".join(incident.services) or "opsbot",
            details="" if incident.private else self._scrub.redact(page.text),
        )
        try:
            return await pager.page(request, to=page.target)
        except OutcomeUnknown:
            raise
        except OpsbotError as error:
            return f"The paging system did not take it: {error}"

    async def _tell_directly(self, page: Paged, incident: Incident) -> list[Line]:
        """Ask them in and write to them; what could not be done, in a sentence."""
        who: Line = (Person(page.turn),)
        failed: list[Line] = []
        try:
            await self._chat.invite(incident.channel, [page.turn])
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            if error.hint != "already_in_channel":
                failed.append(("Could not invite ", *who, f": {error.hint or error}."))
        lines: tuple[Line, ...] = (("You are called ", *called_by(page), " to ", Channel(incident.channel), "."),)
        if page.text and not incident.private:
            lines = (page.text, *lines)
        buttons = (Button("I am on it", "incident.answer", page.id, Style.PRIMARY),)
        text = Text(lines, title=page_title(page, incident), buttons=buttons)
        try:
            direct = await self._chat.direct(page.turn)
            if all(message.channel != direct for message in page.messages):
                await self._post(page, direct, text, key=f"{CALL}:{page.id}:{page.place}")
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            failed.append(("Could not write to ", *who, f": {error.hint or error}."))
        return failed

    async def _post(self, page: Paged, channel: str, text: Text, *, key: str) -> None:
        message = await post_once(channel, text, key=key, since=page.at, chat=self._chat)
        async with self._store.transaction() as tx:
            await tx.acts.add_page_message(page.id, message)

    async def _answered_elsewhere(self, page: Paged, incident: Incident) -> bool:
        """Whether somebody answered in the paging system; one that does not tell counts as not answered."""
        pager = self._reach.pager(incident.services)
        if not page.target or pager is None:
            return False
        try:
            state = await pager.state(_key(page), to=page.target)
        except OpsbotError:
            return False
        return state in {PageState.ACKNOWLEDGED, PageState.RESOLVED}

    async def _read(self, page_id: str) -> tuple[Paged, Incident]:
        async with self._store.transaction() as tx:
            page = await tx.acts.get_page(page_id)
            return page, await tx.incidents.get(page.incident)


def _key(page: Paged) -> str:
    return f"opsbot-incident-{page.incident}-{page.id}"
