"""What a run of the tests says of the runbook's rows: one whose tests were all skipped is open on this machine."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from bot.core.rows import ROWS

ROOT = Path(__file__).resolve().parents[1]


def refuse_unknown(items: list[pytest.Item]) -> None:
    """A test that names a row which the runbook does not have ends the run before it begins."""
    for item in items:
        for mark in item.iter_markers("row"):
            if unknown := [row for row in mark.args if row not in ROWS] or ([] if mark.args else ["nothing"]):
                raise pytest.UsageError(f"{item.nodeid} names the row {unknown[0]}: bot/core/rows.py has them all.")


class RowRule:
    """A pytest plugin for the process that began the run; workers report to it."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._skipped: dict[str, bool] = defaultdict(lambda: True)
        self._without: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test was skipped, with every one of its parameters."""
        if report.when == "call" or not report.passed:
            self._skipped[report.nodeid.partition("[")[0]] &= report.skipped

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a skipped file."""
        if report.skipped:
            self._without.add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the rows whose tests this machine cannot run."""
        for row in self.open_here():
            terminalreporter.write_line(f"Row {row} ({ROWS[row]}) is open on this machine: all its tests were skipped.")

    def open_here(self) -> tuple[str, ...]:
        """The rows that have tests, none of which did anything but be skipped in this run."""
        if not self._without and not any(self._skipped.values()):
            return ()
        from bot.covered import shown_by_tests  # noqa: PLC0415 - imports every command, for what is rare

        shown = shown_by_tests(self._root)
        return tuple(
            row for row in ROWS if row in shown and all(self._was_skipped(test.file, test.name) for test in shown[row])
        )

    def _was_skipped(self, file: str, name: str) -> bool:
        test = f"{file}::{name}"
        return file in self._without or (test in self._skipped and self._skipped[test])
