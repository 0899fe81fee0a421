"""Hitting bots at random places: how often in a run, what is drawn, and how a failure is had again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.app.trap import Blow

EXAMPLES = int(os.environ.get("SOAK", "1"))
"""How often each kind is hit."""


def drawing(request: pytest.FixtureRequest, what: str) -> Random:
    """What is drawn for an example, the same for the same seed of the run."""
    return Random(f"{request.config.getoption('randomly_seed')} {what}")  # noqa: S311 - no secret is drawn


@contextmanager
def explained(blow: Blow, request: pytest.FixtureRequest) -> Iterator[None]:
    """Have a failure say where the bot was hit, and how that is had again."""
    try:
        yield
    except Exception as error:
        seed = request.config.getoption("randomly_seed")
        error.add_note(f"{blow}\nAgain: SOAK={EXAMPLES} pytest --randomly-seed={seed} '{request.node.nodeid}'")
        raise
