"""What has to be read from Slack's history, because nobody was there to hear it, and until when somebody was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class BackfillState(StrEnum):
    """How far a backfill is."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backfill:
    """One pass over a channel's history, because something may be missing between `since` and `until`.

    All from `floor` on is looked at: an older message may have been edited meanwhile. Where it stands is in
    `below` (messages of the channel with a smaller ts are still to be read; empty before the start, `0` when there are
    none), `threads` (still to be read, by the ts of their first message) and `after` (the last reply that was read of
    the first of these). `seen` counts messages, `failures` the attempts since something was read.
    """

    id: str
    channel: str
    since: datetime
    until: datetime
    floor: datetime
    state: BackfillState = BackfillState.WAITING
    below: str = ""
    threads: tuple[str, ...] = ()
    after: str = ""
    seen: int = 0
    failures: int = 0
    why: str = ""


class Backfills(Protocol):
    """Backfills by channel, from when on channels are recorded, and until when replicas received events."""

    async def record_from(self, channel: str, since: datetime) -> None:
        """What was said in a channel since a moment belongs to the record; an earlier moment stands."""
        ...

    async def recorded_from(self, channel: str) -> datetime | None:
        """Since when a channel is recorded; None when it is no incident's."""
        ...

    async def recorded_channels(self, *, over_since: datetime) -> tuple[str, ...]:
        """Channels of incidents that are open, or over since that moment or later; direct messages are none."""
        ...

    async def plan(self, backfill: Backfill) -> bool:
        """Store it; False when it went into one of the channel that waits, which is done for both then."""
        ...

    async def get(self, backfill_id: str) -> Backfill: ...

    async def save(self, backfill: Backfill) -> None:
        """Keep where it stands, unless it is over."""
        ...

    async def make_good(self, backfill: Backfill) -> Sequence[str]:
        """Forget failed backfills whose span a later one covers, which is done; the ids of those that it forgot."""
        ...

    async def beat(self, replica: str, *, at: datetime, after: datetime) -> bool:
        """Replica received everything until `at`; False when it had not said so since `after`, and may have slept."""
        ...

    async def received_until(self) -> datetime | None:
        """Until when some replica received everything, as far as that is known; None before the first one did."""
        ...

    async def begin(self, replica: str, *, at: datetime) -> None:
        """From `at` on the replica receives everything."""
        ...
