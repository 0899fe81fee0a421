"""What ran without its second person and waits for somebody to look at it."""

from __future__ import annotations

from bot.core.command import Args, Command, Context
from bot.core.parts import Button
from bot.core.prose import Code, Line, Person, When
from bot.core.records import Operation, Store
from bot.core.results import Table
from bot.operations.rows import glass_broken


async def reviews(_ctx: Context, _args: Args, *, store: Store) -> Table:
    """List the risky changes that ran by break-glass and that no commander has reviewed yet."""
    async with store.transaction() as tx:
        operations = await tx.operations.unreviewed()
    return Table(
        title="To be reviewed",
        columns=("Id", "When", "What", "Service", "By", "Why nobody was asked", "Ended"),
        rows=tuple(_row(operation) for operation in operations),
        empty="Nothing ran without its second person, or all of it was reviewed.",
        buttons=tuple(
            Button(f"I have reviewed {operation.id[:8]}", "operation.review", operation.id) for operation in operations
        ),
    )


def _row(operation: Operation) -> tuple[Line, ...]:
    return (
        (Code(operation.id[:8]),),
        (When(operation.proposed_at),),
        operation.plan.title,
        f"{operation.service} ({operation.environment})",
        (Person(operation.requester),),
        glass_broken(operation),
        operation.state.value,
    )


COMMANDS = (Command(("reviews",), Args, run=reviews, examples=("",)),)
