"""The coverage of the runbook's rows is read from the tests as they are, and told as this machine has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.app import registry_of
from bot.core.registry import Registry
from bot.core.rows import ROWS
from bot.covered import Shown, UnknownRow, document, shown_by_tests
from bot.settings import Settings
from tests.rows import ROOT

CONFTEST = """
import pathlib
from tests.rows import RowRule, refuse_unknown

def pytest_configure(config):
    config.addinivalue_line("markers", "row(name)")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(RowRule(pathlib.Path(__file__).parents[1]))

def pytest_collection_modifyitems(items):
    refuse_unknown(items)
"""
MODULE = """
import pytest

pytestmark = [pytest.mark.row("G1")]

def test_plain(): ...

@pytest.mark.row("G2", "G3")
async def test_marked(): ...

@pytest.mark.skip
@pytest.mark.row("G4")
def test_never(): ...

@pytest.mark.parametrize("way", [pytest.param(1, marks=pytest.mark.row("G5")), 2])
def test_of_parameters(way): ...

@pytest.mark.row("G6")
class TestClass:
    def test_inside(self): ...
"""


def write(folder: Path, text: str, *, name: str = "test_a.py") -> Path:
    file = folder / "tests" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def run(folder: Path, *arguments: str) -> str:
    """What a run of the tests in `folder` says."""
    write(folder, CONFTEST, name="conftest.py")
    (folder / "pytest.ini").write_text("")
    argv = (sys.executable, "-m", "pytest", "--rootdir", str(folder), *arguments, str(folder / "tests"))
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60).stdout


def test_marks_of_modules_classes_functions_and_parameters_count_and_what_is_always_skipped_does_not(
    tmp_path: Path,
) -> None:
    write(tmp_path, MODULE)

    found = {row: [shown.name for shown in each] for row, each in shown_by_tests(tmp_path).items()}

    assert found == {
        "G1": ["test_plain", "test_marked", "test_of_parameters", "test_inside"],
        "G2": ["test_marked"],
        "G3": ["test_marked"],
        "G5": ["test_of_parameters"],
        "G6": ["test_inside"],
    }


def test_the_marks_that_were_read_are_those_that_pytest_has(request: pytest.FixtureRequest) -> None:
    read = shown_by_tests(ROOT)

    for item in request.session.items:
        name = getattr(item, "originalname", item.name)
        file = item.path.relative_to(ROOT).as_posix()
        rows = {row for mark in item.iter_markers("row") for row in mark.args}
        skipped = item.get_closest_marker("skip") is not None
        assert all((Shown(file, name) in read.get(row, ())) is not skipped for row in rows), item.nodeid


def test_every_row_is_listed_in_order_and_one_without_a_test_is_open(tmp_path: Path) -> None:
    write(tmp_path, MODULE)

    lines = [line for line in document(registry_of(Settings.model_construct()), tmp_path) if line.startswith("| ")]

    listed = dict(zip(ROWS, lines[1:], strict=True))
    assert all(line.startswith(f"| {row} |") for row, line in listed.items())
    assert "[marked](../tests/test_a.py)" in listed["G2"]
    assert "open: no test shows `/ops maintenance on`" in listed["G4"]


def test_a_row_that_no_command_does_is_open(tmp_path: Path) -> None:
    lines = [*document(Registry(), tmp_path)]

    assert any(line.startswith("| P5 |") and "| open |" in line for line in lines)


@pytest.mark.parametrize("mark", ['pytest.mark.row("G9")', "pytest.mark.row(ROW)"])
def test_a_row_that_the_runbook_does_not_have_is_an_error(tmp_path: Path, mark: str) -> None:
    write(tmp_path, f"import pytest\n\n@{mark}\ndef test_it(): ...\n")

    with pytest.raises(UnknownRow, match=r"tests/test_a\.py::test_it"):
        shown_by_tests(tmp_path)


def test_a_run_with_an_unknown_row_does_not_begin(tmp_path: Path) -> None:
    write(tmp_path, 'import pytest\n\n@pytest.mark.row("G9")\ndef test_it(): ...\n')

    argv = (sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), str(tmp_path / "tests"))
    assert "passed" not in run(tmp_path)
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert "names the row G9" in ended.stderr


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "in parallel"])
def test_a_row_whose_tests_were_all_skipped_is_told_as_open_on_this_machine(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    here = "import pytest\n\n@pytest.mark.row({!r})\n@pytest.mark.parametrize('n', [1, 2])\ndef test_it(n):\n"
    write(tmp_path, here.format("G1") + "    pytest.skip('no nft')")
    write(tmp_path, here.format("G2") + "    if n == 1:\n        pytest.skip('no nft')", name="test_b.py")
    write(tmp_path, "import pytest\n\npytest.skip('none', allow_module_level=True)\n\n"
        "@pytest.mark.row('G3')\ndef test_it(): ...\n", name="test_c.py")  # fmt: skip

    said = run(tmp_path, *workers)

    told = [line.split()[1] for line in said.splitlines() if "is open on this machine" in line]
    assert told == ["G1", "G3"], said
