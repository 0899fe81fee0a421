"""Plan a maintenance window: announced, approved, begun and ended by itself, and told when it is over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Arg

from bot.core.command import ChangeArgs, Click, Command, Context, ServiceArgs
from bot.core.duration import format_duration, is_duration, parse_duration
from bot.core.errors import Conflict, UsageError
from bot.core.fleet import Service
from bot.core.mail import Mail
from bot.core.parse import by_prefix, option, words
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Documents
from bot.core.prose import Channel, Code, Line, Person, When
from bot.core.records import Operation, Store
from bot.core.results import Field, PlanState, Table
from bot.core.starts import CLOCK, parse_start
from bot.core.windows import AHEAD, Window, WindowState, Zone
from bot.operations.engine import Engine
from bot.operations.notices import POST, SEND, Post, Send
from bot.operations.tasks import WINDOW
from bot.operations.windows import due

LONGEST = timedelta(hours=12)
FARTHEST = timedelta(days=180)
NOBODY = "nobody"
_AFTER = re.compile(r"(?:for\s+)?(\S+)(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)


class Announce(ChangeArgs):
    """When, how long, and what for."""

    start: str = Arg(description='When it begins: 22:00, "tomorrow 22:00" or "2026-12-01 22:00".')
    title: str = words(..., "What is done, in words that everybody may read.")
    lasts: timedelta | None = option(None, "How long: 12h at most.", alias="for")
    to: str = option("", "List of recipients that gets mail, or nobody; needed only where there are several.")

    @model_validator(mode="before")
    @classmethod
    def _takes_the_time_after_a_day(cls, given: dict[str, Any]) -> dict[str, Any]:
        """`2026-12-01 22:00 for 1h Update`: a day takes the next word for its time, and then comes the duration."""
        title = " ".join(str(given.get("title", "")).split())
        day, _, rest = title.partition(" ")
        if CLOCK.fullmatch(day) and not CLOCK.search(str(given.get("start", ""))):
            given, title = {**given, "start": f"{given.get('start', '')} {day}"}, rest
        after = _AFTER.fullmatch(title)
        if after and not given.get("lasts") and is_duration(after[1]):
            given, title = {**given, "lasts": parse_duration(after[1])}, after[2] or ""
        return {**given, "title": title} if title else {key: given[key] for key in given if key != "title"}


class Which(ChangeArgs):
    """Which window, and why."""

    id: str = Arg(description="Its id, or how that begins, as maintenance window shows it.")
    reason: str = words("", "Why; kept in the history.")


class Booked(BaseModel):
    """One window by its id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str


