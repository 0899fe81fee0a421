"""Conversations from files: a transcript of a channel's events, or the folder of a Slack export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.core.clock import zone_named
from bot.core.errors import NotFound, UsageError
from bot.core.mrkdwn import unescape
from bot.incidents.conversation import Conversation, Person, Said
from bot.incidents.people import readable
from bot.incidents.wire import Event, Message, User

MARKS = frozenset({"pushpin", "round_pushpin"})
"""Reactions by which people ask for a message in the timeline."""

_SPOKEN = frozenset({"", "bot_message", "file_share", "me_message", "thread_broadcast"})
"""Subtypes of what somebody said; the others tell of the channel: who joined, how it is called."""

_TRANSCRIPT = "transcript.json"
_LISTS = ("channels.json", "groups.json", "mpims.json", "dms.json")
_HINT = "It takes a transcript.json (or its folder), or the folder of a Slack export (or of one channel in it)."


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a file tells; `title` is the name of the channel."""

    title: str
    conversation: Conversation


class _Channel(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    channel: _Channel = _Channel()
    users: dict[str, User] = {}
    events: list[Any]


_MESSAGES = TypeAdapter(list[dict[str, Any]])
_USERS = TypeAdapter(list[User])
_CHANNELS = TypeAdapter(list[_Channel])
_Parsed = TypeVar("_Parsed")


@dataclass(slots=True)
class _Kept:
    """A message while its events come."""

    message: Message | None = None
    reactions: dict[str, dict[str, None]] = field(default_factory=dict)
    pins: dict[str, None] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    edited_at: str = ""
    deleted: bool = False


def read_transcript(path: Path) -> Transcript:
    """Read a transcript or a Slack export; raises `NotFound`, or `UsageError` that names file, event and fault.

    A transcript is `{"channel": {"name"}, "users": {id: {"name", "tz", "is_bot"}}, "events": [...]}` with the events
    that Slack sends of a channel. An export is what Slack's own export unpacks to: `channels.json`, `users.json`, and a
    folder for each channel with a file for each day.
    """
    if path.is_dir():
        inner = path / _TRANSCRIPT
        return _of_events(inner) if inner.is_file() else _of_export(path)
    if path.is_file():
        return _of_events(path)
    raise NotFound(f"There is no {path}.", hint=_HINT)


def _of_events(path: Path) -> Transcript:
    raw = _load(path)
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path} is no transcript: {_fault(error)}", hint=_HINT) from error
    channel: dict[str, _Kept] = {}
    for number, event in enumerate(file.events):
        try:
            _take(event, channel)
        except ValidationError as error:
            raise UsageError(f"{path}: event {number} is not as Slack sends it: {_fault(error)}") from error
    return Transcript(file.channel.name, _conversation(channel, file.users))


def _take(raw: object, channel: dict[str, _Kept]) -> None:
    event = Event.model_validate(raw)
    if event.type == "message":
        if event.subtype == "message_deleted" or (event.message and event.message.subtype == "tombstone"):
            _kept(channel, event.deleted_ts or (event.message.ts if event.message else "")).deleted = True
        elif event.subtype == "message_changed" and event.message:
            _edit(_kept(channel, event.message.ts), event.message)
        elif event.subtype in _SPOKEN:
            message = Message.model_validate(raw)
            kept = _kept(channel, message.ts)
            kept.message = kept.message or message
    elif event.item and event.item.key:
        _mark(_kept(channel, event.item.key), event)


def _edit(kept: _Kept, message: Message) -> None:
    """Keep the newest text. Slack also sends a change when a link was expanded or a thread answered."""
    at = message.edited.ts if message.edited else ""
    before = kept.message
    if before is None:
        kept.message, kept.edited_at = message, at
    elif before.words == message.words:
        kept.message = message
    elif at >= kept.edited_at:
        kept.edited.append(before.words)
        kept.message, kept.edited_at = message, at
    else:
        kept.edited.insert(0, message.words)


def _mark(kept: _Kept, event: Event) -> None:
    if event.type == "reaction_added":
        kept.reactions.setdefault(event.reaction, {})[event.user] = None
    elif event.type == "reaction_removed":
        kept.reactions.get(event.reaction, {}).pop(event.user, None)
    elif event.type == "pin_added":
        kept.pins[event.user] = None
    elif event.type == "pin_removed":
        kept.pins.clear()


