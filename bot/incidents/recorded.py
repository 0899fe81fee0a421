"""A conversation out of the record: what the choice of a timeline reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.core.incidents import Entry, EntryEdit, Message
from bot.core.marks import Mark, MarkKind
from bot.core.people import AUTOMATIC
from bot.core.ports import Profile
from bot.incidents.conversation import Acted, Conversation, Person, Said
from bot.incidents.people import readable
from bot.incidents.timeline import BOT, Record


def conversation_of(
    record: Record, marks: Sequence[Mark], people: Mapping[str, Profile], *, zone: str, mark: str = "pushpin"
) -> Conversation:
    """What was said and done in an incident, with what stands on the messages and who people are by their Slack ids.

    `zone` counts for those whose own is not known.
    The reaction `mark` is one by which people ask for a message in the timeline; whoever edits an entry does too.
    """
    incident = record.incident
    names = {user: profile.name for user, profile in people.items()}
    edits = {edit.source: edit for edit in record.edits}
    put: dict[str, list[Mark]] = {}
    for each in marks:
        put.setdefault(each.ts, []).append(each)
    told = [*(message.user for message in record.messages), *(entry.author for entry in record.entries)]
    return Conversation(
        said=tuple(
            _said(message, put.get(message.ts, ()), edits.get(message.ts), names, mark=mark)
            for message in record.messages
        ),
        acted=tuple(_acted(entry, names) for entry in record.entries),
        people=_people(told, people),
        zone=zone,
        declared_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        severity=incident.severity,
        impact=incident.impact,
    )


def _people(ids: Iterable[str], people: Mapping[str, Profile]) -> dict[str, Person]:
    known = {who: Person(who, bot=who == AUTOMATIC.user_id) for who in dict.fromkeys(ids) if who}
    return known | {who: Person(profile.name, profile.zone) for who, profile in people.items()}


def _said(
    message: Message, marks: Sequence[Mark], edit: EntryEdit | None, names: Mapping[str, str], *, mark: str
) -> Said:
    gone = message.deleted_at is not None or message.redacted
    wanted = [each.user for each in marks if each.kind is not MarkKind.REACTION or each.name == mark]
    reactions: dict[str, tuple[str, ...]] = {}
    for each in marks:
        if each.kind is MarkKind.REACTION:
            reactions[each.name] = (*reactions.get(each.name, ()), each.user)
    if edit is not None:
        wanted = [] if edit.dropped else [*wanted, edit.by]
    return Said(
        ts=message.ts,
        at=message.at,
        user=message.user,
        name=names.get(message.user) or message.author or message.user,
        text="" if gone else readable(message.text, names),
        bot=message.subtype == BOT,
        thread_ts="" if message.thread_ts == message.ts else message.thread_ts,
        broadcast=message.subtype == "thread_broadcast",
        files=() if gone else tuple(name for name, _ in message.files),
        reactions=reactions,
        marked=tuple(dict.fromkeys(wanted)),
        deleted=gone,
    )


def _acted(entry: Entry, names: Mapping[str, str]) -> Acted:
    return Acted(
        key=entry.id,
        at=entry.at,
        user=entry.author,
        name=names.get(entry.author, entry.author),
        kind=entry.kind,
        text=readable(entry.text, names),
        message=entry.message.ts if entry.message else "",
    )
