"""The payment provider, as it says it is and as it answers us."""

from __future__ import annotations

import asyncio

from bot.core.command import Command, Context, ServiceArgs
from bot.core.parts import State
from bot.core.people import Role
from bot.core.provider import Part, Probed, Provider
from bot.core.results import Check, Checks


async def provider(ctx: Context, _args: ServiceArgs, *, provider: Provider) -> Checks:
    """Ask the payment provider how it is: its status page, and one request to its API with our own credentials.

    A status page that cannot be read is unknown, whatever its status code. No header and no answer is ever shown.
    """
    said, probed = await asyncio.gather(provider.status(), provider.probe())
    evidence = f"Look at {provider.page} yourself." if said.state is State.UNKNOWN else provider.page
    return Checks(
        title=f"{provider.name}, the provider",
        checks=(
            Check("Status page", said.state, said.words, evidence=evidence),
            *(_part("Component", part) for part in said.parts),
            *(_part("Incident", part) for part in said.incidents),
            _reached(probed, provider),
        ),
        at=ctx.now,
    )


def _part(kind: str, part: Part) -> Check:
    return Check(f"{kind} {part.name}", part.state, part.said)


def _reached(probed: Probed | None, provider: Provider) -> Check:
    if probed is None:
        return Check("API", State.UNKNOWN, "not asked", evidence="Set provider.probe_url to have it asked.")
    took = f", {probed.latency:.2f} s" if probed.latency is not None else ""
    keys = ", ".join(provider.keys)
    believed = {
        True: f"; it takes our {keys} and refuses an invented one",
        False: f"; check {keys} with creds check",
        None: f"; whether {keys} is good it does not let on" if keys and probed.status else "",
    }[probed.accepts]
    return Check("API", probed.state, f"{probed.words}{took}{believed}", evidence=provider.probed)


COMMANDS = (Command(("provider",), ServiceArgs, run=provider, role=Role.RESPONDER, rows=("F1", "F4"), examples=("",)),)
