"""What becomes of a final report: pinned, kept as files and as a canvas, and posted where reports are read.

Each copy is a row, so that it can be taken back: what is redacted is taken out of the copies too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import uuid4

from bot.core.charts import Chart
from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import Busy, IntegrationError, OutcomeUnknown
from bot.core.fleet import Fleet
from bot.core.incident_results import IncidentReport
from bot.core.incidents import Incident
from bot.core.mail import Scrub
from bot.core.ports import Chat, Documents, MessageRef
from bot.core.posts import post_once
from bot.core.prose import Channel, Inline, Line
from bot.core.records import Store
from bot.core.reports import Claim, Copy, Publication
from bot.core.results import Text
from bot.incidents.attempts import WAITS, Attempts
from bot.incidents.exports import Export, Exporter, Format
from bot.incidents.measured import services_of
from bot.incidents.pages import HEAD, LOST, Pages, page
from bot.incidents.redaction import PUT_RIGHT, put_right
from bot.incidents.report import PUBLISH, Standing, publish_at, stand
from bot.incidents.rules import IncidentRules

_LATER = "Slack did not take all of it just now. I go on with the rest by myself, and say here what does not work out."
_AGAIN = "`/incident report final` tries again."


@dataclass(frozen=True, slots=True)
class Published:
    """What there is to say of what was not shared; `shown` is False where Slack does not take the report's messages.

    While another replica posts them they are on their way, and count as shown.
    """

    shown: bool
    said: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """`what` follows "Could not"; `sure` says that `do` may be asked for again when nobody knows what it did."""

    name: str
    what: Line
    do: Callable[[], Awaitable[object]]
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Publisher:
    """Shares reports. What is of a private incident goes nowhere but to its own channel."""

    store: Store
    chat: Chat
    documents: Documents
    fleet: Fleet
    rules: IncidentRules
    scrub: Scrub

    async def publish(self, incident: Incident, *, at: datetime, attempt: int = 0) -> Published:
        """Bring its messages up to date with a link at the top of the channel; a final version is shared as well.

        Each part happens once however often this is asked for, and on whatever replica. What Slack was not there for
        is tried again by the job `PUBLISH`, up to the last of `WAITS`; what it refuses, when this is asked for again.
        """
        attempts = Attempts()
        head = await attempts.to("show the report", Pages(self.store, self.chat).show(incident, at=at))
        standing = await stand(incident, store=self.store)
        is_all, shown = bool(head or attempts.refused), not (attempts.refused or attempts.missed)
        if head:
            for part in await self._parts(standing, head, at=at):
                is_all &= await self._once(standing, part, head, attempts, at=at)
        async with self.store.transaction() as tx:
            if (attempts.missed or not is_all) and attempt < len(WAITS):
                await tx.due.put(publish_at(incident.number, at + WAITS[attempt], attempt=attempt + 1))
                later = () if shown and head is None else (_LATER,)  # who posts them goes on with the rest
                return Published(shown, (*attempts.refused, *attempts.next_steps, *later))
            await tx.due.drop(PUBLISH, str(incident.number))
        return Published(shown, attempts.said)

    async def resume(self, number: int, attempt: int, *, at: datetime) -> None:
        """The job `PUBLISH`: go on, and say in the channel what does not work out in the end."""
        async with self.store.transaction() as tx:
            incident = await tx.incidents.get(number)
        published = await self.publish(incident, at=at, attempt=attempt)
        if published.said and _LATER not in published.said:
            told = Text((*published.said, _AGAIN), title="The report in Slack")
            with suppress(IntegrationError):  # it takes no word either, and whoever looks sees what is missing
                await post_once(incident.channel, told, key=f"{PUBLISH}:{number}:{at}", since=at, chat=self.chat)

    async def _parts(self, standing: Standing, head: MessageRef, *, at: datetime) -> Sequence[_Part]:
        """What a report has in Slack beside its messages; names are of a version where each version has its own."""
        incident, chat = standing.incident, self.chat
        bookmark = _Part(
            f"bookmark:{head.ts}", "link the report above the channel", partial(self._link, head), sure=False
        )
        parts = [bookmark] if incident.own_channel else []
        if not standing.version.final:
            return parts
        version = f"v{standing.version.number}"
        document, chart = await self._documents(standing, Format.MARKDOWN, at=at)
        document = replace(document, name=f"incident-{incident.number}-report-{version}.md")
        parts.append(_Part(f"pin:{version}", "pin the report", partial(chat.pin, head)))
        share = partial(self._share_once, standing, document, incident.channel, thread=head.ts)
        parts.append(_Part(f"file:{version}", "share it as a file", share))
        if chart:
            picture = f"incident-{incident.number}-errors-{version}.png"
            draw = partial(self._draw_once, standing, chart, picture, thread=head.ts)
            parts.append(_Part(f"chart:{version}", "share its chart", draw))
        keep = partial(self._keep, standing, document)
        parts.append(_Part(f"canvas:{version}", "keep it as a canvas", keep, sure=False))
        if self.rules.reports and not incident.private:
            announce = partial(self._announce, standing, document)
            parts.append(_Part(f"channel:{version}", ("post it to ", Channel(self.rules.reports)), announce))
        return parts

    async def _once(
        self, standing: Standing, part: _Part, head: MessageRef, attempts: Attempts, *, at: datetime
    ) -> bool:
        """Do a part unless it is done or somebody is at it; False where it is neither done nor refused."""
        number = standing.incident.number
        async with self.store.transaction() as tx:
            if part.name in await tx.reports.shown(number):
                return True
            claim = await tx.reports.claim(number, part.name, at=at, lost_before=at - LOST)
        if claim is Claim.TAKEN:
            return False
        if claim is Claim.SUCCESSOR and not part.sure:
            attempts.refused.append(("It is not known whether I could ", *_words(part.what), ": please look."))
        else:
            try:
                await part.do()
            except IntegrationError as error:
                attempts.failed(part.what, error)
                if part.sure or isinstance(error, Busy) or not isinstance(error, OutcomeUnknown):
                    async with self.store.transaction() as tx:
                        await tx.reports.lose(number, part.name, None)
                return True
        async with self.store.transaction() as tx:
            await tx.reports.show(number, part.name, head)
        return True

    async def _link(self, head: MessageRef) -> None:
        await self.chat.bookmark(head.channel, "Report", await self.chat.permalink(head))

    async def share(self, ctx: Context, incident: Incident, as_what: Format) -> None:
        """Share the report as it stands as a file in its channel, with its chart beside a Markdown one."""
        standing = await stand(incident, store=self.store)
        document, chart = await self._documents(standing, as_what, at=ctx.now)
        async with self.store.transaction() as tx:
            head = (await tx.reports.shown(incident.number)).get(HEAD, MessageRef(incident.channel, ""))
        await self._share(standing, document, incident.channel, thread=head.ts)
        if chart and as_what is Format.MARKDOWN:
            await self._draw(standing, chart, _picture(incident), thread=head.ts)

    async def copy_again(self, standing: Standing, copy: Publication, *, at: datetime) -> None:
        """Make a copy that was deleted anew, of the version as it is now."""
        as_what = Format(copy.name.rpartition(".")[2]) if copy.kind is Copy.FILE else Format.MARKDOWN
        document, chart = await self._documents(standing, as_what, at=at)
        if copy.kind is Copy.FILE:
            await self._share(standing, replace(document, name=copy.name), copy.channel, thread=copy.thread)
        elif copy.kind is Copy.CANVAS:
            await self._keep(standing, document)
        elif chart:
            await self._draw(standing, chart, copy.name, thread=copy.thread)

    @property
    def _exporter(self) -> Exporter:
        return Exporter(self.store, self.documents, self.rules.zone, self.scrub.redact)

    async def _documents(self, standing: Standing, as_what: Format, *, at: datetime) -> tuple[Export, Chart | None]:
        services = services_of(standing.incident, self.fleet)
        chart = await self._exporter.chart(standing, services=services, now=at)
        return await self._exporter.document(standing, as_what, chart), chart

    async def _share(
        self, standing: Standing, document: Export, channel: str, *, thread: str, once: bool = False
    ) -> None:
        copy = _copy(standing, Copy.FILE, document.name, channel, thread, once=once)
        name = document.name
        making = self.chat.upload(channel, name, document.content, title=name, thread=thread)
        await self._made(standing, copy, making)

    async def _share_once(self, standing: Standing, document: Export, channel: str, *, thread: str) -> None:
        if not await self._found(standing, Copy.FILE, document.name, channel, thread=thread):
            await self._share(standing, document, channel, thread=thread, once=True)

    async def _draw(self, standing: Standing, chart: Chart, name: str, *, thread: str, once: bool = False) -> None:
        channel = standing.incident.channel
        copy = _copy(standing, Copy.PICTURE, name, channel, thread, once=once)
        await self._made(standing, copy, self.chat.picture(channel, name, chart, thread=thread))

    async def _draw_once(self, standing: Standing, chart: Chart, name: str, *, thread: str) -> None:
        if not await self._found(standing, Copy.PICTURE, name, standing.incident.channel, thread=thread):
            await self._draw(standing, chart, name, thread=thread, once=True)

    async def _found(self, standing: Standing, kind: Copy, name: str, channel: str, *, thread: str) -> bool:
        """Whether a file is there already, because whoever shared it had no answer; it is remembered then."""
        found = await self.chat.copies(channel, name, since=standing.version.at, thread=thread)
        files = [file for each in found for file in each.files]
        if files:
            async with self.store.transaction() as tx:
                copy = _copy(standing, kind, name, channel, thread, once=True)
                await tx.reports.publish(replace(copy, ref=files[0]))
        return bool(files)

    async def _keep(self, standing: Standing, document: Export) -> None:
        incident = standing.incident
        title = f"Incident Report {incident.number}: {incident.title}"
        copy = _copy(standing, Copy.CANVAS, title, incident.channel)
        await self._made(standing, copy, self.chat.canvas(incident.channel, title, document.content))

    async def _announce(self, standing: Standing, document: Export) -> None:
        shown = page(standing, HEAD, buttons=False)
        copy = _copy(standing, Copy.MESSAGE, shown.title, self.rules.reports, once=True)
        key = f"report.final:{shown.number}:{shown.version}"
        ts = await self._made(standing, copy, self._post(shown, key=key, since=standing.version.at))
        try:
            await self._share_once(standing, document, self.rules.reports, thread=ts)
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            error.hint = f"its message stands there without its file ({error.hint or error})"
            raise

    async def _post(self, shown: IncidentReport, *, key: str, since: datetime) -> str:
        return (await post_once(self.rules.reports, shown, key=key, since=since, chat=self.chat)).ts

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


def _copy(
    standing: Standing, kind: Copy, name: str, channel: str, thread: str = "", *, once: bool = False
) -> Publication:
    """The row of a copy; one that is made `once` takes the place of its row of an attempt of which nobody knows."""
    number, version = standing.incident.number, standing.version.number
    id_ = f"{number}:{version}:{kind}:{channel}" if once else uuid4().hex
    return Publication(id_, number, version, kind, name, channel, thread)


def _picture(incident: Incident) -> str:
    return f"incident-{incident.number}-errors.png"


def _words(what: Line) -> tuple[Inline, ...]:
    return (what,) if isinstance(what, str) else what
