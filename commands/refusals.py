"""What the runbook says and the bot does not do: asked for, it says why not, and what to type instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.core.command import Args, Command, Context
from bot.core.errors import Conflict
from bot.core.parse import words
from bot.core.results import Result


class Anything(Args):
    """Whatever else was typed."""

    rest: str = words("", "Whatever follows.")


def refused(typed: str, *, row: str, why: str, instead: str) -> Command:
    """A command that only says why it is not done."""

    async def refuse(_ctx: Context, _args: Anything) -> Result:
        raise Conflict(f"{typed} is not done from here: {why}", hint=instead)

    function: Callable[..., Awaitable[Result]] = refuse
    function.__doc__ = f"Not done from here, and says why: {why}"
    return Command(tuple(typed.split()), Anything, run=function, rows=(row,), examples=("",), listed=False)


COMMANDS = (
    refused(
        "npm start",
        row="B3",
        why="it runs in the foreground of nobody's terminal, never ends, and nothing brings it back.",
        instead="start has the process manager run the service.",
    ),
    refused(
        "compose down",
        row="C2",
        why="it removes the containers and networks of the whole file, a database among them.",
        instead="stop ends this service alone.",
    ),
)
