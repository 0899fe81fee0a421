"""The shape of an integration: what a file in `integrations/` says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class IntegrationConfig(BaseModel):
    """Base of every integration's configuration: what is not declared is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re")


@dataclass(frozen=True, slots=True)
class Integration:
    """One kind of outside system; `name` is the key that configures it below a service.

    `build` takes its `config` first and asks for what it runs on (a Host, an Http client, another port of the same
    service) by the types of its keyword-only parameters, as commands do. `provides` are the Protocols that the built
    object implements besides `Pingable`, which each does. One that is `always` there is built with its defaults where
    the configuration does not name it.
    """

    name: str
    config: type[IntegrationConfig]
    build: Callable[..., object]
    provides: tuple[type, ...]
    always: bool = False
