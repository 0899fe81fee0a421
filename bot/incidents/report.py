"""The report of an incident: drafted from the record, edited by people, and shown where they talk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.command import Context
from bot.core.errors import Conflict, NotFound
from bot.core.incident_acts import Cycle
from bot.core.incident_results import IncidentReport, Section, SectionText
from bot.core.incidents import Incident
from bot.core.merge import merge
from bot.core.passage import cited
from bot.core.plan import Json
from bot.core.ports import Chat
from bot.core.prose import Line, Person
from bot.core.records import Due, Operation, Store, Unit
from bot.core.reports import Task, Version, Written
from bot.core.results import StepState
from bot.incidents.acts import DECLARED
from bot.incidents.chosen import Selection
from bot.incidents.cycles import reopened
from bot.incidents.faults import faults
from bot.incidents.links import links_of
from bot.incidents.measured import figures_of
from bot.incidents.people import names_of
from bot.incidents.sections import Changed, Facts, tasks_text, write
from bot.incidents.shown import choose
from bot.incidents.talk import Talk
from bot.incidents.tasks import tasks_of
from bot.incidents.timeline import Record

PUBLISH = "incident.publish"
"""The job that goes on with what becomes of a report in Slack, where it was interrupted or Slack was away."""

_WITHIN = timedelta(minutes=2)
"""What whoever makes a report final takes at most to publish it; after that somebody else goes on."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A version of a report as it may be shown now: without what rests on messages that were deleted since."""

    incident: Incident
    version: Version
    texts: Mapping[Section, str]
    faults: tuple[str, ...]

    @property
    def report(self) -> IncidentReport:
        """All of it, for documents."""
        version = self.version
        return IncidentReport(
            number=self.incident.number,
            title=self.incident.title,
            sections=tuple(
                SectionText(each.section, self.texts[each.section], _edited(each)) for each in version.sections
            ),
            links=version.links,
            version=version.number,
            final=version.final,
            faults=self.faults,
        )


@dataclass(frozen=True, slots=True)
class _Read:
    """What the record tells now, and the action items as they are after it was read."""

    record: Record
    talk: Talk
    names: Mapping[str, str]
    selection: Selection
    tasks: tuple[Task, ...]


async def draft(
    ctx: Context,
    incident: Incident,
    *,
    store: Store,
    chat: Chat,
    zone: str,
    mark: str = "pushpin",
    services: Sequence[str] = (),
) -> Version:
    """Write the report from the record as it is now; what people changed in it stays, merged section by section.

    What was measured of `services` is told. `Conflict` when somebody else changes it at the same moment.
    """
    read = await _read(ctx, incident, store=store, chat=chat, zone=zone, mark=mark)
    async with store.transaction() as tx:
        changes = [await _changed(tx, operation) for operation in read.record.operations]
        figures = await figures_of(tx, incident, services, zone=zone)
        cycles = await tx.acts.cycles(incident.number)
    facts = await asyncio.to_thread(_facts, read, changes, figures, cycles, zone=zone)
    texts = await asyncio.to_thread(write, facts)
    keys = frozenset().union(*(cited(text) for _, text in texts))
    links = await _links(read.record, read.talk, keys, chat)
    return await _store(ctx, incident, dict(texts), links, store=store)


async def pick_tasks(
    ctx: Context, incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str = "pushpin"
) -> tuple[Task, ...]:
    """The action items as the conversation and people have them now."""
    return (await _read(ctx, incident, store=store, chat=chat, zone=zone, mark=mark)).tasks


async def _read(ctx: Context, incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str) -> _Read:
    choice = await choose(incident, store=store, chat=chat, zone=zone, mark=mark)
    selection = replace(choice.selection, entries=choice.entries)
    recorded = choice.recorded
    told = tasks_of(incident.number, selection, at=ctx.now)
    async with store.transaction() as tx:
        await tx.tasks.find(incident.number, told, gone=recorded.talk.deleted)
        tasks = await tx.tasks.of_incident(incident.number)
    names = {**recorded.names, **await names_of({task.owner for task in tasks} - recorded.names.keys(), chat)}
    return _Read(recorded.record, recorded.talk, names, selection, tasks)


async def edit(ctx: Context, incident: Incident, section: Section, text: str, *, seen: int, store: Store) -> Version:
    """Put a person's text in place of a section.

    `seen` is the version that it was made from: what others changed since is merged with it. 0 replaces what there is.
    """
    async with store.transaction() as tx:
        last = await _last(tx, incident)
        was = last.section(section)
        before = await tx.reports.get(incident.number, seen) if seen else None
        if before and before.section(section).text != was.text:
            text = merge(before.section(section).text, text, was.text)
        edited = Written(section, was.drafted, base=was.drafted, hand=text, by=ctx.actor.user_id)
        return await _add(tx, ctx, last, [edited], what=f"{section.heading} edited")


async def finish(ctx: Context, incident: Incident, *, store: Store) -> Version:
    """Make the report final; `Conflict` says what has to be put right first."""
    standing = await stand(incident, store=store)
    if standing.faults:
        raise Conflict("The report cannot be final yet.", hint="\n".join(standing.faults))
    async with store.transaction() as tx:
        last = await _last(tx, incident)
        if last.number != standing.version.number:
            raise Conflict("Somebody changed the report at the same moment.", hint="Look at it and try again.")
        if last.final:
            return last
        await tx.due.put(publish_at(incident.number, ctx.now + _WITHIN, attempt=0))
        return await _add(tx, ctx, last, [], what="final", final=True)


