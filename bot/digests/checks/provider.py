"""The checks of the payment provider: what it says of itself, and how it answers us."""

from __future__ import annotations

from datetime import timedelta

from bot.core.errors import NotConfigured
from bot.core.provider import Provider
from bot.digests.declaration import Declaration, Family, Finding, Terms

_THEN = ("maintenance on 30m provider down", "provider", "contacts crossmint")


async def find_status(_terms: Terms, *, provider: Provider) -> Finding:
    """What the provider says of itself."""
    said = await provider.status()
    ill = [f"{part.name}: {part.said}" for part in (*said.incidents, *said.parts)]
    return Finding(said.state, said.words, evidence="; ".join(ill) or f"Look at {provider.page} yourself.")


async def find_api(_terms: Terms, *, provider: Provider) -> Finding:
    """How the provider answers us."""
    probed = await provider.probe()
    if probed is None:
        raise NotConfigured("No probe is configured: provider.probe_url.")
    return Finding(probed.state, probed.words, evidence=provider.probed, measure=probed.latency)


PROVIDER = (
    Declaration(
        "Provider status",
        find_status,
        rows=("F1",),
        family=Family.OUTSIDE,
        owner="Crossmint Support",
        then=_THEN,
    ),
    Declaration(
        "Provider API",
        find_api,
        rows=("F4",),
        within=timedelta(seconds=25),
        unit="s",
        family=Family.OUTSIDE,
        owner="Crossmint Support",
        follows=("Provider status",),
        then=_THEN,
    ),
)
