"""Which rows of the runbook are done, where, and which tests show it: from the code and from the tests' marks."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.core.registry import Registry
from bot.core.rows import ROWS
from bot.digests.checks import CHECKS

_MARK, _SKIP = "pytest.mark.row", "pytest.mark.skip"


class UnknownRow(ValueError):
    """A command, a check or a test names a row that the runbook does not have."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that shows a row."""

    file: str
    name: str

    @property
    def sentence(self) -> str:
        """What it says."""
        return self.name.removeprefix("test_").replace("_", " ")


def places(registry: Registry) -> Mapping[str, tuple[str, ...]]:
    """Where each row is done: commands as they are typed, and checks of the digest."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, command in sorted(registry.commands.items()):
        for row in command.rows:
            found[_known(row, registry.typed(path))].append(f"`{registry.typed(path)}`")
    for check in CHECKS:
        for row in check.rows:
            found[_known(row, check.name)].append(f"the check “{check.name}” of the digest")
    return {row: tuple(where) for row, where in found.items()}


def shown_by_tests(root: Path) -> Mapping[str, tuple[Shown, ...]]:
    """The tests below `root`/tests that are marked with each row, those apart that are skipped everywhere."""
    found: dict[str, list[Shown]] = defaultdict(list)
    for file in sorted((root / "tests").rglob("test_*.py")):
        place = file.relative_to(root).as_posix()
        module = ast.parse(file.read_text(encoding="utf-8"))
        above = [node.value for node in module.body if isinstance(node, ast.Assign) and _is_pytestmark(node)]
        for name, marks in _functions(module.body, above):
            skipped = any(ast.unparse(mark).partition("(")[0] == _SKIP for mark in marks)
            for row in () if skipped else _rows(marks, f"{place}::{name}"):
                found[row].append(Shown(place, name))
    return {row: tuple(dict.fromkeys(shown)) for row, shown in found.items()}


def document(registry: Registry, root: Path) -> Iterator[str]:
    """The lines of docs/runbook-coverage.md."""
    where, shown = places(registry), shown_by_tests(root)
    done = [row for row in ROWS if row in where and row in shown]
    yield "# The runbook, row by row\n"
    yield f"{len(done)} of {len(ROWS)} rows are done: a command or a check of the digest does it, and a test shows it."
    yield "What lacks either is open. So is any row on a machine where all of its tests are skipped: a run of the tests"
    yield "names those at its end.\n"
    yield "| row | what it is | where it is done | tests |\n| --- | --- | --- | --- |"
    for row, words in ROWS.items():
        status = ", ".join(where.get(row, ())) or "open"
        if row in where and row not in shown:
            status = f"open: no test shows {status}"
        said = "<br>".join(f"[{test.sentence}](../{test.file})" for test in shown.get(row, ()))
        yield f"| {row} | {words} | {status} | {said} |"


def _is_pytestmark(node: ast.Assign) -> bool:
    return [ast.unparse(target) for target in node.targets] == ["pytestmark"]


def _functions(body: list[ast.stmt], above: list[ast.expr]) -> Iterator[tuple[str, list[ast.expr]]]:
    """Each test with its own marks and those of the module and class around it."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _functions(node.body, [*above, *node.decorator_list])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, [*above, *node.decorator_list]


def _rows(marks: list[ast.expr], place: str) -> Iterator[str]:
    """The rows that marks name, those inside of a `parametrize` too."""
    for node in (node for mark in marks for node in ast.walk(mark)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == _MARK:
            for argument in node.args:
                yield _known(str(argument.value) if isinstance(argument, ast.Constant) else "", place)


def _known(row: str, place: str) -> str:
    if row not in ROWS:
        raise UnknownRow(f"{place} names the row {row!r}, which the runbook does not have; see bot/core/rows.py.")
    return row
