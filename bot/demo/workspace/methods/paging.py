"""Cursor paging: opaque cursors that stay right when new items come."""

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from bot.demo.workspace.args import Args
from bot.demo.workspace.values import Json, SlackError

T = TypeVar("T")
_FOREVER = "9999999999.999999"


def cursor_of(value: str) -> str:
    """A cursor that holds where the next page starts."""
    return base64.urlsafe_b64encode(f"next:{value}".encode()).decode()


def read_cursor(cursor: str) -> str:
    """What a cursor holds, or `invalid_cursor`."""
    try:
        word, _, value = base64.urlsafe_b64decode(cursor).decode().partition(":")
    except ValueError:
        word, value = "", ""
    if word != "next" or not value:
        raise SlackError("invalid_cursor")
    return value


def page(items: Sequence[T], args: Args, *, key: Callable[[T], str], default: int = 100) -> tuple[list[T], Json]:
    """One page of items that are kept in their order of making, and its `response_metadata`."""
    start = 0
    if (cursor := args.maybe("cursor")) is not None:
        first = read_cursor(cursor)
        start = next((index for index, item in enumerate(items) if key(item) == first), len(items))
    end = start + args.limit(default, 1000)
    following = cursor_of(key(items[end])) if end < len(items) else ""
    return list(items[start:end]), {"next_cursor": following}


def between(stamps: Sequence[str], args: Args) -> Sequence[str]:
    """Those of the sorted timestamps that lie within `oldest` and `latest`; the ends count if `inclusive`."""
    oldest, latest = args.ts("oldest", "0"), args.ts("latest", _FOREVER)
    if args.flag("inclusive"):
        return stamps[bisect_left(stamps, oldest) : bisect_right(stamps, latest)]
    return stamps[bisect_right(stamps, oldest) : bisect_left(stamps, latest)]


def newest_first(stamps: Sequence[str], args: Args) -> tuple[list[str], str]:
    """A page of timestamps from the newest on, and the next cursor."""
    if (cursor := args.maybe("cursor")) is not None:
        stamps = stamps[: bisect_right(stamps, read_cursor(cursor))]
    limit = args.limit(100, 999)
    rest = len(stamps) - limit
    return list(reversed(stamps[max(rest, 0) :])), cursor_of(stamps[rest - 1]) if rest > 0 else ""


def oldest_first(stamps: Sequence[str], args: Args) -> tuple[list[str], str]:
    """A page of timestamps from the oldest on, and the next cursor."""
    if (cursor := args.maybe("cursor")) is not None:
        stamps = stamps[bisect_left(stamps, read_cursor(cursor)) :]
    limit = args.limit(1000, 1000)
    return list(stamps[:limit]), cursor_of(stamps[limit]) if len(stamps) > limit else ""
