"""What people read of the provider."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.core.parts import State
from bot.core.provider import Part, Probed, Provider, Said
from tests.commands.bench import Bench


@dataclass
class FakeProvider:
    """A provider that is as it is said to be."""

    said: Said
    probed_as: Probed | None = None
    name: str = "Crossmint"
    page: str = "https://status.example.com"
    keys: tuple[str, ...] = ("CROSSMINT_API_KEY",)
    probed: str = "https://api.example.com/sessions"

    async def status(self) -> Said:
        return self.said

    async def probe(self) -> Probed | None:
        return self.probed_as


WELL = Said(State.OK, "All Systems Operational")


@pytest.mark.row("F1")
async def test_a_page_that_says_nothing_is_unknown_with_its_address(bench: Bench) -> None:
    found = FakeProvider(Said(State.UNKNOWN, "answered 200 and no status in JSON"))
    bench.ports = {Provider: found}

    text = await bench.says("provider")

    assert text.startswith("Crossmint, the provider: ? unknown")
    assert "https://status.example.com" in text


@pytest.mark.row("F1")
async def test_an_open_incident_leads(bench: Bench) -> None:
    incident = Part("Delayed webhooks", State.FAIL, "identified")
    bench.ports = {Provider: FakeProvider(Said(State.WARN, "Degraded", incidents=(incident,)), Probed(State.OK, "up"))}

    assert "✗ fail · Incident Delayed webhooks: identified" in (await bench.says("provider")).splitlines()[1]


@pytest.mark.row("F4")
@pytest.mark.parametrize(
    ("accepts", "words"),
    [
        (True, "takes our CROSSMINT_API_KEY and refuses an invented one"),
        (False, "check CROSSMINT_API_KEY with creds check"),
        (None, "whether CROSSMINT_API_KEY is good it does not let on"),
    ],
)
async def test_what_is_known_of_the_credentials_is_said(bench: Bench, words: str, *, accepts: bool | None) -> None:
    bench.ports = {Provider: FakeProvider(WELL, Probed(State.OK, "reachable", 404, 0.1, accepts))}

    assert words in await bench.says("provider")