def publish_at(number: int, at: datetime, *, attempt: int) -> Due:
    """The row that has a report published at a moment, unless that is done by then."""
    return Due(PUBLISH, str(number), at, {"number": number, "attempt": attempt})


async def redraft_tasks(ctx: Context, incident: Incident, *, store: Store, chat: Chat) -> bool:
    """Have the draft show the action items as they are now; False where there is none, or a final one, which stays."""
    async with store.transaction() as tx:
        tasks = await tx.tasks.of_incident(incident.number)
    names = await names_of({task.owner for task in tasks}, chat)
    text = tasks_text(tasks, names)
    async with store.transaction() as tx:
        last = await tx.reports.get(incident.number)
        if last is None or last.final or last.section(Section.ACTION_ITEMS).drafted == text:
            return False
        section = replace(last.section(Section.ACTION_ITEMS), drafted=text)
        await _add(tx, ctx, last, [section], what="action items changed")
        return True


async def stand(incident: Incident, *, store: Store, number: int = 0) -> Standing:
    """A version of the report as it stands, the last where no number is given; `NotFound` when none was drafted."""
    async with store.transaction() as tx:
        version = await _last(tx, incident, number=number)
        gone = await tx.reports.gone(incident.number)
        tasks = await tx.tasks.of_incident(incident.number)
    texts = {each.section: each.without(gone).text for each in version.sections}
    return Standing(incident, version, texts, faults(texts, tasks))


def _edited(written: Written) -> Line:
    return "" if written.hand is None else ("edited by ", Person(written.by))


def _facts(
    read: _Read, changes: Sequence[Changed], figures: tuple[str, ...], cycles: Sequence[Cycle], *, zone: str
) -> Facts:
    incident, names = read.record.incident, read.names

    def name(who: str) -> str:
        return names.get(who, who)

    return Facts(
        selection=read.selection,
        zone=zone,
        title=incident.title,
        severity=incident.severity,
        impact=incident.impact,
        declared=(f"{DECLARED}:{incident.number}",),
        declared_by=name(incident.opened_by),
        names=names,
        people=tuple(name(who) for who in read.record.people_with(read.talk.first_words())),
        changes=tuple(
            replace(each, by=name(each.by), approved_by=name(each.approved_by) if each.approved_by else "")
            for each in changes
        ),
        figures=figures,
        reopened=reopened(cycles, read.record, names),
        tasks=read.tasks,
    )


async def _links(record: Record, talk: Talk, keys: frozenset[str], chat: Chat) -> Mapping[str, str]:
    """Addresses of what a report rests on; the declaration is told by the card, a change by its own card."""
    incident = record.incident
    cards = {f"{DECLARED}:{incident.number}": incident.card}
    cards |= {_change_key(operation): operation.card for operation in record.operations}
    cards |= {entry.id: entry.message for entry in record.entries if entry.message}
    return await links_of(keys, channel=incident.channel, talk=talk, others=cards, chat=chat)


def _change_key(operation: Operation) -> str:
    """What a report rests on where it tells of a change."""
    return f"operation:{operation.id}"


async def _changed(tx: Unit, operation: Operation) -> Changed:
    steps = await tx.operations.steps(operation.id)
    seen = [step.evidence for step in steps if step.state in {StepState.DONE, StepState.FAILED} and step.evidence]
    why = f" ({operation.why})" if operation.why else ""
    return Changed(
        key=_change_key(operation),
        at=operation.started_at or operation.proposed_at,
        title=f"{operation.plan.title} on {operation.service}",
        outcome=f"{operation.state}{why}",
        seen=tuple(dict.fromkeys(seen)),
        by=operation.requester,
        approved_by=operation.approver if operation.approver != operation.requester else "",
    )


async def _store(
    ctx: Context, incident: Incident, texts: Mapping[Section, str], links: Mapping[str, str], *, store: Store
) -> Version:
    async with store.transaction() as tx:
        last = await tx.reports.get(incident.number)
        kept = {each.section: each for each in last.sections} if last else {}
        sections = tuple(
            replace(kept.get(section, Written(section, "")), drafted=text) for section, text in texts.items()
        )
        if last and last.sections == sections:
            return last
        first = Version(incident.number, 0, ctx.now, "", "", final=False, sections=sections)
        known = {**dict(last.links if last else ()), **links}
        what = "drafted anew" if last else "drafted"
        return await _add(tx, ctx, replace(last or first, links=tuple(sorted(known.items()))), sections, what=what)


async def _add(
    tx: Unit, ctx: Context, last: Version, changed: Sequence[Written], *, what: str, final: bool = False
) -> Version:
    """Store the version after `last`, in which `changed` stand in place of the sections of their names."""
    anew = {each.section: each for each in changed}
    version = replace(
        last,
        number=last.number + 1,
        at=ctx.now,
        by=ctx.actor.user_id,
        what=what,
        final=final,
        sections=tuple(anew.get(each.section, each) for each in last.sections),
    )
    if not await tx.reports.add(version):
        raise Conflict("Somebody changed the report at the same moment.", hint="Look at it and try again.")
    data: Json = {"incident": version.incident, "version": version.number, "what": what}
    await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="report", data=data)
    return version


async def _last(tx: Unit, incident: Incident, *, number: int = 0) -> Version:
    last = await tx.reports.get(incident.number, number)
    if last is None:
        raise NotFound(f"Incident {incident.number} has no report yet.", hint="/incident report drafts it.")
    return last