class Booking(BaseModel):
    """A window as it is to be stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: Window


@dataclass(frozen=True, slots=True)
class _Notice:
    """What is told, where, and to whom."""

    subject: str
    fields: tuple[Field, ...]
    actions: tuple[Action, ...]
    mailed: bool


async def announce(
    ctx: Context, args: Announce, *, service: Service, store: Store, documents: Documents, zone: Zone
) -> Plan:
    """Announce a window in the channel and by mail; maintenance then goes on and off by itself at its times."""
    if args.lasts is None:
        raise UsageError("How long?", hint='Add it after the start: maintenance plan "tomorrow 22:00" for 1h Update.')
    if args.lasts > LONGEST:
        raise UsageError(f"{format_duration(args.lasts)} is too long.", hint=f"At most {format_duration(LONGEST)}.")
    start = parse_start(args.start, zone=zone.name, now=ctx.now)
    if start > ctx.now + FARTHEST:
        raise UsageError(f"{args.start} is too far ahead.", hint=f"At most {format_duration(FARTHEST)}.")
    async with store.transaction() as tx:
        windows = await tx.windows.of_service(service.name, limit=500)
    window = Window(
        id=_id(service, start.isoformat(), args.title, windows),
        service=service.name,
        channel=ctx.channel_id,
        by=ctx.actor.user_id,
        title=args.title,
        start=start,
        ends=start + args.lasts,
        recipients=_recipients(service, args.to),
        state=WindowState.PLANNED,
    )
    _refuse_overlap(window, windows)
    notice = _notice("planned", window, service, documents=documents, zone=zone)
    warnings: list[Line] = [] if notice.mailed else ["Nobody outside is told: it is not mailed."]
    return Plan(
        title=f"Plan a maintenance window: {window.title}",
        area=Area.NOTICES,
        changes=(
            Field("Begins", (When(start, date=True), f" in your time; {_clock(window, zone)} in {zone.name}")),
            Field("Ends", (When(window.ends, date=True), f", after {format_duration(args.lasts)}")),
            Field("At its beginning", "maintenance goes on by itself; nobody has to approve it again"),
            Field("At its end", "maintenance goes off by itself, once every worker is healthy; then all are told"),
            *notice.fields,
        ),
        actions=(
            Action(BOOK.name, "Put it into the calendar", Booking(window=window).model_dump(mode="json")),
            *notice.actions,
        ),
        preconditions={"its start": start.isoformat()},
        warnings=tuple(warnings),
        latest=start,
    )


async def cancel(
    _ctx: Context, args: Which, *, service: Service, store: Store, documents: Documents, zone: Zone
) -> Plan:
    """Cancel a window that has not begun, and tell those who were told of it."""
    window = await _pick(args.id, service, store)
    if window.state in {WindowState.BEGINNING, WindowState.OPEN, WindowState.ENDED}:
        raise Conflict(
            f"{window.id} has begun.",
            hint="It ends with its maintenance: maintenance off --owner window ends that now.",
        )
    if window.state in {WindowState.CANCELLED, WindowState.CLOSED}:
        raise Conflict(f"{window.id} is {window.state.value} already.")
    notice = _notice("cancelled", window, service, documents=documents, zone=zone)
    return Plan(
        title=f"Cancel the maintenance window: {window.title}",
        area=Area.NOTICES,
        changes=(Field("Was planned for", (When(window.start, date=True),)), *notice.fields),
        actions=(Action(UNBOOK.name, "Take it out of the calendar", {"id": window.id}), *notice.actions),
        preconditions={"the window": window.state.value},
        risk=Risk.RISKY if notice.mailed else Risk.CHANGE,
    )


async def close(
    _ctx: Context, args: Which, *, service: Service, store: Store, documents: Documents, zone: Zone
) -> Plan:
    """Tell those who were told of a window that it is over; it comes by itself when its maintenance has ended."""
    window = await _pick(args.id, service, store)
    if window.state not in {WindowState.ENDED, WindowState.CLOSED} or window.ended_at is None:
        raise Conflict(f"{window.id} is {window.state.value}: it is not over.", hint="maintenance off ends it.")
    async with store.transaction() as tx:
        recent = await tx.operations.recent(service=service.name, limit=500)
    done = _done(recent, window)
    notice = _notice("over", window, service, documents=documents, zone=zone, more=done)
    return Plan(
        title=f"Tell that the maintenance window is over: {window.title}",
        area=Area.NOTICES,
        changes=notice.fields,
        actions=notice.actions,
        risk=Risk.RISKY if notice.mailed else Risk.CHANGE,
    )


async def show(_ctx: Context, _args: ServiceArgs, *, service: Service, store: Store) -> Table:
    """List maintenance windows: those to come, the one that is open, and those of before."""
    async with store.transaction() as tx:
        windows = await tx.windows.of_service(service.name)
    return Table(
        title=f"Maintenance windows of {service.name}",
        columns=("Id", "State", "From", "To", "What", "By", "Mailed to"),
        rows=tuple(_row(window) for window in windows),
        empty="None is planned.",
        notes=("To plan one: maintenance plan.",),
    )


async def backup(ctx: Context, row_id: str, *, store: Store, engine: Engine) -> None:
    """The window's first step, put before whoever clicked."""
    async with store.transaction() as tx:
        window = await tx.windows.get(row_id)
    call = Call(("backup",), {"reason": window.title, "service": window.service})
    await engine.propose_call(call, replace(ctx, service=window.service), show=True)


async def book(attempt: Attempt[Booking], *, store: Store) -> str:
    """Store it with the row that is due."""
    window = attempt.params.window
    async with store.transaction() as tx:
        await tx.windows.book(window)
        await tx.due.put(due(window))
    return f"booked {window.id}"


async def see_booked(attempt: Attempt[Booking], *, store: Store) -> Observation:
    """It is stored, and still planned."""
    window = attempt.params.window
    async with store.transaction() as tx:
        stored = [each for each in await tx.windows.of_service(window.service, limit=500) if each.id == window.id]
    if not stored:
        return Observation(Verdict.NOT_DONE, "It is not in the calendar.")
    return Observation(Verdict.DONE, f"{window.id} is in the calendar: maintenance window shows it.")


async def unbook(attempt: Attempt[Booked], *, store: Store) -> str:
    """Cancel it, so that nothing is due any more."""
    not_begun = (WindowState.PLANNED, WindowState.MISSED, WindowState.FAILED)
    async with store.transaction() as tx:
        window = await tx.windows.get(attempt.params.id)
        if not await tx.windows.move(window.id, to=WindowState.CANCELLED, frm=not_begun, at=window.start):
            raise Conflict(f"{window.id} is {window.state.value} by now.")
        await tx.due.drop(WINDOW, window.id)
    return f"cancelled {window.id}"


async def see_unbooked(attempt: Attempt[Booked], *, store: Store) -> Observation:
    """It is cancelled."""
    async with store.transaction() as tx:
        window = await tx.windows.get(attempt.params.id)
    verdict = Verdict.DONE if window.state is WindowState.CANCELLED else Verdict.NOT_DONE
    return Observation(verdict, f"{window.id} is {window.state.value}.")


