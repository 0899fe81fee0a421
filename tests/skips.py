"""A skipped test fails the run, unless `tests/skips.txt` has it with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

REVIEWED = Path(__file__).with_name("skips.txt")


class SkipRule:
    """A pytest plugin for the process that began the run; workers report to it."""

    def __init__(self, reviewed: Path = REVIEWED) -> None:
        lines = [line for line in reviewed.read_text().splitlines() if line.strip() and not line.startswith("#")]
        self._reviewed = [tuple(part.strip() for part in line.split("|", maxsplit=1)) for line in lines]
        self._others: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test."""
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a skipped file."""
        self._note(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Fail the run."""
        yield
        if self._others and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why."""
        for skip in self._others:
            terminalreporter.write_line(f"A skip that is not in tests/skips.txt: {skip}", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(report.nodeid.startswith(prefix) and words in reason for prefix, words in self._reviewed):
            self._others.append(f"{report.nodeid}: {reason}")
