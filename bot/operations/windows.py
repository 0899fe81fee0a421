"""A planned maintenance window from its reminder to its end: each turn is a row that is due, and is taken once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.duration import format_duration
from bot.core.errors import Conflict, IntegrationError, OpsbotError
from bot.core.fleet import Service
from bot.core.parts import Button
from bot.core.people import AUTOMATIC
from bot.core.plan import Call
from bot.core.ports import Backups
from bot.core.prose import Bold, Code, Line, When
from bot.core.records import Due, Lease, Operation, Store, Unit
from bot.core.results import Failure, PlanState, Result, Text
from bot.core.windows import Window, WindowState
from bot.operations.planning import Planner
from bot.operations.proposals import Proposals
from bot.operations.showing import Showing
from bot.operations.tasks import WINDOW, queue_run

OWNER = "window"
"""Holds the maintenance of a window."""

REMINDED_BEFORE = timedelta(minutes=15)
GRACE = timedelta(minutes=15)
"""How late a window still begins, when nobody was there at its start."""

AGAIN = timedelta(seconds=30)
"""Until the next look at what has not come yet."""

log = structlog.get_logger(__name__)


class WindowTimes:
    """Does what is due of a window; what it begins was approved with the plan of the window."""

    def __init__(self, *, store: Store, planner: Planner, proposals: Proposals, showing: Showing, clock: Clock) -> None:
        self._store = store
        self._planner = planner
        self._proposals = proposals
        self._showing = showing
        self._clock = clock

    async def turn(self, window_id: str) -> None:
        """The job: look where the window stands, and do what comes next; it may come twice."""
        async with self._store.transaction() as tx:
            window = await tx.windows.get(window_id)
        match window.state:
            case WindowState.PLANNED:
                await self._before(window)
            case WindowState.BEGINNING:
                await self._beginning(window)
            case WindowState.OPEN:
                await self._open(window)
            case WindowState.ENDED:
                await self._run(window, _close(window), to=WindowState.CLOSED, automatic="The window is over.")
            case _:
                return

    async def _before(self, window: Window) -> None:
        """Remind, or begin; too late it is not begun any more."""
        now = self._clock()
        if now < window.start:
            await self._tell(window, "reminder", _reminder(window))
            async with self._store.transaction() as tx:
                await tx.due.put(_again(window, window.start))
            return
        late = now - window.start
        if late > GRACE or now >= window.ends:
            await self._give_up(window, WindowState.MISSED, f"I could not begin it within {format_duration(GRACE)}.")
            return
        began = f" {format_duration(late)} late" if late >= timedelta(minutes=1) else ""
        call = Call(
            ("maintenance", "on"),
            {
                "owner": OWNER,
                "reason": window.title,
                "lasts": (window.ends - now).total_seconds(),
                "service": window.service,
            },
        )
        automatic = f"The planned window begins{began}; it was approved with its plan."
        await self._run(window, call, to=WindowState.BEGINNING, automatic=automatic)

    async def _run(self, window: Window, call: Call, *, to: WindowState, automatic: str) -> None:
        """Have `call` run by itself, and move the window on in the same transaction."""
        ctx = Context(AUTOMATIC, window.channel, self._clock(), service=window.service)
        try:
            plan = await self._planner.plan(call, ctx)
        except OpsbotError as error:
            log.warning("window has to wait", window=window.id, state=window.state, reason=str(error))
            await self._tell(
                window, f"{to.value} waits", Failure(f"{automatic} It cannot: {error}", hint="I try again.")
            )
            async with self._store.transaction() as tx:
                await tx.due.put(_again(window, self._clock() + AGAIN))
            return
        draft = self._proposals.draft(call, ctx, plan)
        operation = replace(draft, plan_state=PlanState.ACCEPTED, automatic=automatic)
        async with self._store.transaction() as tx:
            if await self._move(tx, window, to, operation_id=operation.id):
                await self._proposals.record(tx, operation)
                await queue_run(tx, operation)

    async def _beginning(self, window: Window) -> None:
        """See whether maintenance is on, and say what can be done now."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(window.operation_id)
        if lease := await self._lease(window):
            await self._tell(window, "open", _card(window, lease))
            async with self._store.transaction() as tx:
                await self._move(tx, window, WindowState.OPEN)
        elif operation.state.is_final:
            await self._give_up(window, WindowState.FAILED, f"Maintenance was not turned on: {_why(operation)}")
        else:
            async with self._store.transaction() as tx:
                await tx.due.put(_again(window, self._clock() + AGAIN))

    async def _open(self, window: Window) -> None:
        """See whether maintenance is off again; what turns it off looks at the health of every worker first."""
        if await self._lease(window):
            async with self._store.transaction() as tx:
                await tx.due.put(_again(window, self._clock() + AGAIN))
            return
        async with self._store.transaction() as tx:
            await self._move(tx, window, WindowState.ENDED)

    async def _lease(self, window: Window) -> Lease | None:
        """What holds the maintenance of the window now."""
        async with self._store.transaction() as tx:
            held = await tx.leases.active(service=window.service, kind="maintenance")
        return next((lease for lease in held if lease.owner == OWNER), None)

    async def _give_up(self, window: Window, to: WindowState, why: str) -> None:
        told = Failure(
            f'The maintenance window "{window.title}" does not take place. {why}',
            hint=f"Those who were told of it can be told: maintenance window cancel {window.id}",
        )
        is_told = await self._tell(window, to.value, told)
        async with self._store.transaction() as tx:
            if is_told or self._clock() >= window.ends:
                await self._move(tx, window, to)
            else:  # Slack is away, and nobody knows yet
                await tx.due.put(_again(window, self._clock() + AGAIN))

    async def _move(self, tx: Unit, window: Window, to: WindowState, *, operation_id: str = "") -> bool:
        """Move it on, with the next row that is due while something is still to come."""
        at = self._clock()
        if not await tx.windows.move(window.id, to=to, frm=(window.state,), at=at, operation_id=operation_id):
            return False
        if to in {WindowState.BEGINNING, WindowState.OPEN, WindowState.ENDED}:
            await tx.due.put(_again(window, at + (timedelta() if to is WindowState.ENDED else AGAIN)))
        data = {"window": window.id, "state": to.value}
        await tx.audit.append(at=at, actor=AUTOMATIC.user_id, kind="window", data=data)
        return True

    async def _tell(self, window: Window, what: str, result: Result) -> bool:
        """Post it once; what Slack does not take is in the log, and is False."""
        try:
            key = f"window:{window.id}:{what}"
            await self._showing.post_once(window.channel, result, key=key, since=window.start - timedelta(days=1))
        except IntegrationError as error:
            log.warning("window not told of", window=window.id, what=what, reason=str(error))
            return False
        return True


