"""The services that the bot looks after, each with the ports that its configuration gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar, cast

from bot.core.errors import NotConfigured, NotFound, UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """One service in one environment; `ports` by Protocol type, `limits` are its thresholds as configured."""

    name: str
    environment: str
    host: str
    ports: Mapping[type, object]
    maintenance_key: str = "ENABLE_MAINTENANCE_MODE"
    log_level_key: str = "LOG_LEVEL"
    limits: Mapping[str, float] = field(default_factory=dict)

    def port(self, kind: type[T]) -> T:
        """The service's implementation of `kind`; `NotConfigured` when its configuration names none."""
        if kind not in self.ports:
            raise NotConfigured(
                f"{self.name} has no {kind.__name__.lower()} configured.",
                hint=f"Add it under services.{self.name} in opsbot.yaml.",
            )
        return cast("T", self.ports[kind])


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every service by name, in the order of the configuration."""

    services: tuple[Service, ...]

    def pick(self, name: str = "") -> Service:
        """The service called `name`, or the only one; says which there are when that is not clear."""
        names = [service.name for service in self.services]
        if not name and len(self.services) == 1:
            return self.services[0]
        if not names:
            raise NotConfigured("No service is configured.", hint="Add one under services in opsbot.yaml.")
        if not name:
            raise UsageError("Which service?", hint=f"Add --service with one of: {', '.join(names)}.")
        for service in self.services:
            if service.name == name:
                return service
        near = get_close_matches(name, names, 1)
        raise NotFound(
            f"No service is called {name}.",
            hint=f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}.",
        )
