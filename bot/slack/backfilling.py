"""Slack's history read into the record, page by page: what was missed, edited or deleted while nobody listened.

One pass looks at everything since the record of the channel begins, threads too, because an old message may have been
edited, deleted or replied to within the span that is missing. What it finds is stored like what events tell, under the
same keys, so that both may come in any order and any number of times. It knows less than events do: not when something
was deleted or a reaction put there, no text between two edits, and nothing of what was posted and deleted meanwhile.

A page and the position after it are stored in one transaction, so a pass goes on where it stopped, on any replica. That
a message was deleted is concluded only for one that was in the record before Slack was asked for the page in which it
should be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiolimiter import AsyncLimiter
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.backfills import Backfill, BackfillState
from bot.core.clock import Clock
from bot.core.errors import IntegrationError, OpsbotError, OutcomeUnknown
from bot.core.incidents import Change, Message
from bot.core.marks import Mark, MarkKind
from bot.core.ports import Chat
from bot.core.prose import When
from bot.core.records import Due, Store, Unit
from bot.core.results import Text
from bot.incidents.backfills import CLOCKS_APART, READ, make_good, tell_gap
from bot.operations.showing import Showing
from bot.slack.captured import DELETION, TOMBSTONE, message_of
from bot.slack.client import translated
from bot.slack.inbound import Pinned, Posted
from bot.slack.recorder import Recorder

PAGE = 500
CALLS_A_MINUTE = 45
"""Of each method. Slack allows fifty (tier 3) or more; where it says otherwise the client waits as long as it says."""

WAITS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 180, 600, 1800))
"""How long to wait after Slack gave no answer, each time, before the span counts as unreadable."""

TOLD_FROM = 2 * PAGE
"""Messages after which the channel is told how far the pass is: the first one, and later ones that take long."""

TOLD_AFTER = timedelta(seconds=30)
"""How long a later pass takes before the channel is told; a restart is not worth a message."""

_NO_MORE = "0"
_LAST = "~"
_UNREADABLE_THREADS = frozenset({"thread_not_found", "message_not_found"})

log = structlog.get_logger(__name__)


class _Unanswered(OpsbotError):
    """Slack gave no answer; another attempt may fare better."""


class _Refused(OpsbotError):
    """Slack does not let the bot read this; its `hint` has Slack's code."""


@dataclass(slots=True)
class _Found:
    """What one page tells, and that it was asked for at `at`."""

    at: datetime
    messages: list[Message]
    changes: list[Change]
    reactions: Mapping[str, Posted]
    seen: int


