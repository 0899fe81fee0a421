"""What the choice of a timeline reads: all that was said and done in an incident, without where it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who takes part; `zone` is an IANA name, empty where it is not known."""

    name: str
    zone: str = ""
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the channel as it stands at the end.

    `ts` is its key and the first one that Slack gave it, `at` the moment that `ts` says. `user` is a Slack id, empty
    for a webhook, which has only a `name`. `text` is the last version as people read it (`@ana`, `page (https://x)`,
    `>` for `&gt;`); of a message that only has blocks or attachments, the words of those. `thread_ts` is the message
    that it answers, empty at top level; `broadcast` that the answer was also sent to the channel. `files` are names.
    `reactions` are ids of people by the name of the reaction. `marked` are the ids of those who want it in the
    timeline: by pin, pushpin or shortcut; a mark that was taken back is not in it. `edited` are its older texts, the
    oldest first. A `deleted` one has neither text nor files, and is never chosen or quoted. `number` is its place in a
    `Talk`, which has it.
    """

    ts: str
    at: datetime
    user: str
    name: str
    text: str
    bot: bool = False
    thread_ts: str = ""
    broadcast: bool = False
    files: tuple[str, ...] = ()
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    marked: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    deleted: bool = False
    number: int = field(default=-1, compare=False, repr=False)

    @property
    def author(self) -> str:
        """What tells its author from others."""
        return self.user or self.name


@dataclass(frozen=True, slots=True)
class Acted:
    """What the bot itself recorded: always in the timeline.

    `key` is unique in the incident. `kind` is that of the stored entry (`declared`, `note`, `operation`, `severity`,
    `resolved` ...). `message` is the ts of the message that tells the same, if there is one: it is not told twice.
    """

    key: str
    at: datetime
    user: str
    name: str
    kind: str
    text: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """An incident's channel, with what is known beside it.

    `said` and `acted` may come in any order. `people` are known ones by Slack id. `zone` is for times told by somebody
    whose own zone is not known. `declared_at`, `resolved_at`, `severity` and `impact` are what was recorded, None or
    empty where nothing was: then the messages have to tell.
    """

    said: Sequence[Said]
    acted: tuple[Acted, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    zone: str = "UTC"
    declared_at: datetime | None = None
    resolved_at: datetime | None = None
    severity: str = ""
    impact: str = ""
