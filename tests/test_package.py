"""The wheel is the product: it is built, installed, and run from a folder that tries to mislead it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RENDERED = """
import bot, commands, integrations
from bot.core.incident_results import IncidentReport, Section, SectionText
from bot.views import Templates
report = IncidentReport(1, "Payments fail", tuple(SectionText(section, "TODO: find out") for section in Section))
print(Templates().render("incident_report.md.j2", report=report.document))
print(bot.__file__, commands.__file__, integrations.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel alone; the dependencies are those of the tests, the checkout is not."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(environment, with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", str(environment), "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run((*pip, str(wheel)), check=True, capture_output=True, timeout=60)
    site = next(environment.glob("lib/python3*/site-packages"))
    (site / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return environment / "bin"


@pytest.fixture
def misleading(tmp_path: Path) -> Path:
    for name in ("bot", "commands", "integrations", "templates"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the working folder was imported')\n")
    (tmp_path / "templates" / "incident_report.md.j2").write_text("a template of the working folder")
    return tmp_path


def run(argv: Sequence[str | Path], *, folder: Path) -> str:
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(argv, cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_three_packages_and_the_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "bot",
        "commands",
        "integrations",
        "templates",
    }
    assert "templates/incident_report.md.j2" in names
    assert any(name.startswith("bot/demo/gateway/") and name.endswith("server.js") for name in names)
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name]


def test_the_installed_command_does_not_look_into_the_working_folder(installed: Path, misleading: Path) -> None:
    assert "demo" in run((installed / "opsbot", "--help"), folder=misleading)
    assert "slash_commands" in run((installed / "opsbot", "manifest"), folder=misleading)


def test_the_installed_templates_are_the_ones_that_are_rendered(installed: Path, misleading: Path) -> None:
    script = misleading / "elsewhere.py"
    script.write_text(RENDERED)

    said = run((installed / "python", "-P", script), folder=misleading)

    assert "Incident Report" in said
    assert str(ROOT) not in said
    assert said.count("site-packages") == 3
