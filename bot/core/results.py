"""What a command, a digest or an incident has to say: plain values that know nothing of Slack.

The set is closed: `bot.views` matches over `Result` with `assert_never`. All strings are plain text as it came; the
views escape them. What is more than text (a person, a moment, a link) is a value of `bot.core.prose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.incident_results import ActionItems, IncidentCard, IncidentReport, IncidentUpdate, Timeline
from bot.core.parts import Button, State
from bot.core.prose import Line
from bot.core.schedules import Template


@dataclass(frozen=True, slots=True)
class Text:
    """A few lines of prose."""

    lines: tuple[Line, ...]
    title: str = ""
    state: State | None = None
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A name and what is known of it."""

    name: str
    value: Line
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """Names with values: one thing described."""

    title: str
    fields: tuple[Field, ...]
    state: State | None = None
    notes: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; `empty` is said when there are none."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    empty: str = "Nothing to show."
    notes: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of a log, oldest first; `left_out` says what is not shown and why, `notes` what is to be seen in them."""

    title: str
    lines: tuple[str, ...]
    left_out: str = ""
    empty: str = "No line matches."
    notes: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was seen, against which limit; `evidence` says how or why not.

    `measure` is the number behind `value`, in `unit`; `trend` says in words what it was before. `then` are the
    commands that help with what was seen, the first first. `undecided` is an unknown that comes of too little to go
    by.
    """

    name: str
    state: State
    value: str
    limit: str = ""
    evidence: str = ""
    measure: float | None = None
    unit: str = ""
    trend: str = ""
    then: tuple[str, ...] = ()
    undecided: bool = False

    @property
    def needs_eyes(self) -> bool:
        """Whether somebody has to look at it; unknown is among it."""
        return self.state is not State.OK


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks with a verdict in front; `note` says, for instance, that a digest is late."""

    title: str
    checks: tuple[Check, ...]
    at: datetime
    note: str = ""
    buttons: tuple[Button, ...] = ()

    @property
    def state(self) -> State:
        """The worst of the checks."""
        return State.worst(tuple(check.state for check in self.checks))


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest in its channel: the verdict, what needs eyes, a small table; everything else stands in its thread.

    `rows` stand under `columns`; `owner` is who said that they look at it; `handled` are snoozed rows and tasks.
    """

    title: str
    state: State
    verdict: str
    at: datetime
    eyes: tuple[Check, ...] = ()
    handled: tuple[Line, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Line, ...], ...] = ()
    notes: tuple[Line, ...] = ()
    owner: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document: lines, and rows under columns."""

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Long prose that `digest_<template>.md.j2` makes of its sections; `name` is of its file, `period` in words."""

    title: str
    name: str
    template: Template
    period: str
    sections: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service on the status card."""

    name: str
    environment: str
    state: State
    fields: tuple[Field, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """Every service, what runs on them now, and what could not be checked."""

    services: tuple[ServiceStatus, ...]
    at: datetime
    active: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


class PlanState(StrEnum):
    """Where a plan card stands."""

    DRY_RUN = "dry run"
    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting approval"
    ACCEPTED = "accepted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class PlanCard:
    """A change before it is made: what will be touched, from live state."""

    title: str
    service: str
    environment: str
    state: PlanState
    changes: tuple[Field, ...]
    steps: tuple[str, ...]
    warnings: tuple[Line, ...] = ()
    reason: str = ""
    requester: str = ""
    note: Line = ""
    expires_at: datetime | None = None
    buttons: tuple[Button, ...] = ()


class OperationState(StrEnum):
    """Where an operation stands; the last five are final, and only an observation makes `DONE`."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when nothing more will happen to the operation."""
        return self not in {OperationState.QUEUED, OperationState.RUNNING}


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    UNDONE = "undone"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One line of a progress card; `evidence` is what was observed."""

    title: str
    state: StepState
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """An operation while it runs and when it has ended."""

    title: str
    service: str
    environment: str
    state: OperationState
    steps: tuple[StepProgress, ...]
    requester: str = ""
    reason: str = ""
    notes: tuple[Line, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    buttons: tuple[Button, ...] = ()


class ChecklistState(StrEnum):
    """Where a checklist stands."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One thing to be done: who said so and when, or what was observed; a reader sees which of the two it was."""

    title: str
    state: StepState
    by: str = ""
    at: datetime | None = None
    evidence: Line = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """Things to be done in order, by people and by the bot."""

    title: str
    state: ChecklistState
    items: tuple[ChecklistItem, ...]
    notes: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """One command explained."""

    command: str
    usage: str
    summary: str
    role: str
    risk: str
    examples: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HelpIndex:
    """What there is to type, by family; commands that the reader may not run are left out."""

    root: str
    families: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    note: Line = ""


class FormKind(StrEnum):
    """How an answer is asked for."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    CHOICE = "choice"
    TICK = "tick"
    SEVERAL = "several"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class FormField:
    """One question of a form; the answer to a `PERSON` is the id of a Slack user."""

    name: str
    label: str
    kind: FormKind = FormKind.LINE
    required: bool = True
    hint: str = ""
    choices: tuple[str, ...] = ()
    value: str = ""
    error: str = ""
    offered: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """The questions that a command asks when it was called with too little; shown as a modal."""

    title: str
    submit: str
    row_id: str
    fields: tuple[FormField, ...]
    intro: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The App Home: what the bot does, what is open, what the reader may do."""

    root: str
    role: str
    status: tuple[Line, ...]
    incidents: tuple[Line, ...] = ()
    tasks: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and what to do next; `reference` finds the stack trace in the log."""

    message: str
    hint: str = ""
    reference: str = ""


Result = (
    Text
    | Fields
    | Table
    | LogLines
    | Checks
    | Digest
    | Document
    | Status
    | PlanCard
    | Progress
    | Checklist
    | IncidentCard
    | IncidentUpdate
    | Timeline
    | IncidentReport
    | ActionItems
    | CommandHelp
    | HelpIndex
    | Form
    | Home
    | Failure
)
