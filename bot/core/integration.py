"""The shape of an integration: what a file in `integrations/` says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class IntegrationConfig(BaseModel):
    """Base of every integration's configuration: what is not declared is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Integration:
    """One kind of outside system.

    `build` takes its `config` first and asks for what it runs on (a Host, an Http client, another port of the same
    service) by the types of its keyword-only parameters, as commands do. `provides` are the Protocols that the built
    object implements.
    """

    name: str
    config: type[BaseModel]
    build: Callable[..., object]
    provides: tuple[type, ...]
