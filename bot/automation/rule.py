"""What an automation is: when it would do something, what, and why; whether it may is decided elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from bot.core.duration import Duration
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.plan import Call
from bot.core.watches import Pulse
from bot.digests.pulse import Patience

_FRESH = timedelta(minutes=3)
"""A look that is older says nothing of how it is now."""


class RuleSettings(BaseModel):
    """What can be set of every automation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cooldown: Duration = Field("10m", validate_default=True, description="The least time from one act to the next.")
    most_per_hour: int = Field(2, ge=1, le=20, description="Acts within an hour.")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the watch of a service knows after a look."""

    service: Service
    now: datetime
    pulses: Mapping[str, Pulse]
    patience: Patience

    def failing(self, *checks: str) -> str | None:
        """The first of these checks that is a problem and was surely seen to fail at the last look; None if none was.

        One that could not be looked at is unknown, and unknown is no reason to do anything.
        """
        return next((name for name in checks if self._fails(self.pulses.get(name, Pulse()))), None)

    def begun(self, check: str) -> datetime:
        """When the problem of a check began."""
        return self.pulses[check].bad_since or self.now

    def looks(self, check: str) -> str:
        """The looks that tell of a problem, in words."""
        last = self.pulses[check].recent[-self.patience.of :]
        return f"{last.count(State.FAIL)} of the last {len(last)} looks failed"

    def _fails(self, pulse: Pulse) -> bool:
        if not (pulse.is_open and pulse.recent and pulse.looked_at and self.now - pulse.looked_at <= _FRESH):
            return False
        last = pulse.recent[-self.patience.of :]
        return last[-1] is State.FAIL and last.count(State.FAIL) >= self.patience.bad


@dataclass(frozen=True, slots=True)
class Want:
    """What an automation would do now: `call`, because of the figures in `why`.

    `problem` tells this time from others: of one problem it is done once. `check` is the one whose alert tells of it.
    `held` is what the automation itself sees that speaks against it.
    """

    problem: str
    check: str
    call: Call
    why: str
    held: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """An automation: `want` is `async def f(seen, settings, *, port: Port, ...) -> Want | None`.

    It reads live state and the past, and changes nothing; None is no reason to act. A service without one of its ports
    does not have it. The first line of its docstring says what it does. One that `yields` leaves a service alone of
    which an incident is open. `settings` are its own besides those of every automation.
    """

    name: str
    settings: type[RuleSettings]
    want: Callable[..., Awaitable[Want | None]]
    yields: bool = False

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return (self.want.__doc__ or "").split("\n", maxsplit=1)[0]
