"""What becomes of a final report: pinned, kept as files and as a canvas, and posted where reports are read.

Each copy is a row, so that it can be taken back: what is redacted is taken out of the copies too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import uuid4

from bot.core.charts import Chart
from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.fleet import Fleet
from bot.core.incident_results import IncidentReport
from bot.core.incidents import Incident
from bot.core.mail import Scrub
from bot.core.ports import Chat, Documents, MessageRef
from bot.core.prose import Channel, Inline, Line
from bot.core.records import Store
from bot.core.reports import Copy, Publication
from bot.core.results import Text
from bot.incidents.attempts import Attempts
from bot.incidents.exports import Export, Exporter, Format
from bot.incidents.measured import services_of
from bot.incidents.pages import HEAD, Pages, page
from bot.incidents.posts import post_once
from bot.incidents.redaction import PUT_RIGHT, put_right
from bot.incidents.report import Standing, stand
from bot.incidents.rules import IncidentRules


@dataclass(frozen=True, slots=True)
class Publisher:
    """Shares reports. What is of a private incident goes nowhere but to its own channel."""

    store: Store
    chat: Chat
    documents: Documents
    fleet: Fleet
    rules: IncidentRules
    scrub: Scrub

    async def publish(self, ctx: Context, incident: Incident) -> tuple[Line, ...]:
        """Share the final version, each part of it once however often this is asked for; what Slack refused.

        Raises `IntegrationError` when Slack does not even take the messages.
        """
        head = await Pages(self.store, self.chat).show(incident, at=ctx.now)
        standing = await stand(incident, store=self.store)
        document, chart = await self._documents(standing, Format.MARKDOWN, at=ctx.now)
        attempts = Attempts()

        async def once(what: Line, part: str, step: Callable[[], Awaitable[None]]) -> None:
            key = f"report.final:{incident.number}:{standing.version.number}:{part}"
            async with self.store.transaction() as tx:
                first = await tx.claims.claim(key, at=ctx.now)
            if first:
                await attempts.to(what, step())

        if head:
            await once("pin the report", "pin", partial(self.chat.pin, head))
            share = partial(self._share, standing, document, incident.channel, thread=head.ts)
            await once("share it as a file", "file", share)
            if chart:
                await once("share its chart", "chart", partial(self._draw, standing, chart, thread=head.ts))
        await once("keep it as a canvas", "canvas", partial(self._keep, standing, document))
        if self.rules.reports and not incident.private:
            where: Line = ("post it to ", Channel(self.rules.reports))
            await once(where, "channel", partial(self._announce, standing, document))
        return tuple(attempts.refused)

    async def share(self, ctx: Context, incident: Incident, as_what: Format) -> None:
        """Share the report as it stands as a file in its channel, with its chart beside a Markdown one."""
        standing = await stand(incident, store=self.store)
        document, chart = await self._documents(standing, as_what, at=ctx.now)
        async with self.store.transaction() as tx:
            head = (await tx.reports.shown(incident.number)).get(HEAD, MessageRef(incident.channel, ""))
        await self._share(standing, document, incident.channel, thread=head.ts)
        if chart and as_what is Format.MARKDOWN:
            await self._draw(standing, chart, thread=head.ts)

    async def copy_again(self, standing: Standing, copy: Publication, *, at: datetime) -> None:
        """Make a copy that was deleted anew, of the version as it is now."""
        as_what = Format(copy.name.rpartition(".")[2]) if copy.kind is Copy.FILE else Format.MARKDOWN
        document, chart = await self._documents(standing, as_what, at=at)
        if copy.kind is Copy.FILE:
            await self._share(standing, document, copy.channel, thread=copy.thread)
        elif copy.kind is Copy.CANVAS:
            await self._keep(standing, document)
        elif chart:
            await self._draw(standing, chart, thread=copy.thread)

    @property
    def _exporter(self) -> Exporter:
        return Exporter(self.store, self.documents, self.rules.zone, self.scrub.redact)

    async def _documents(self, standing: Standing, as_what: Format, *, at: datetime) -> tuple[Export, Chart | None]:
        services = services_of(standing.incident, self.fleet)
        chart = await self._exporter.chart(standing, services=services, now=at)
        return await self._exporter.document(standing, as_what, chart), chart

    async def _share(self, standing: Standing, document: Export, channel: str, *, thread: str) -> None:
        copy = _copy(standing, Copy.FILE, document.name, channel, thread)
        name = document.name
        making = self.chat.upload(channel, name, document.content, title=name, thread=thread)
        await self._made(standing, copy, making)

    async def _draw(self, standing: Standing, chart: Chart, *, thread: str) -> None:
        channel, name = standing.incident.channel, f"incident-{standing.incident.number}-errors.png"
        copy = _copy(standing, Copy.PICTURE, name, channel, thread)
        await self._made(standing, copy, self.chat.picture(channel, name, chart, thread=thread))

    async def _keep(self, standing: Standing, document: Export) -> None:
        incident = standing.incident
        title = f"Incident Report {incident.number}: {incident.title}"
        copy = _copy(standing, Copy.CANVAS, title, incident.channel)
        await self._made(standing, copy, self.chat.canvas(incident.channel, title, document.content))

    async def _announce(self, standing: Standing, document: Export) -> None:
        shown = page(standing, HEAD, buttons=False)
        copy = _copy(standing, Copy.MESSAGE, shown.title, self.rules.reports)
        ts = await self._made(standing, copy, self._post(shown, key=f"report.final:{shown.number}:{shown.version}"))
        await self._share(standing, document, self.rules.reports, thread=ts)

    async def _post(self, shown: IncidentReport, *, key: str) -> str:
        return (await self.chat.post(self.rules.reports, shown, key=key)).ts

    async def _made(self, standing: Standing, copy: Publication, making: Awaitable[str]) -> str:
        """Remember a copy before it is made, so that none is ever unknown; what Slack refuses is no copy.

        What was redacted while it was being made is taken out of it at once.
        """
        async with self.store.transaction() as tx:
            await tx.reports.publish(copy)
        try:
            ref = await making
        except OutcomeUnknown:
            raise
        except IntegrationError:
            async with self.store.transaction() as tx:
                await tx.reports.withdraw(copy)
            raise
        async with self.store.transaction() as tx:
            stale = await tx.reports.get(copy.incident, copy.version) != standing.version
            await tx.reports.publish(replace(copy, ref=ref, stale=stale))
            if stale:
                await put_right(tx, copy.incident, redaction=copy.id)
        return ref


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Takes what was redacted out of all that Slack has of a report, and says in the channel what it could not."""

    publisher: Publisher
    clock: Clock

    async def put_right(self, number: int, redaction: str) -> None:
        """The job `PUT_RIGHT`: files, pictures and canvases are deleted and made anew, messages are changed."""
        publisher, refused = self.publisher, list[Line]()
        async with publisher.store.transaction() as tx:
            incident = await tx.incidents.get(number)
            stale = await tx.reports.stale(number)
        pages = Pages(publisher.store, publisher.chat)
        steps: list[tuple[tuple[Inline, ...], Callable[[], Awaitable[object]]]] = [
            (("the report's messages",), partial(pages.show, incident, at=self.clock())),
            *(((f"{copy.name} in ", Channel(copy.channel)), partial(self._renew, incident, copy)) for copy in stale),
        ]
        for what, step in steps:
            try:
                await step()
            except OutcomeUnknown:
                raise  # the queue tries again
            except IntegrationError as error:
                refused.append(("Could not take it out of ", *what, f": {error.hint or error}."))
        if refused:
            said = Text(tuple(refused), title="What was redacted still stands in Slack")
            key = f"{PUT_RIGHT}:{redaction}"
            await post_once(incident.channel, said, key=key, since=incident.opened_at, chat=publisher.chat)

    async def _renew(self, incident: Incident, copy: Publication) -> None:
        publisher = self.publisher
        standing = await stand(incident, store=publisher.store, number=copy.version)
        if not copy.ref:
            raise IntegrationError("nobody knows whether it was shared there, so look, and delete it by hand")
        if copy.kind is Copy.MESSAGE:
            await publisher.chat.update(MessageRef(copy.channel, copy.ref), page(standing, HEAD, buttons=False))
            async with publisher.store.transaction() as tx:
                await tx.reports.withdraw(copy)
                await tx.reports.publish(replace(copy, id=uuid4().hex, stale=False))
            return
        chat = publisher.chat
        await (chat.delete_canvas(copy.ref) if copy.kind is Copy.CANVAS else chat.delete_file(copy.ref))
        async with publisher.store.transaction() as tx:
            await tx.reports.withdraw(copy)
        await publisher.copy_again(standing, copy, at=self.clock())


def _copy(standing: Standing, kind: Copy, name: str, channel: str, thread: str = "") -> Publication:
    return Publication(uuid4().hex, standing.incident.number, standing.version.number, kind, name, channel, thread)