def _kept(channel: dict[str, _Kept], ts: str) -> _Kept:
    return channel.setdefault(ts, _Kept())


def _of_export(path: Path) -> Transcript:
    """The one channel of an export that has messages, or the channel whose folder `path` is."""
    if any((path / name).is_file() for name in _LISTS):
        names = [each.name for file in _LISTS if (path / file).is_file() for each in _parse(_CHANNELS, path / file)]
        folders = [path / name for name in dict.fromkeys(names) if name and any((path / name).glob("*.json"))]
        if len(folders) != 1:
            found = f"{len(folders)} channels with messages" if folders else "no channel with messages"
            hint = f"Name the folder of one, such as {folders[0]}." if folders else _HINT
            raise UsageError(f"The export {path} has {found}.", hint=hint)
        root, folder = path, folders[0]
    else:
        root, folder = path.parent, path
    days = sorted(folder.glob("????-??-??.json"))
    if not days:
        raise UsageError(f"{path} is neither a transcript nor a Slack export.", hint=_HINT)
    lists = [root / name for name in ("users.json", "org_users.json") if (root / name).is_file()]
    users = {user.id: user for file in lists for user in _parse(_USERS, file)}
    channel: dict[str, _Kept] = {}
    for day in days:
        messages: list[dict[str, Any]] = _parse(_MESSAGES, day)
        for number, raw in enumerate(messages):
            try:
                _take_exported(raw, channel)
            except ValidationError as error:
                raise UsageError(f"{day}: message {number} is not as Slack exports it: {_fault(error)}") from error
    return Transcript(folder.name, _conversation(channel, users))


def _take_exported(raw: object, channel: dict[str, _Kept]) -> None:
    message = Message.model_validate(raw)
    if message.subtype not in _SPOKEN:
        return
    kept = _kept(channel, message.ts)
    kept.message = message
    kept.edited_at = message.edited.ts if message.edited else ""
    kept.reactions = {each.name: dict.fromkeys(each.users) for each in message.reactions or ()}
    kept.pins = dict.fromkeys(["(pinned)"] if message.pinned_to else [])


def _conversation(channel: Mapping[str, _Kept], users: Mapping[str, User]) -> Conversation:
    people = {key: Person(user.shown or key, zone_named(user.tz), user.is_bot) for key, user in users.items()}
    brought = {kept.message.user: kept.message.name for kept in channel.values() if kept.message}
    people |= {key: Person(name) for key, name in brought.items() if key and name and key not in people}
    names = {key: person.name for key, person in people.items()}
    said = [_said(kept.message, kept, people, names) for kept in channel.values() if kept.message]
    return Conversation(said=tuple(sorted(said, key=lambda each: (each.at, each.ts))), people=people)


def _said(message: Message, kept: _Kept, people: Mapping[str, Person], names: Mapping[str, str]) -> Said:
    person = people.get(message.user)
    pinned = [user for name in MARKS for user in kept.reactions.get(name, ())]
    return Said(
        ts=message.ts,
        at=datetime.fromtimestamp(float(message.ts), UTC),
        user=message.user,
        name=(person.name if person else "") or message.name or message.user or message.bot_id or "unknown",
        text="" if kept.deleted else _readable(message.words, names),
        bot=bool(message.bot_id or message.subtype == "bot_message" or (person and person.bot)),
        thread_ts="" if message.thread_ts == message.ts else message.thread_ts,
        broadcast=message.subtype == "thread_broadcast",
        files=() if kept.deleted else tuple(each.name or each.title or "file" for each in message.files or ()),
        reactions={name: tuple(users) for name, users in kept.reactions.items() if users},
        marked=tuple(dict.fromkeys((*kept.pins, *pinned))),
        edited=() if kept.deleted else tuple(_readable(text, names) for text in kept.edited),
        deleted=kept.deleted,
    )


def _readable(text: str, names: Mapping[str, str]) -> str:
    return unescape(readable(text, names))


def _load(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {error}", hint=_HINT) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error


def _parse(shape: TypeAdapter[_Parsed], path: Path) -> _Parsed:
    try:
        return shape.validate_python(_load(path))
    except ValidationError as error:
        raise UsageError(f"{path} is not as Slack exports it: {_fault(error)}") from error


def _fault(error: ValidationError) -> str:
    """The first fault in words: where, and what is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."
