"""What a Web API method is."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.demo.workspace.args import Args
from bot.demo.workspace.core import Core
from bot.demo.workspace.values import Json


@dataclass(frozen=True, slots=True)
class Method:
    """A handler and its scopes: one of `scopes` is needed; `app_level` methods take the app token instead."""

    run: Callable[[Core, Args], Json]
    scopes: tuple[str, ...] = ()
    app_level: bool = False
