"""Waiting for something to happen in the workspace, without polling."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Signal:
    """Each change is shown to whoever waits; the first match ends the wait."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[object], Callable[[object], object | None]] = {}
        self._followers: list[asyncio.Queue[object]] = []

    def follow(self) -> "asyncio.Queue[object]":
        """All changes from now on; `unfollow` ends it."""
        queue: asyncio.Queue[object] = asyncio.Queue()
        self._followers.append(queue)
        return queue

    def unfollow(self, queue: "asyncio.Queue[object]") -> None:
        """Ends what `follow` began."""
        self._followers.remove(queue)

    def notify(self, item: object) -> None:
        """Shows a change (a message, a view, a call, a payload) to those who wait."""
        for queue in self._followers:
            queue.put_nowait(item)
        for future, match in list(self._waiters.items()):
            if not future.done() and (found := match(item)) is not None:
                future.set_result(found)

    async def wait(self, match: Callable[[object], T | None], *, seconds: float, what: str) -> T:
        """The first thing that `match` makes of a change from now on; TimeoutError names `what` was missed."""
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiters[future] = match
        try:
            async with asyncio.timeout(seconds):
                return await future  # type: ignore[return-value]  # the future holds what `match` gave
        except TimeoutError:
            raise TimeoutError(f"no {what} within {seconds:g} s") from None
        finally:
            del self._waiters[future]
