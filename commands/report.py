"""Write an incident up: the report in its channel, drafted from the record and edited by people."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import Field

from bot.core.command import Click, Command, Context, Filling, Root
from bot.core.errors import IntegrationError, UsageError
from bot.core.fleet import Fleet
from bot.core.forms import LONGEST
from bot.core.incident_results import IncidentReport, Section
from bot.core.incidents import Incident
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.prose import Channel, Line, Person, When
from bot.core.records import Store
from bot.core.results import Table, Text
from bot.incidents.asking import Which
from bot.incidents.edits import choose_entries
from bot.incidents.exports import Format
from bot.incidents.lookup import find_incident
from bot.incidents.measured import services_of
from bot.incidents.pages import ANEW, CHOOSE, EDIT, EXPORT, FINAL, Pages
from bot.incidents.publishing import Publisher
from bot.incidents.report import Standing, draft, edit, finish, stand
from bot.incidents.rules import IncidentRules
from bot.incidents.shown import choose

MOST_IN_FORM = 100
"""Values that a field of a Slack form offers."""


class Edit(Which):
    """A section of the report in somebody's own words."""

    section: Section = Field(description="Which section.")
    text: str = words(
        ..., "All of the section: `- ` begins a bullet, `- [ ] ` a task, `> ` a quotation.", prose=True, lines=True
    )
    version: int = option(0, "The version that the text was made from; what changed since is merged with it.")


class Choose(Which):
    """The entries that the timeline is to have."""

    entries: str = words(..., "The entries that stay, by the ts of the message of each.")


class Export(Which):
    """The report as a file."""

    format: Format = Field(Format.MARKDOWN, description="md, json, or html, which has the chart in it.")


async def report(
    ctx: Context, args: Which, *, store: Store, chat: Chat, fleet: Fleet, rules: IncidentRules, publisher: Publisher
) -> Text | IncidentReport:
    """Draft the report in the incident's channel, or draft it anew: what people changed in it stays.

    Everything in it is from the record and names the message that it rests on; what nobody said is a TODO.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await _draft(ctx, incident, store=store, chat=chat, fleet=fleet, rules=rules)
    published = await publisher.publish(incident, at=ctx.now)
    standing = await stand(incident, store=store)
    return _where(standing, *published.said) if published.shown else standing.report


async def edit_report(ctx: Context, args: Edit, *, store: Store, chat: Chat) -> Text | IncidentReport:
    """Put your own words in place of a section of the report.

    They stay when it is drafted anew. Where the record then says something else in the same lines, both are shown.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await edit(ctx, incident, args.section, args.text, seen=args.version, store=store)
    return await _show(ctx, incident, store=store, chat=chat)


async def choose_timeline(
    ctx: Context, args: Choose, *, store: Store, chat: Chat, fleet: Fleet, rules: IncidentRules
) -> Text | IncidentReport:
    """Choose which entries stay in the timeline, and draft the report anew; the others stay in the record."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    choice = await choose(incident, store=store, chat=chat, zone=rules.zone, mark=rules.mark)
    wanted, known = set(args.entries.split()), {entry.source[0] for entry in choice.candidates}
    if strange := sorted(wanted - known):
        raise UsageError(
            f"There is no entry {strange[0][:40]} to choose.", hint="entry add LINK puts a message into the timeline."
        )
    await choose_entries(ctx, incident, choice.candidates, wanted, store=store)
    await _draft(ctx, incident, store=store, chat=chat, fleet=fleet, rules=rules)
    return await _show(ctx, incident, store=store, chat=chat)


async def final(ctx: Context, args: Which, *, store: Store, publisher: Publisher) -> Text:
    """Make the report final: pinned, shared as a file and a canvas, and posted to the reports channel.

    What is not finished keeps it from being final, and is said. A private incident's report stays in its channel.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    version = await finish(ctx, incident, store=store)
    published = await publisher.publish(incident, at=ctx.now)
    where: Line = (f"Version {version.number} of the report is final, in ", Channel(incident.channel), ".")
    return Text((where, *published.said))


async def export(ctx: Context, args: Export, *, store: Store, publisher: Publisher) -> Text:
    """Share the report as it stands as a file in the incident's channel."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    await publisher.share(ctx, incident, args.format)
    return Text((("The file is in ", Channel(incident.channel), "."),))


async def history(ctx: Context, args: Which, *, store: Store) -> Table:
    """List the versions of the report: who changed what, and when."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    async with store.transaction() as tx:
        revisions = await tx.reports.revisions(incident.number)
    return Table(
        f"Versions of the report of incident {incident.number}",
        ("Version", "What", "By", "When"),
        tuple((str(each.number), each.what, (Person(each.by),), (When(each.at, date=True),)) for each in revisions),
        empty="It was not drafted yet.",
    )