def _notice(
    kind: str, window: Window, service: Service, *, documents: Documents, zone: Zone, more: Sequence[str] = ()
) -> _Notice:
    """What is told to the channel, and to the list of recipients if there is one; `more` is for the channel alone."""
    text = documents.render(
        "maintenance_notice.txt.j2", kind=kind, window=window, service=service.name, zone=zone.name
    ).strip()
    subject, _, body = text.partition("\n")
    key, body = f"window:{window.id}:{kind}", body.strip()
    post = Post(
        key=key,
        channel=window.channel,
        subject=subject,
        body="\n".join((body, *more)),
        start=window.start,
        ends=window.ends,
    )
    fields = [Field("Told to", (Channel(window.channel),)), Field("Subject", subject), Field("Text", post.body)]
    actions = [Action(POST.name, "Tell the channel", post.model_dump(mode="json"))]
    if window.recipients:
        count = len(service.port(Mail).recipients(window.recipients))
        fields[0] = Field("Told to", (Channel(window.channel), f", and by mail to {window.recipients}: {count} people"))
        mail = Send(key=key, recipients=window.recipients, subject=subject, body=f"{body}\n")
        actions.append(Action(SEND.name, f"Mail it to {window.recipients}", mail.model_dump()))
    return _Notice(subject, tuple(fields), tuple(actions), mailed=bool(window.recipients))


def _recipients(service: Service, wanted: str) -> str:
    """The list that is meant; empty for nobody."""
    if wanted == NOBODY or (not wanted and Mail not in service.ports):
        return ""
    mail = service.port(Mail)
    if not wanted and len(mail.lists) > 1:
        raise UsageError("Who gets mail?", hint=f"Add --to with one of: {', '.join(mail.lists)}, {NOBODY}.")
    wanted = wanted or next(iter(mail.lists), "")
    return wanted if mail.recipients(wanted) else ""


def _refuse_overlap(window: Window, others: Sequence[Window]) -> None:
    for other in others:
        if other.state in AHEAD and other.start < window.ends and window.start < other.ends:
            raise Conflict(
                f'It overlaps with the window {other.id}, "{other.title}".',
                hint=f"Choose another time, or type maintenance window cancel {other.id}.",
            )


def _id(service: Service, start: str, title: str, others: Sequence[Window]) -> str:
    """The same each time that the plan is made anew; another one when it was booked before and cancelled."""
    same = sum(other.title == title and other.start.isoformat() == start for other in others)
    return sha256(f"{service.name}\n{start}\n{title}\n{same}".encode()).hexdigest()[:8]


async def _pick(wanted: str, service: Service, store: Store) -> Window:
    async with store.transaction() as tx:
        windows = await tx.windows.of_service(service.name)
        return await tx.windows.get(by_prefix({each.id: each.title for each in windows}, wanted))


def _done(operations: Sequence[Operation], window: Window) -> list[str]:
    """What was run in the window and has ended, by time; nothing that could still change before this is told."""
    if window.began_at is None or window.ended_at is None:
        return []
    ran = [
        f"{each.plan.title}: {each.state.value}"
        for each in reversed(operations)
        if each.plan_state is PlanState.ACCEPTED
        and each.ended_at
        and window.began_at <= each.proposed_at
        and each.ended_at <= window.ended_at
    ]
    return ["", "What was done:", *ran] if ran else []


def _clock(window: Window, zone: Zone) -> str:
    return f"{window.start.astimezone(ZoneInfo(zone.name)):%Y-%m-%d %H:%M}"


def _row(window: Window) -> tuple[Line, ...]:
    return (
        (Code(window.id),),
        window.state.value,
        (When(window.start, date=True),),
        (When(window.ends, date=True),),
        window.title,
        (Person(window.by),),
        window.recipients or NOBODY,
    )


BOOK = Step("window.book", Booking, observe=see_booked, do=book, settle=timedelta())
UNBOOK = Step("window.unbook", Booked, observe=see_unbooked, do=unbook, settle=timedelta())
CLICKS = (Click("window.backup", backup, role=Role.RESPONDER),)
COMMANDS = (
    Command(
        ("maintenance", "plan"),
        Announce,
        plan=announce,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("N1",),
        steps=(BOOK, POST, SEND),
        examples=("tomorrow 22:00 for 1h Database update", "2026-12-01 22:00 for 2h Move to new servers --to partners"),
    ),
    Command(("maintenance", "window"), ServiceArgs, run=show, rows=("N1",), examples=("",)),
    Command(
        ("maintenance", "window", "cancel"),
        Which,
        plan=cancel,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("N1",),
        steps=(UNBOOK,),
        examples=("3f2a moved to next week",),
    ),
    Command(
        ("maintenance", "window", "close"),
        Which,
        plan=close,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("N6",),
        examples=("3f2a",),
    ),
)
