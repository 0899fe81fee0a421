import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import pathlib
from tests.skips import SkipRule

def pytest_configure(config):
    config.pluginmanager.register(SkipRule(pathlib.Path(__file__).with_name("skips.txt")))
"""
SKIPPED = """
import pytest

@pytest.mark.skip(reason="needs nftables")
def test_block(): ...
"""


@pytest.mark.parametrize(
    ("reviewed", "code"),
    [
        pytest.param("# none\n\ntest_a.py | needs a cat\ntest_b.py | needs nftables", 1, id="unknown"),
        pytest.param("test_a.py::test_block | nftables", 0, id="reviewed"),
    ],
)
def test_a_skip_fails_the_run_unless_it_was_reviewed(tmp_path: Path, reviewed: str, code: int) -> None:
    for name, text in {"conftest.py": CONFTEST, "test_a.py": SKIPPED, "skips.txt": reviewed, "pytest.ini": ""}.items():
        (tmp_path / name).write_text(text)
    argv = [sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), "-p", "no:randomly", str(tmp_path)]
    project = str(Path(__file__).parents[1])

    run = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False, timeout=60)

    assert run.returncode == code
    assert ("A skip that is not in tests/skips.txt: test_a.py::test_block" in run.stdout) == bool(code)
