"""What is generated from the code is equal to it, and what stands in the documents is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot import reference
from bot.app import registry_of
from bot.core.people import Role
from bot.core.registry import HelpAsked
from bot.settings import Settings, integrations, load, model
from bot.views import render

ROOT = Path(__file__).resolve().parents[1]
SLACK = ROOT.parent / "shared" / "slack"


@pytest.mark.parametrize("name", sorted(reference.files()))
def test_a_generated_file_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == reference.files()[name](), "run `make docs`"


def test_the_example_configuration_has_no_fault() -> None:
    settings = load(ROOT / "opsbot.example.yaml", known=integrations())

    assert list(settings.services) == ["crypto-payment-gateway"]


def test_the_schema_takes_the_example_and_refuses_an_unknown_key() -> None:
    schema = model(integrations()).model_json_schema()
    example = yaml.safe_load((ROOT / "opsbot.example.yaml").read_text(encoding="utf-8"))

    jsonschema.validate(example, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example | {"slak": {}}, schema)


def test_every_change_has_its_page_and_every_page_is_in_the_index() -> None:
    pages = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "actions").glob("*.md")}
    index = pages.pop("README.md")
    commands = registry_of(Settings.model_construct()).commands.items()

    told = "\n".join(pages.values())
    changes = [" ".join(path) for path, command in commands if command.plan]
    assert [change for change in changes if not re.search(rf"\b{change}\b", told)] == []
    assert [name for name in pages if f"({name})" not in index] == []


@pytest.mark.skipif(not SLACK.exists(), reason="Slack's manifest schema is not here")
def test_slack_takes_the_manifest() -> None:
    schema = json.loads((SLACK / "manifest.schema.2.0.0.json").read_text(encoding="utf-8"))

    jsonschema.validate(yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("role", Role)
def test_one_message_holds_the_index_of_help_whatever_the_role(role: Role) -> None:
    shown = render(registry_of(Settings.model_construct()).help(HelpAsked(()), role))

    assert "left out: the message" not in str(shown.blocks)
