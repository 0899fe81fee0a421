"""A whole incident of an invented ferry line, and the report that a person read and found right."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bot.__main__ import main

EXAMPLE = Path(__file__).parent / "cases" / "ferry"


def test_the_example_is_drafted_as_it_was_reviewed() -> None:
    done = CliRunner().invoke(main, ["incident", "draft", str(EXAMPLE)])

    assert done.stdout == (EXAMPLE / "report.md").read_text()
    assert "Tr0ub4dor" not in (EXAMPLE / "report.md").read_text()
