"""Every automation there is, one a file, found by a scan: adding one is adding a file with a `RULE`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from bot.automation.rule import Rule


@cache
def rules() -> tuple[Rule, ...]:
    """Every automation, by name."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.name))
