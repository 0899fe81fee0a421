"""Names of the engine's jobs, and what puts them on the queue."""

from __future__ import annotations

from bot.core.records import Operation, Unit

RUN = "operation"
SHOW = "operation_card"
END_LEASE = "lease_end"
REMIND = "lease_reminder"
EXPIRE = "approval_expiry"
TELL = "break_glass"
WINDOW = "window"


async def queue_told(tx: Unit, operation_id: str) -> None:
    """Have the channel and the commanders told that nobody approved it."""
    await tx.jobs.defer(TELL, lock=f"{TELL}:{operation_id}", args={"operation_id": operation_id})


async def queue_run(tx: Unit, operation: Operation) -> None:
    """Have an accepted operation run once no other one touches the same area of its host, and have its card shown."""
    lock = f"{operation.host}:{operation.plan.area}"
    await tx.jobs.defer(RUN, lock=lock, args={"operation_id": operation.id})
    await queue_card(tx, operation.id)


async def queue_card(tx: Unit, operation_id: str) -> None:
    """Have Slack show what the rows say; the lock keeps two from posting the same card."""
    await tx.jobs.defer(SHOW, lock=f"card:{operation_id}", args={"operation_id": operation_id})
