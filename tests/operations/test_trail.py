"""Nothing secret gets into the audit chain, however deep it lies."""

from __future__ import annotations

from pydantic import JsonValue

from bot.core.records import Store
from bot.operations.trail import Trail
from tests.conftest import SetClock


async def test_texts_are_redacted_at_any_depth(store: Store, clock: SetClock) -> None:
    trail = Trail(clock=clock, redact=lambda text: text.replace("hunter22", "*"))

    async with store.transaction() as tx:
        data: dict[str, JsonValue] = {"args": {"words": ["hunter22", 22, None], "reason": "because hunter22"}}
        await trail.add(tx, "plan", actor="U0ANA", data=data)

    async with store.transaction() as tx:
        row = await tx.audit.head()
    assert row
    assert row.data == {"args": {"words": ["*", 22, None], "reason": "because *"}}
