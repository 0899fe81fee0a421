"""What the configuration allows the bot to do by itself, for each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.automation.rule import RuleSettings
from bot.digests.pulse import Patience


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one service that is watched: `allowed` automations act by themselves, the others only propose.

    `budget` is how many acts there may be in 24 hours, of all of them together; `settings` are by their names. What is
    done is told in `channel`, and `patience` is that of the watch.
    """

    service: str
    channel: str
    settings: Mapping[str, RuleSettings]
    allowed: frozenset[str] = frozenset()
    budget: int = 6
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy that is configured."""

    entries: tuple[Policy, ...] = ()

    def of(self, service: str) -> Policy | None:
        """That of a service; None where nothing is watched."""
        return next((policy for policy in self.entries if policy.service == service), None)
