"""The App Home: what is open, what is not normal, what waits for the reader, and what they may do."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.incidents import Incident
from bot.core.parts import Button, Style
from bot.core.people import Actor, Role
from bot.core.prose import Bold, Channel, Inline, Line, Person, When
from bot.core.records import Lease, Store
from bot.core.reports import Task
from bot.core.results import Home

_TASKS = 10


async def home(store: Store, *, actor: Actor, root: str, whom_to_ask: Line) -> Home:
    """What `actor` sees; people without a role see whom to ask and nothing else, private incidents nobody."""
    if not actor.role:
        return Home(root=root, role=actor.role.word, status=(whom_to_ask,))
    async with store.transaction() as tx:
        running = await tx.operations.running()
        leases = await tx.leases.active()
        incidents = await tx.incidents.open()
        tasks = await tx.tasks.open(owner=actor.user_id)
    status: list[Line] = [f"Running: {operation.plan.title} on {operation.service}." for operation in running]
    status += map(_lease, leases)
    led = [incident for incident in incidents if actor.user_id == incident.commander]
    return Home(
        root=root,
        role=actor.role.word,
        status=tuple(status) or ("No change runs, and I hold none that has to be put back.",),
        incidents=tuple(_incident(incident, led=incident in led) for incident in incidents),
        tasks=_tasks(tasks),
        buttons=_buttons(led) if actor.role >= Role.RESPONDER else (),
    )


def _buttons(led: Sequence[Incident]) -> tuple[Button, ...]:
    """What a responder can begin from here; of the incidents that they lead, what they do most."""
    buttons = [Button("Declare an incident", "incident.open", "new", Style.PRIMARY)]
    for incident in led[:4]:
        row = str(incident.number)
        buttons += [
            Button(f"Update {incident.number}", "incident.update", row),
            Button(f"Resolve {incident.number}", "incident.resolve", row),
        ]
    return tuple(buttons)


def _incident(incident: Incident, *, led: bool) -> Line:
    parts: list[Inline] = [Bold(f"#{incident.number}"), f" {incident.severity}: {incident.title} "]
    parts += [Channel(incident.channel)] if incident.channel else []
    if led:
        parts.append(", led by you")
    elif incident.commander:
        parts += [", led by ", Person(incident.commander)]
    else:
        parts.append(", led by nobody")
    if incident.update_due_at:
        parts += [", next update by ", When(incident.update_due_at)]
    return tuple(parts)


def _tasks(tasks: Sequence[Task]) -> tuple[Line, ...]:
    shown: list[Line] = [f"{task.text} (incident {task.incident}, item {task.number})" for task in tasks[:_TASKS]]
    more = len(tasks) - _TASKS
    return (*shown, f"… and {more} more.") if more > 0 else tuple(shown)


def _lease(lease: Lease) -> Line:
    until: Line = (", until ", When(lease.until, date=True)) if lease.until else ", until somebody ends it"
    return ("Not normal: ", Bold(f"{lease.kind} of {lease.target}"), " by ", Person(lease.by), *until, ".")
