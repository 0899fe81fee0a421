"""What the bot remembers of credentials: fingerprints as they were, and which ones were seen in Slack."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel

from bot.core.credentials import Credential
from bot.core.records import Unit

_ALWAYS = timedelta(days=36500)

M = TypeVar("M", bound=BaseModel)


class Seen(BaseModel):
    """A key's fingerprint: first seen at `since`, last at `until`; `former` is the one before."""

    fingerprint: str
    since: datetime
    until: datetime
    former: str = ""


class Burnt(BaseModel):
    """A value that stood in Slack, by its fingerprint: whoever read it then has it."""

    fingerprint: str
    at: datetime
    channel: str
    user: str


async def recall(tx: Unit, service: str, key: str, *, now: datetime) -> Seen | None:
    """What was seen of the key before."""
    return await _get(tx, Seen, f"credential:{service}:{key}", now=now)


async def remember(tx: Unit, service: str, credential: Credential, *, now: datetime) -> Seen | None:
    """Remember how the key is now, and return how it was before."""
    before = await recall(tx, service, credential.key, now=now)
    if before and before.fingerprint == credential.fingerprint:
        seen = before.model_copy(update={"until": now})
    else:
        former = before.fingerprint if before else ""
        seen = Seen(fingerprint=credential.fingerprint, since=now, until=now, former=former)
    await tx.remembered.put(f"credential:{service}:{credential.key}", seen.model_dump(mode="json"), at=now)
    return before


async def burn(tx: Unit, service: str, credential: Credential, *, now: datetime, channel: str, user: str) -> None:
    """Mark the key's present value as seen by others."""
    burnt = Burnt(fingerprint=credential.fingerprint, at=now, channel=channel, user=user)
    await tx.remembered.put(f"burnt:{service}:{credential.key}", burnt.model_dump(mode="json"), at=now)


async def burnt(tx: Unit, service: str, credential: Credential, *, now: datetime) -> Burnt | None:
    """How the key's present value got out; None when it did not, or another value is there by now."""
    found = await _get(tx, Burnt, f"burnt:{service}:{credential.key}", now=now)
    return found if found and found.fingerprint == credential.fingerprint else None


async def _get(tx: Unit, kind: type[M], key: str, *, now: datetime) -> M | None:
    found = await tx.remembered.get(key, within=_ALWAYS, now=now)
    return kind.model_validate(found) if found is not None else None
