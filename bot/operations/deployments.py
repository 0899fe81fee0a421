"""Effects of a deployment, and what the operations of before say of what was deployed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bot.core.errors import IntegrationError
from bot.core.plan import Attempt, Observation, Step, Verdict
from bot.core.records import Operation
from bot.core.releases import Releases
from bot.core.results import OperationState

SHORT = 12
"""Characters of a SHA that people are shown."""


class OfRelease(BaseModel):
    """One release by its full SHA."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha: str


class Switch(BaseModel):
    """The link goes from one release's folder to another's; `back` marks a rollback to what was deployed before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha: str
    folder: str
    former: str
    back: bool = False


async def build(attempt: Attempt[OfRelease], *, releases: Releases) -> str:
    """Build it beside the others."""
    return await releases.build(attempt.params.sha)


async def tell_building(_: Attempt[OfRelease], *, releases: Releases) -> str:
    """What runs, or what is waited for."""
    at_work = await releases.building()
    return f"At work: {at_work}." if at_work else "Between two commands."


async def see_built(attempt: Attempt[OfRelease], *, releases: Releases) -> Observation:
    """Its folder is there, of that commit, and its build was finished."""
    sha, folder = attempt.params.sha, releases.folder(attempt.params.sha)
    if any(each.finished and (each.sha, each.folder) == (sha, folder) for each in await releases.on_host()):
        return Observation(Verdict.DONE, f"{folder} is built; what runs was not touched.")
    return Observation(Verdict.NOT_DONE, f"{folder} is not built.")


async def see_smoke(attempt: Attempt[OfRelease], *, releases: Releases) -> Observation:
    """Started on a spare port it answers with its own SHA."""
    try:
        return Observation(Verdict.DONE, f"{(await releases.smoke(attempt.params.sha)).capitalize()}.")
    except IntegrationError as error:
        return Observation(Verdict.NOT_DONE, str(error))


async def switch(attempt: Attempt[Switch], *, releases: Releases) -> str:
    """Make the link name the other folder."""
    return await releases.switch(attempt.params.folder)


async def see_switched(attempt: Attempt[Switch], *, releases: Releases) -> Observation:
    """The link names it, and git says that it is that commit."""
    current = await releases.current()
    verdict = Verdict.DONE if current.sha == attempt.params.sha else Verdict.NOT_DONE
    return Observation(verdict, f"The link names {current.folder}, which is {current.sha[:SHORT]}.")


def previous(operations: Iterable[Operation], *, current: str) -> str | None:
    """What was deployed before `current`, from operations with the newest first; None when they do not tell.

    A rollback takes what it left off the pile, so that a second one goes further back and not to and fro.
    """
    pile: list[str] = []
    for operation in reversed(list(operations)):
        for step in (action for action in operation.plan.actions if action.step == SWITCH.name):
            done = Switch.model_validate(dict(step.params))
            if operation.state is not OperationState.DONE:
                continue
            if not pile or pile[-1] != done.former:
                pile = [done.former]  # somebody deployed in between without the bot
            if done.back and done.sha in pile:
                del pile[pile.index(done.sha) + 1 :]
            elif done.back:
                pile = [done.sha]
            else:
                pile.append(done.sha)
    return pile[-2] if len(pile) > 1 and pile[-1] == current else None


BUILD = Step("release.build", OfRelease, observe=see_built, do=build, progress=tell_building, settle=timedelta())
# A look that starts a process, so it is done once: what does not come up within its time does not come up.
SMOKE = Step("release.smoke", OfRelease, observe=see_smoke, settle=timedelta())
SWITCH = Step("release.switch", Switch, observe=see_switched, do=switch, settle=timedelta(seconds=2))
