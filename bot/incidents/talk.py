"""What was said in a channel, kept small: an incident may have a hundred thousand messages, and few are told."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import overload

from bot.incidents.conversation import Said

_PAGE = 128
"""Texts that are packed together."""

_OPEN = 8
"""Pages that are kept unpacked: whoever reads a talk looks a little back and ahead."""

_SECOND = 1_000_000
_LONGEST = 18
"""Characters of a ts that fits into eight bytes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BOT, _BROADCAST, _DELETED = 1, 2, 4


class Talk(Sequence[Said]):
    """Messages in columns, their texts packed; each is made anew when it is looked at.

    Each knows its place by `Said.number`. `marked` and `reactions` are by ts.
    """

    def __init__(self, said: Iterable[Said] = ()) -> None:
        self.marked: dict[str, tuple[str, ...]] = {}
        self.reactions: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._texts = _Texts()
        self._keys, self._threads = _Keys(), _Keys()
        self._at = array("q")
        self._authors = array("I")
        self._flags = bytearray()
        self._known: dict[tuple[str, str], int] = {}
        self._who: list[tuple[str, str]] = []
        self._files: dict[int, tuple[str, ...]] = {}
        self._edited: dict[int, tuple[str, ...]] = {}
        self._read: Callable[[str], str] = str
        for each in said:
            self.append(each)

    def append(self, said: Said) -> None:
        """Keep one more."""
        number, author = len(self), (said.user, said.name)
        self._keys.append(said.ts)
        self._threads.append(said.thread_ts)
        self._at.append((said.at - _EPOCH) // _MICROSECOND)
        which = self._known.setdefault(author, len(self._who))
        if which == len(self._who):
            self._who.append(author)
        self._authors.append(which)
        self._texts.append(said.text)
        self._flags.append(_BOT * said.bot | _BROADCAST * said.broadcast | _DELETED * said.deleted)
        for kept, value in ((self._files, said.files), (self._edited, said.edited)):
            if value:
                kept[number] = value
        if said.marked:
            self.marked[said.ts] = said.marked
        if said.reactions:
            self.reactions[said.ts] = said.reactions

    def read_with(self, names: Mapping[str, str], read: Callable[[str], str]) -> None:
        """Have authors go by `names` (by their Slack ids), and texts as `read` makes them of what was kept."""
        self._who = [(user, names.get(user) or name or user) for user, name in self._who]
        self._read = read

    @property
    def authors(self) -> frozenset[str]:
        """Slack ids of all who said something, webhooks left out."""
        return frozenset(user for user, _ in self._who if user)

    def first_words(self) -> Iterator[tuple[datetime, str]]:
        """When each of the people first said something."""
        known: set[int] = set()
        for number, (author, flags) in enumerate(zip(self._authors, self._flags, strict=True)):
            if author not in known and not flags & _BOT:
                known.add(author)
                yield self.at(number), self._who[author][0]

    def threads(self, keys: Iterable[str]) -> dict[str, str]:
        """The thread of each message whose ts is among `keys`, empty at top level."""
        return {key: self._threads[number] for number, key in self._keys.find(keys).items()}

    @property
    def deleted(self) -> tuple[str, ...]:
        """The ts of messages that are gone."""
        return tuple(self._keys[number] for number, flags in enumerate(self._flags) if flags & _DELETED)

    def in_order(self, *, without: Collection[str]) -> array[int]:
        """The places of those that stand, in order of time, but `without` those of these ts."""
        out = self._keys.find(without)
        standing = (number for number, flags in enumerate(self._flags) if not flags & _DELETED)
        order = array("I", (number for number in standing if number not in out))
        if any(self._place(after) < self._place(before) for before, after in pairwise(order)):
            order = array("I", sorted(order, key=self._place))
        return order

    def _place(self, number: int) -> tuple[int, str]:
        return self._at[number], self._keys[number]

    def at(self, number: int) -> datetime:
        """When a message came."""
        return _EPOCH + self._at[number] * _MICROSECOND

    def author(self, number: int) -> str:
        """What tells its author from others."""
        user, name = self._who[self._authors[number]]
        return user or name

    def thread(self, number: int) -> str:
        """The thread that it is in, empty at top level."""
        return self._threads[number]

    def is_marked(self, number: int) -> bool:
        """Whether people want it in the timeline."""
        return bool(self.marked and self.marked.get(self._keys[number]))

    def text(self, number: int) -> str:
        """Its text."""
        return self._read(self._texts[number])

    def __len__(self) -> int:
        return len(self._flags)

    def __iter__(self) -> Iterator[Said]:
        return (self._make(number) for number in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> Said: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Said, ...]: ...
    def __getitem__(self, place: int | slice) -> Said | tuple[Said, ...]:
        if isinstance(place, slice):
            return tuple(self._make(number) for number in range(len(self))[place])
        return self._make(range(len(self))[place])

    def _make(self, number: int) -> Said:
        ts, flags = self._keys[number], self._flags[number]
        user, name = self._who[self._authors[number]]
        return Said(
            ts=ts,
            at=self.at(number),
            user=user,
            name=name,
            text=self.text(number),
            bot=bool(flags & _BOT),
            thread_ts=self._threads[number],
            broadcast=bool(flags & _BROADCAST),
            files=self._files.get(number, ()),
            reactions=self.reactions.get(ts, _NONE),
            marked=self.marked.get(ts, ()),
            edited=self._edited.get(number, ()),
            deleted=bool(flags & _DELETED),
            number=number,
        )


_NONE: Mapping[str, tuple[str, ...]] = {}


class _Keys:
    """Slack's ts as numbers; what is none, which only files have, is kept as it is."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._others: dict[int, str] = {}

    def find(self, wanted: Iterable[str]) -> dict[int, str]:
        """Each of `wanted` that is here, by its place."""
        known = frozenset(wanted)
        numbers = {number: ts for ts in known if ts == _shown(number := _number(ts))}
        found = {place: numbers[number] for place, number in enumerate(self._numbers) if number in numbers}
        others = {place: ts for place, ts in self._others.items() if ts in known}
        return {place: ts for place, ts in found.items() if place not in self._others} | others

    def append(self, ts: str) -> None:
        number = _number(ts)
        if ts != _shown(number):
            self._others[len(self._numbers)] = ts
        self._numbers.append(number)

    def __getitem__(self, place: int) -> str:
        return self._others.get(place) or _shown(self._numbers[place])


def _number(ts: str) -> int:
    seconds, _, rest = ts.partition(".")
    if len(ts) > _LONGEST or not seconds.isdecimal() or not rest.isdecimal():
        return 0
    return int(seconds) * _SECOND + int(rest)


def _shown(number: int) -> str:
    return f"{number // _SECOND}.{number % _SECOND:06d}" if number else ""


class _Texts:
    """Texts, a page of them packed together."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._last: list[str] = []
        self._open: dict[int, list[str]] = {}

    def append(self, text: str) -> None:
        self._last.append(text)
        if len(self._last) == _PAGE:
            whole = "".join((*self._last, *(f"\0{len(each)}" for each in self._last)))
            self._packed.append(zlib.compress(whole.encode("utf-8", "surrogatepass"), 1))
            self._last = []

    def __getitem__(self, place: int) -> str:
        page, line = divmod(place, _PAGE)
        if page == len(self._packed):
            return self._last[line]
        if page not in self._open:
            if len(self._open) == _OPEN:
                del self._open[next(iter(self._open))]
            self._open[page] = self._unpack(page)
        return self._open[page][line]

    def _unpack(self, page: int) -> list[str]:
        whole = zlib.decompress(self._packed[page]).decode("utf-8", "surrogatepass")
        texts: list[str] = []
        begin = 0
        for length in map(int, whole.rsplit("\0", _PAGE)[1:]):
            texts.append(whole[begin : begin + length])
            begin += length
        return texts
