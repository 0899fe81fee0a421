"""What is known against the packages of a service; nothing is updated."""

from __future__ import annotations

from bot.core.command import Command, Context, ServiceArgs
from bot.core.dependencies import Dependencies, Weakness
from bot.core.fleet import Service
from bot.core.prose import Line
from bot.core.results import Table


async def show(_ctx: Context, _args: ServiceArgs, *, service: Service, dependencies: Dependencies) -> Table:
    """List the packages with known faults, the worst first; updating one is a change of the code, and a deployment."""
    found = await dependencies.weaknesses()
    return Table(
        title=f"Packages of {service.name} with known faults",
        columns=("Severity", "Package", "Versions", "What", "Mended by"),
        rows=tuple(_row(each) for each in found),
        empty="The registry knows of none.",
        notes=("I update nothing: change package.json in the repository, and deploy that.",) if found else (),
    )


def _row(each: Weakness) -> tuple[Line, ...]:
    name = each.package if each.direct else f"{each.package} (brought by another)"
    return (each.severity, name, each.versions, "; ".join(each.titles)[:200], each.mended_by)


COMMANDS = (Command(("dependencies",), ServiceArgs, run=show, rows=("M2",), examples=("",)),)
