"""What tests started ends with their run, however that ends: as the demo, by a process that outlives it."""

from __future__ import annotations

import os
from pathlib import Path

from bot.demo.reaper import Estate, Reaper

_MARK = "RUN_OF_TESTS"
"""In the environment of all that a run starts; tests hand on none of the names that begin with OPSBOT_."""


class Leftovers:
    """A pytest plugin for the process that began the run, with the folder of the run's cluster, which goes as well.

    Gateways have a reaper of their own, and their processes know nothing of ours.
    """

    def __init__(self, cluster: Path) -> None:
        run = str(os.getpid())
        os.environ[_MARK] = run
        self._reaper = Reaper.start(
            Estate(environ=(f"{_MARK}={run}",), data=(cluster / "pg",), scratch=(cluster.resolve(),))
        )

    def pytest_unconfigure(self) -> None:
        """End what is left, xdist's workers among it."""
        self._reaper.close()
