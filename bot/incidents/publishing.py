"""What becomes of a final report: pinned, kept as files and as a canvas, and posted where reports are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bot.core.charts import Chart
from bot.core.command import Context
from bot.core.fleet import Fleet
from bot.core.incidents import Incident
from bot.core.mail import Scrub
from bot.core.ports import Chat, Documents, MessageRef
from bot.core.prose import Channel, Line
from bot.core.records import Store
from bot.incidents.attempts import Attempts
from bot.incidents.exports import Export, Exporter, Format
from bot.incidents.measured import services_of
from bot.incidents.pages import HEAD, Pages, page
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
        document, chart = await self._documents(ctx, standing, Format.MARKDOWN)
        title = f"Incident Report {incident.number}: {incident.title}"
        attempts = Attempts()

        async def once(what: Line, part: str, step: Callable[[], Awaitable[None]]) -> None:
            key = f"report.final:{incident.number}:{standing.version.number}:{part}"
            async with self.store.transaction() as tx:
                first = await tx.claims.claim(key, at=ctx.now)
            if first:
                await attempts.to(what, step())

        if head:
            await once("pin the report", "pin", partial(self.chat.pin, head))
            share = partial(self._share, incident.channel, document, thread=head.ts)
            await once("share it as a file", "file", share)
            if chart:
                await once("share its chart", "chart", partial(self._draw, incident, chart, thread=head.ts))
        keep = partial(self.chat.canvas, incident.channel, title, document.content)
        await once("keep it as a canvas", "canvas", keep)
        if self.rules.reports and not incident.private:
            where: Line = ("post it to ", Channel(self.rules.reports))
            await once(where, "channel", partial(self._announce, standing, document))
        return tuple(attempts.refused)

    async def share(self, ctx: Context, incident: Incident, as_what: Format) -> None:
        """Share the report as it stands as a file in its channel, with its chart beside a Markdown one."""
        standing = await stand(incident, store=self.store)
        document, chart = await self._documents(ctx, standing, as_what)
        async with self.store.transaction() as tx:
            head = (await tx.reports.shown(incident.number)).get(HEAD, MessageRef(incident.channel, ""))
        await self._share(incident.channel, document, thread=head.ts)
        if chart and as_what is Format.MARKDOWN:
            await self._draw(incident, chart, thread=head.ts)

    @property
    def _exporter(self) -> Exporter:
        return Exporter(self.store, self.documents, self.rules.zone, self.scrub.redact)

    async def _documents(self, ctx: Context, standing: Standing, as_what: Format) -> tuple[Export, Chart | None]:
        services = services_of(standing.incident, self.fleet)
        chart = await self._exporter.chart(standing, services=services, now=ctx.now)
        return await self._exporter.document(standing, as_what, chart), chart

    async def _share(self, channel: str, document: Export, *, thread: str) -> None:
        await self.chat.upload(channel, document.name, document.content, title=document.name, thread=thread)

    async def _draw(self, incident: Incident, chart: Chart, *, thread: str) -> None:
        await self.chat.picture(incident.channel, f"incident-{incident.number}-errors.png", chart, thread=thread)

    async def _announce(self, standing: Standing, document: Export) -> None:
        shown = page(standing, HEAD, buttons=False)
        key = f"report.final:{shown.number}:{shown.version}"
        posted = await self.chat.post(self.rules.reports, shown, key=key)
        await self._share(self.rules.reports, document, thread=posted.ts)
