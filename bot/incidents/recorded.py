"""A conversation out of the record: what the choice of a timeline reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bot.core.incidents import Entry, EntryEdit, Incident, Message
from bot.core.marks import Mark, MarkKind
from bot.core.people import AUTOMATIC
from bot.core.ports import Chat, Profile
from bot.core.records import Store
from bot.incidents.conversation import Acted, Conversation, Person, Said
from bot.incidents.people import mentioned, profiles_of, readable
from bot.incidents.talk import Talk
from bot.incidents.timeline import BOT, Record, everybody, read_record


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of an incident: the `talk` of its channel, and the rest in a `record` without messages.

    `names` are those of people by their Slack ids. `conversation` has it all.
    """

    record: Record
    talk: Talk
    names: Mapping[str, str]
    conversation: Conversation


async def read_recorded(incident: Incident, *, store: Store, chat: Chat, zone: str, mark: str) -> Recorded:
    """Read what was said and done in an incident, message by message, and who people are.

    The reaction `mark` is one by which people ask for a message in the timeline; whoever edits an entry does too.
    `zone` counts for those whose own is not known.
    """
    talk, mentions = Talk(), set[str]()

    def take(message: Message) -> None:
        talk.append(_said(message))
        mentions.update(mentioned(message.text))

    record = await read_record(incident, store, take=take)
    async with store.transaction() as tx:
        marks = await tx.marks.standing(incident.channel)
    people = await profiles_of({*everybody(record), *talk.authors, *mentions}, chat)
    names = {user: profile.name for user, profile in people.items()}
    talk.read_with(names, partial(readable, names=names))
    await asyncio.to_thread(_mark, talk, marks, record.edits, mark=mark)
    told = (*talk.authors, *(entry.author for entry in record.entries))
    conversation = Conversation(
        said=talk,
        acted=tuple(_acted(entry, names) for entry in record.entries),
        people=_people(told, people),
        zone=zone,
        declared_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        severity=incident.severity,
        impact=incident.impact,
    )
    return Recorded(record, talk, names, conversation)


def _people(ids: Iterable[str], people: Mapping[str, Profile]) -> dict[str, Person]:
    known = {who: Person(who, bot=who == AUTOMATIC.user_id) for who in dict.fromkeys(ids) if who}
    return known | {who: Person(profile.name, profile.zone) for who, profile in people.items()}


def _said(message: Message) -> Said:
    """A message with its text as it is stored."""
    gone = message.deleted_at is not None or message.redacted
    return Said(
        ts=message.ts,
        at=message.at,
        user=message.user,
        name=message.author,
        text="" if gone else message.text,
        bot=message.subtype == BOT,
        thread_ts="" if message.thread_ts == message.ts else message.thread_ts,
        broadcast=message.subtype == "thread_broadcast",
        files=() if gone else tuple(name for name, _ in message.files),
        deleted=gone,
    )


def _mark(talk: Talk, marks: Sequence[Mark], edits: Sequence[EntryEdit], *, mark: str) -> None:
    """Put on the messages what stands on them: reactions, and who wants them in the timeline."""
    put: dict[str, list[Mark]] = {}
    for each in marks:
        put.setdefault(each.ts, []).append(each)
    made = {edit.source: edit for edit in edits}
    for ts in {**put, **made}:
        wanted = [each.user for each in put.get(ts, ()) if each.kind is not MarkKind.REACTION or each.name == mark]
        edit = made.get(ts)
        if edit is not None:
            wanted = [] if edit.dropped else [*wanted, edit.by]
        reactions: dict[str, tuple[str, ...]] = {}
        for each in put.get(ts, ()):
            if each.kind is MarkKind.REACTION:
                reactions[each.name] = (*reactions.get(each.name, ()), each.user)
        talk.marked[ts] = tuple(dict.fromkeys(wanted))
        talk.reactions[ts] = reactions


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
