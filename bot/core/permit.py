"""Whether a change may still begin: asked where it begins, under the lock of what it touches, if that has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Permit = Callable[[], Awaitable[None]]
"""Returns when the change may begin, and raises `Fenced` when another replica has taken the work over."""

_PERMIT: ContextVar[Permit | None] = ContextVar("permit", default=None)


@contextmanager
def permitted_by(permit: Permit) -> Iterator[None]:
    """What is begun inside of this has to ask `permit` first."""
    before = _PERMIT.set(permit)
    try:
        yield
    finally:
        _PERMIT.reset(before)


async def ask_permit() -> None:
    """To be called by a host that holds the lock, as the last thing before it starts a changing command.

    What has no such lock is asked for before it begins: the engine does it for each step, and who posts to Slack looks
    again afterwards.

    A replica may be paused at any moment before that, and wake when its successor has done the work and let go of the
    lock. Who holds the lock and is permitted then may go on: a successor has to wait for the lock first.
    """
    if permit := _PERMIT.get():
        await permit()
