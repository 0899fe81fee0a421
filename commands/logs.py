"""The newest lines of a service's logs."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Command, Context, ServiceArgs
from bot.core.fleet import Service
from bot.core.parse import option
from bot.core.people import Role
from bot.core.ports import Logs
from bot.core.results import LogLines


class Tail(ServiceArgs):
    """How many lines, and which."""

    count: int = Field(50, ge=1, le=1000, description="How many lines, over all workers together; 1000 at most.")
    err: bool = option(default=False, description="Only what the workers wrote to standard error.")
    grep: str = option("", "Only lines that contain this text, in capitals or not; it is no pattern.")


async def tail(_ctx: Context, args: Tail, *, service: Service, logs: Logs) -> LogLines:
    """Show the newest log lines of all workers in the order of their time, without secrets; only you see them."""
    found = await logs.tail(args.count, errors_only=args.err, containing=args.grep)
    which = "errors" if args.err else "lines"
    about = f' with "{args.grep}"' if args.grep else ""
    return LogLines(
        title=f"{service.name}: last {len(found.lines)} {which}{about}",
        lines=found.lines,
        left_out=found.left_out,
    )


COMMANDS = (
    Command(
        ("logs",),
        Tail,
        run=tail,
        role=Role.RESPONDER,
        rows=("E1", "E2", "E3", "E4", "E5", "F3"),
        examples=("", "200 --err", "100 --grep timeout"),
        direct=True,
    ),
)