class Reader:
    """Does backfills; `recorder` takes live secrets out of what it finds."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        store: Store,
        chat: Chat,
        recorder: Recorder,
        clock: Clock,
        calls_a_minute: float = CALLS_A_MINUTE,
    ) -> None:
        self._client = client
        self._store = store
        self._chat = chat
        self._recorder = recorder
        self._clock = clock
        self._showing = Showing(store=store, chat=chat)
        methods = ("conversations.history", "conversations.replies", "pins.list")
        self._paces = {method: AsyncLimiter(calls_a_minute, 60) for method in methods}

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {READ: self.read}

    async def read(self, *, backfill_id: str) -> None:
        """Do a backfill, or go on with it. What Slack does not answer is tried again later; a refusal is told."""
        backfill = await self._begin(backfill_id)
        if backfill.state is not BackfillState.UNDER_WAY:
            return
        try:
            while backfill.below != _NO_MORE:
                backfill = await self._read_channel(backfill)
                await self._tell_progress(backfill)
            while backfill.threads:
                backfill = await self._read_thread(backfill)
                await self._tell_progress(backfill)
            await self._read_pins(backfill)
        except _Unanswered as error:
            await self._try_later(backfill, error)
        except _Refused as error:
            await self._give_up(backfill, str(error))
        else:
            await self._end(backfill)

    async def _begin(self, backfill_id: str) -> Backfill:
        async with self._store.transaction() as tx:
            backfill = await tx.backfills.get(backfill_id)
            if backfill.state is not BackfillState.WAITING:
                return backfill
            now = self._clock()
            below = _ts(now + CLOCKS_APART)
            until = max(backfill.until, now)
            backfill = replace(backfill, state=BackfillState.UNDER_WAY, until=until, below=below)
            await tx.backfills.save(backfill)
            return backfill

    async def _read_channel(self, backfill: Backfill) -> Backfill:
        """One page of the channel, from the newest that was not read yet."""
        floor, below = _ts(backfill.floor), backfill.below
        async with self._store.transaction() as tx:
            held = await tx.messages.newest(backfill.channel, below=below, limit=2 * PAGE)
        at = self._clock()
        page = await self._ask(
            "conversations.history", {"channel": backfill.channel, "latest": below, "oldest": floor, "limit": PAGE}
        )
        posted = [Posted.model_validate(message) for message in page["messages"]]
        goes_on = bool(page.get("has_more") and posted)
        lowest = posted[-1].ts if goes_on else floor
        if len(held) == 2 * PAGE and held[-1] > lowest:  # so much was deleted that the page goes further than `held`
            goes_on, lowest = True, held[-1]
        shown = [each for each in posted if each.ts >= lowest]
        found = await self._found(backfill.channel, shown, missing={ts for ts in held if ts >= lowest}, at=at)
        async with self._store.transaction() as tx:
            await self._store_found(tx, backfill.channel, found)
            answered = [each.ts for each in shown if each.reply_count]
            known = await tx.messages.threads(backfill.channel, first=lowest if goes_on else "", below=below)
            backfill = replace(
                backfill,
                below=lowest if goes_on else _NO_MORE,
                threads=tuple(dict.fromkeys((*backfill.threads, *answered, *known))),
                seen=backfill.seen + found.seen,
                failures=0,
            )
            await tx.backfills.save(backfill)
        return backfill

    async def _read_thread(self, backfill: Backfill) -> Backfill:
        """One page of the first thread that is to be read, from the oldest reply that was not read yet."""
        thread, *others = backfill.threads
        after = max(backfill.after, thread, _ts(backfill.floor))
        async with self._store.transaction() as tx:
            held = await tx.messages.replies(backfill.channel, thread, after=after, limit=2 * PAGE)
        at = self._clock()
        page = await self._ask(
            "conversations.replies", {"channel": backfill.channel, "ts": thread, "oldest": after, "limit": PAGE}
        )
        posted = [each for each in map(Posted.model_validate, page["messages"]) if each.ts > after]
        goes_on = bool(page.get("has_more") and posted)
        highest = posted[-1].ts if goes_on else _LAST
        if len(held) == 2 * PAGE and held[-1] < highest:
            goes_on, highest = True, held[-1]
        shown = [each for each in posted if each.ts <= highest]
        found = await self._found(backfill.channel, shown, missing={ts for ts in held if ts <= highest}, at=at)
        async with self._store.transaction() as tx:
            await self._store_found(tx, backfill.channel, found)
            backfill = replace(
                backfill,
                threads=backfill.threads if goes_on else tuple(others),
                after=highest if goes_on else "",
                seen=backfill.seen + found.seen,
                failures=0,
            )
            await tx.backfills.save(backfill)
        return backfill

    async def _found(self, channel: str, shown: Sequence[Posted], *, missing: set[str], at: datetime) -> _Found:
        """What a page tells; what is left of `missing` once all that is shown is taken off was deleted."""
        messages = []
        gone = missing - {each.ts for each in shown}
        for each in shown:
            if each.subtype == TOMBSTONE:
                gone.add(each.ts)
            else:
                messages.append(await self._recorder.taken(message_of(channel, each), each))
        changes = [Change(channel, ts, DELETION, at, None, noticed=True) for ts in sorted(gone)]
        standing = {each.ts: each for each in shown if each.subtype != TOMBSTONE}
        return _Found(at, messages, changes, standing, len(shown))

    async def _store_found(self, tx: Unit, channel: str, found: _Found) -> None:
        await tx.messages.record(found.messages, found.changes)
        if found.reactions:
            known = await tx.marks.standing(channel, first=min(found.reactions), last=max(found.reactions))
            held = [mark for mark in known if mark.kind is MarkKind.REACTION and mark.ts in found.reactions]
            if differing := _differing(channel, found.reactions, held, at=found.at):
                await tx.marks.add(differing)

    async def _read_pins(self, backfill: Backfill) -> None:
        """What is pinned now; Slack says who pinned it, and when to the second."""
        at = self._clock()
        try:
            page = await self._ask("pins.list", {"channel": backfill.channel})
        except _Refused as error:
            log.info("pins not read", channel=backfill.channel, reason=str(error))
            return
        items = [item for item in map(Pinned.model_validate, page["items"]) if item.message]
        pins = {item.message.ts: item for item in items if item.message and item.message.ts > _ts(backfill.floor)}
        async with self._store.transaction() as tx:
            known = await tx.marks.standing(backfill.channel)
            held = {mark.ts for mark in known if mark.kind is MarkKind.PIN}
            put = [_pin(backfill.channel, ts, pin.created_by, f"{pin.created}.000000") for ts, pin in pins.items()]
            taken = [replace(_pin(backfill.channel, ts, "", _ts(at)), added=False) for ts in sorted(held - {*pins})]
            if differing := [mark for mark in put if mark.ts not in held] + taken:
                await tx.marks.add(differing)

    async def _ask(self, method: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._paces[method].acquire()
        try:
            with translated("read a channel"):
                answer = await self._client.api_call(method, http_verb="GET", params=dict(args))
        except OutcomeUnknown as error:
            raise _Unanswered(error.hint or str(error)) from error
        except IntegrationError as error:
            if error.hint in _UNREADABLE_THREADS:
                return {"messages": ()}
            raise _Refused(error.hint or str(error)) from error
        assert isinstance(answer.data, dict)
        return answer.data

    async def _try_later(self, backfill: Backfill, error: _Unanswered) -> None:
        if backfill.failures == len(WAITS):
            await self._give_up(backfill, str(error))
            return
        async with self._store.transaction() as tx:
            await tx.backfills.save(replace(backfill, failures=backfill.failures + 1))
            due_at = self._clock() + WAITS[backfill.failures]
            await tx.due.put(Due(READ, backfill.id, due_at, {"backfill_id": backfill.id}))
        log.info("backfill goes on later", channel=backfill.channel, reason=str(error), at=due_at.isoformat())

    async def _give_up(self, backfill: Backfill, why: str) -> None:
        failed = replace(backfill, state=BackfillState.FAILED, why=why)
        async with self._store.transaction() as tx:
            await tx.backfills.save(failed)
            said = await tell_gap(tx, failed)
        log.warning("backfill failed", channel=backfill.channel, reason=why)
        await self._say(failed, Text((said,)))

    async def _end(self, backfill: Backfill) -> None:
        done = replace(backfill, state=BackfillState.DONE)
        async with self._store.transaction() as tx:
            await make_good(tx, done)
            await tx.backfills.save(done)
        if self._is_told(backfill):
            line = ("I have read what was said here since ", When(backfill.floor, date=True))
            await self._say(done, Text(((*line, f": {backfill.seen:,} messages."),)))

    async def _tell_progress(self, backfill: Backfill) -> None:
        if self._is_told(backfill):
            line = ("I am reading what was said here since ", When(backfill.floor, date=True))
            left = f", {len(backfill.threads):,} threads to go" if backfill.below == _NO_MORE else ""
            await self._say(backfill, Text(((*line, f": {backfill.seen:,} messages so far{left}."),)))

    def _is_told(self, backfill: Backfill) -> bool:
        is_first = backfill.since <= backfill.floor
        return backfill.seen > TOLD_FROM and (is_first or self._clock() - backfill.until > TOLD_AFTER)

    async def _say(self, backfill: Backfill, said: Text) -> None:
        """One message for a backfill, which changes as it goes on; the record does not depend on it."""
        try:
            posted = await self._showing.post_once(
                backfill.channel, said, key=f"backfill:{backfill.id}", since=backfill.until
            )
            await self._chat.update(posted, said)
        except IntegrationError as error:
            log.info("backfill not told", channel=backfill.channel, reason=str(error))


def _differing(channel: str, shown: Mapping[str, Posted], held: Sequence[Mark], *, at: datetime) -> list[Mark]:
    """Reactions that are shown and not held, and those that are held and not shown: nobody told us of either."""
    noticed = _ts(at)
    known = {(mark.ts, mark.name, mark.user) for mark in held}
    there = {(ts, each.name, user) for ts, posted in shown.items() for each in posted.reactions for user in each.users}
    # Of many who reacted alike Slack may list some only.
    cut = {(ts, each.name) for ts, posted in shown.items() for each in posted.reactions if each.count > len(each.users)}
    gone = {key for key in known - there if key[:2] not in cut}
    return [
        Mark(channel, ts, MarkKind.REACTION, name, user, noticed, added=added, noticed=True)
        for keys, added in ((there - known, True), (gone, False))
        for ts, name, user in sorted(keys)
    ]


def _pin(channel: str, ts: str, user: str, event_ts: str) -> Mark:
    return Mark(channel, ts, MarkKind.PIN, "", user, event_ts, noticed=True)


def _ts(at: datetime) -> str:
    return f"{int(at.timestamp())}.{at.microsecond:06d}"