def due(window: Window) -> Due:
    """The row for the first turn of a window: its reminder."""
    return _again(window, window.start - REMINDED_BEFORE)


async def heed_window(store: Store, service: Service, *, override: str) -> tuple[Line, ...]:
    """`Conflict` inside a window in which no backup was made yet; a reason goes past it, and is a warning then."""
    async with store.transaction() as tx:
        windows = await tx.windows.of_service(service.name)
    began = next((each.began_at for each in windows if each.state in {WindowState.BEGINNING, WindowState.OPEN}), None)
    if began is None:
        return ()
    if Backups not in service.ports:
        return ((Bold("No backups are configured: "), "whether there is one of this window is not known."),)
    newest = await service.port(Backups).newest(1)
    if newest and newest[0].made_at >= began and not newest[0].fault:
        return ()
    missing = "no backup was made since the maintenance window began"
    if not override:
        raise Conflict(f"{missing.capitalize()}.", hint='Type backup first, or go on with --override "why".')
    return ((Bold("Overridden: "), f"{missing}."),)


def _again(window: Window, at: datetime) -> Due:
    return Due(WINDOW, window.id, at, {"window_id": window.id})


def _close(window: Window) -> Call:
    return Call(("maintenance", "window", "close"), {"id": window.id, "service": window.service})


def _reminder(window: Window) -> Text:
    return Text(
        ((Bold(window.title),), ("From ", When(window.start), " to ", When(window.ends), ", customers are kept out.")),
        title=f"Maintenance of {window.service} begins soon",
    )


def _card(window: Window, lease: Lease) -> Text:
    return Text(
        (
            (Bold(window.title),),
            (
                "Customers are kept out until ",
                When(window.ends),
                "; then maintenance ends by itself, once health is good.",
            ),
            ("1. Make a backup, before anything else."),
            ("2. Update: ", Code("deploy REF"), ", and ", Code("migrate"), " where the schema changes."),
            ("3. End it: health is looked at before customers are let in."),
        ),
        title=f"Maintenance window of {window.service}",
        buttons=(
            Button("Make a backup", "window.backup", window.id),
            Button("End the maintenance", "lease.undo", lease.id),
        ),
    )


def _why(operation: Operation) -> str:
    return operation.why or f"it ended as {operation.state.value}."