async def click_edit(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Open a section as it stands, to be edited."""
    number, _, name = row_id.partition(":")
    section = Section(name)
    standing = await stand(await find_incident(store, channel=ctx.channel_id, number=int(number)), store=store)
    text = standing.texts[section]
    if len(text) > LONGEST:
        raise UsageError(
            f"{section.heading} is longer than the {LONGEST} characters that a form takes.",
            hint=f"On the host of the bot: opsbot do incident report edit {section} TEXT --incident {number}.",
        )
    kept = {"incident": number, "section": section.value, "version": str(standing.version.number)}
    return Filling(("incident", "report", "edit"), given={"text": text}, kept=kept)


async def click_anew(
    ctx: Context, row_id: str, *, store: Store, chat: Chat, fleet: Fleet, rules: IncidentRules, publisher: Publisher
) -> None:
    """Draft the report anew."""
    incident = await find_incident(store, channel=ctx.channel_id, number=int(row_id))
    await _draft(ctx, incident, store=store, chat=chat, fleet=fleet, rules=rules)
    await _publish(ctx, incident, chat=chat, publisher=publisher)


async def click_choose(ctx: Context, row_id: str, *, store: Store, chat: Chat, rules: IncidentRules) -> Filling:
    """Offer the entries, with those that stand in the timeline now chosen."""
    incident = await find_incident(store, channel=ctx.channel_id, number=int(row_id))
    choice = await choose(incident, store=store, chat=chat, zone=rules.zone, mark=rules.mark)
    entries = choice.candidates
    if not 0 < len(entries) <= MOST_IN_FORM:
        raise UsageError(
            f"The timeline has {len(entries)} entries; a form takes 1 to {MOST_IN_FORM}.",
            hint="Leave single ones out: /incident entry drop LINK.",
        )
    zone = ZoneInfo(rules.zone)
    offered = tuple(
        (entry.source[0], f"{entry.at.astimezone(zone):%H:%M} {entry.author}: {entry.text}") for entry in entries
    )
    standing = {entry.source[0] for entry in choice.entries}
    return Filling(
        ("incident", "report", "choose"),
        given={"entries": " ".join(key for key, _ in offered if key in standing)},
        kept={"incident": row_id},
        offered={"entries": offered},
    )


async def click_final(ctx: Context, row_id: str, *, store: Store, chat: Chat, publisher: Publisher) -> None:
    """Make the report final."""
    incident = await find_incident(store, channel=ctx.channel_id, number=int(row_id))
    await finish(ctx, incident, store=store)
    await _publish(ctx, incident, chat=chat, publisher=publisher)


async def click_export(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask for the format."""
    incident = await find_incident(store, channel=ctx.channel_id, number=int(row_id))
    kept = {"incident": str(incident.number)}
    return Filling(("incident", "report", "export"), given={"format": Format.MARKDOWN.value}, kept=kept)


async def _draft(
    ctx: Context, incident: Incident, *, store: Store, chat: Chat, fleet: Fleet, rules: IncidentRules
) -> None:
    services = services_of(incident, fleet)
    await draft(ctx, incident, store=store, chat=chat, zone=rules.zone, mark=rules.mark, services=services)


async def _publish(ctx: Context, incident: Incident, *, chat: Chat, publisher: Publisher) -> None:
    """What a click does, whose answer are the messages themselves; only what failed is said, to who clicked."""
    published = await publisher.publish(incident, at=ctx.now)
    if published.said:
        await chat.whisper(incident.channel, ctx.actor.user_id, Text(published.said))


async def _show(ctx: Context, incident: Incident, *, store: Store, chat: Chat) -> Text | IncidentReport:
    """Bring the messages up to date and say how far the report is; where Slack takes none, answer with its text."""
    standing = await stand(incident, store=store)
    try:
        await Pages(store, chat).show(incident, at=ctx.now)
    except IntegrationError:
        return standing.report
    return _where(standing)


def _where(standing: Standing, *said: Line) -> Text:
    where: Line = ("The report is in ", Channel(standing.incident.channel), f", version {standing.version.number}.")
    return Text((where, *(f"Before it can be final: {fault}" for fault in standing.faults), *said))


COMMANDS = (
    Command(
        ("report",),
        Which,
        run=report,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        rows=("T",),
        examples=("", "--incident 12"),
    ),
    Command(
        ("report", "edit"),
        Edit,
        run=edit_report,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        rows=("T",),
        examples=("impact About 200 payments failed", "root-cause The certificate of the provider had expired"),
    ),
    Command(
        ("report", "choose"),
        Choose,
        run=choose_timeline,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("1774567890.000100 1774567950.000200",),
    ),
    Command(
        ("report", "final"), Which, run=final, role=Role.RESPONDER, root=Root.INCIDENT, rows=("T",), examples=("",)
    ),
    Command(("report", "export"), Export, run=export, role=Role.RESPONDER, root=Root.INCIDENT, examples=("", "html")),
    Command(("report", "history"), Which, run=history, root=Root.INCIDENT, examples=("", "--incident 12")),
)
CLICKS = (
    *(Click(f"{EDIT}.{section}", click_edit, role=Role.RESPONDER) for section in Section),
    Click(ANEW, click_anew, role=Role.RESPONDER),
    Click(CHOOSE, click_choose, role=Role.RESPONDER),
    Click(EXPORT, click_export, role=Role.RESPONDER),
    Click(FINAL, click_final, role=Role.RESPONDER),
)
