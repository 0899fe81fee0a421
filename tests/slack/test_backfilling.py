"""What is read from Slack's history: all that was missed, nothing twice, and what could not be read is said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.backfills import BackfillState
from bot.core.fleet import Fleet
from bot.core.marks import MarkKind
from bot.core.redact import Redactor
from bot.incidents.backfills import GAP, READ
from bot.operations.break_glass import nobody
from bot.operations.spills import TELL, Spills
from bot.operations.trail import Trail
from bot.slack import backfilling
from bot.slack.backfilling import WAITS
from tests.fixtures_slack import SECRET
from tests.slack.scene import Scene


async def test_what_was_said_while_the_bot_was_away_is_read_with_threads_edits_and_reactions(scene: Scene) -> None:
    ana, inc, workspace = scene.ana, scene.inc, scene.workspace
    async with scene.bot():
        await scene.catch_up()
        old, slip, thread = [await ana.say(inc, text) for text in ("it is DNS", "oops", "why?")]
        reply = await ana.say(inc, "because", thread=thread)
        await ana.react(old, "eyes")
        await workspace.settled()
    scene.clock.advance(timedelta(minutes=2))
    await ana.edit(old, "it is not DNS")
    await ana.unreact(old, "eyes")
    await ana.react(thread, "pushpin")
    await ana.delete(slip)
    await ana.delete(reply)
    await ana.say(inc, "a late answer", thread=thread, files=[("graph.png", b"png")])
    pinned = await ana.say(inc, "provider is down")
    await ana.pin(pinned)
    await workspace.settled()
    async with scene.bot():
        await scene.miss()
        (done,) = await scene.catch_up()
    record = await scene.record()
    reactions = [mark for mark in record.marks if mark.kind is MarkKind.REACTION]

    assert record.texts == ["it is not DNS", "why?", "a late answer", "provider is down"]
    assert [message.thread_ts for message in record.messages if message.files] == [thread.ts]
    assert [(change.text, change.old_text, change.noticed) for change in record.changes] == [
        ("it is not DNS", "it is DNS", True),
        (None, "oops", True),
        (None, "because", True),
    ]
    assert [(mark.ts, mark.name, mark.added, mark.noticed) for mark in reactions] == [
        (old.ts, "eyes", True, False),
        (old.ts, "eyes", False, True),
        (thread.ts, "pushpin", True, True),
    ]
    assert [(mark.ts, mark.user) for mark in record.marks if mark.kind is MarkKind.PIN] == [(pinned.ts, ana.id)]
    assert (done.state, record.entries) == (BackfillState.DONE, ())


async def test_reading_a_span_twice_changes_nothing(scene: Scene) -> None:
    said = await scene.ana.say(scene.inc, "one")
    await scene.ana.react(said, "eyes")
    await scene.ana.pin(said)
    await scene.ana.edit(said, "two")
    async with scene.bot():
        await scene.catch_up()
        once = await scene.record()
        scene.clock.advance(timedelta(minutes=1))
        await scene.miss()
        await scene.catch_up()

    assert await scene.record() == once
    assert once.texts == ["two"]


async def test_pins_that_were_taken_off_unheard_are_taken_off(scene: Scene) -> None:
    said = await scene.ana.say(scene.inc, "it is the CDN")
    await scene.ana.pin(said)
    async with scene.bot():
        await scene.catch_up()
    await scene.ana.unpin(said)
    scene.clock.advance(timedelta(minutes=1))
    async with scene.bot():
        await scene.miss()
        await scene.catch_up()

    assert [(mark.kind, mark.added) for mark in (await scene.record()).marks] == [
        (MarkKind.PIN, True),
        (MarkKind.PIN, False),
    ]


async def test_pins_that_may_not_be_read_leave_the_rest_read(scene: Scene) -> None:
    await scene.say("one")
    scene.workspace.scopes.discard("pins:read")
    async with scene.bot():
        (done,) = await scene.catch_up()

    assert done.state is BackfillState.DONE


async def test_a_long_history_goes_page_by_page_and_goes_on_after_a_crash(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfilling, "PAGE", 3)
    thread = await scene.say("thread")
    for number in range(8):
        await scene.say(f"reply {number}", thread=thread)
    for number in range(10):
        await scene.say(f"message {number}")
    scene.workspace.faults.fail("conversations.replies", "internal_error", times=1, status=500)
    async with scene.bot() as bot:
        (stopped,) = await scene.catch_up()
        async with scene.store.transaction() as tx:
            (again,) = await tx.due.take(now=scene.clock() + WAITS[0])
        asked = scene.calls("conversations.history")
        await bot.link.reader().read(backfill_id=str(again.args["backfill_id"]))

    assert (stopped.state, stopped.threads) == (BackfillState.UNDER_WAY, (thread,))
    assert (await scene.backfill(stopped.id)).state is BackfillState.DONE
    assert scene.calls("conversations.history") == asked
    assert len((await scene.record()).messages) == 19


async def test_more_deletions_than_a_page_shows_are_all_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "PAGE", 3)
    thread = await scene.ana.say(scene.inc, "thread")
    replies = [await scene.ana.say(scene.inc, f"reply {number}", thread=thread) for number in range(12)]
    said = [await scene.ana.say(scene.inc, f"message {number}") for number in range(12)]
    async with scene.bot():
        await scene.catch_up()
    for each in (*replies[1:11], *said[1:11]):
        await scene.ana.delete(each)
    async with scene.bot():
        await scene.miss()
        await scene.catch_up()

    assert (await scene.record()).texts == ["thread", "reply 0", "reply 11", "message 0", "message 11"]


async def test_a_thread_whose_first_message_is_gone_is_read_also_when_nothing_of_it_is_left(scene: Scene) -> None:
    ana, inc = scene.ana, scene.inc
    kept, gone = await ana.say(inc, "kept"), await ana.say(inc, "gone")
    await ana.say(inc, "reply", thread=kept)
    lost = await ana.say(inc, "lost", thread=gone)
    async with scene.bot():
        await scene.catch_up()
    await ana.delete(kept)
    await ana.delete(lost)
    await ana.delete(gone)
    async with scene.bot():
        await scene.miss()
        await scene.catch_up()
    record = await scene.record()

    assert [message.text for message in record.messages] == ["", "", "reply", ""]
    assert [(change.ts, change.old_text) for change in record.changes] == [
        (kept.ts, "kept"),
        (gone.ts, "gone"),
        (lost.ts, "lost"),
    ]


async def test_what_cannot_be_read_is_a_gap_in_the_timeline_until_it_is_read_after_all(scene: Scene) -> None:
    scene.workspace.scopes.discard("channels:history")
    async with scene.bot():
        (failed,) = await scene.catch_up()
        told = await scene.ana.wait_for(scene.inc, "could not be read")
        (gap,) = (await scene.record()).entries
        scene.workspace.scopes.add("channels:history")
        await scene.miss()
        await scene.catch_up()

    assert failed.state is BackfillState.FAILED
    assert gap.kind == GAP
    assert gap.text == "Messages between 2026-03-02 08:59:00 and 09:00:00 UTC could not be read: missing_scope"
    assert gap.text in told.plain()
    assert (await scene.record()).entries == ()


async def test_a_slack_that_does_not_answer_is_asked_again_later_and_given_up_in_the_end(scene: Scene) -> None:
    scene.workspace.faults.fail("conversations.history", "internal_error", times=100, status=503)
    waits = []
    async with scene.bot() as bot:
        (stopped,) = await scene.catch_up()
        for wait in WAITS:
            async with scene.store.transaction() as tx:
                waits.append(len(await tx.due.take(now=scene.clock.advance(wait))))
            await bot.link.reader().read(backfill_id=stopped.id)
    (gap,) = (await scene.record()).entries

    assert waits == [1] * len(WAITS)
    assert gap.text.endswith("could not be read: http_503")


async def test_a_rate_limit_is_waited_out(scene: Scene) -> None:
    await scene.say("one")
    scene.workspace.faults.rate_limit("conversations.history", retry_after=1)
    async with scene.bot():
        (done,) = await scene.catch_up()

    assert done.state is BackfillState.DONE
    assert (await scene.record()).texts == ["one"]


async def test_the_channel_is_told_in_one_message_how_far_a_long_reading_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfilling, "PAGE", 3)
    monkeypatch.setattr(backfilling, "TOLD_FROM", 6)
    for number in range(10):
        await scene.say(f"message {number}")
    async with scene.bot():
        await scene.catch_up()
        scene.clock.advance(timedelta(minutes=10))
        await scene.miss()  # as after a restart, which nobody has to hear of
        await scene.catch_up()
    told = [seen.plain() for seen in scene.ana.sees(scene.inc) if "read what was said" in seen.plain()]

    assert [line.rpartition(": ")[2] for line in told] == ["10 messages."]


async def test_a_live_secret_in_the_history_is_not_stored_and_its_owner_is_told(scene: Scene) -> None:
    await scene.say(f"the key is {SECRET}")
    async with scene.bot() as bot:
        spills = Spills(
            redactor=Redactor([SECRET]),
            own={"key": SECRET},
            fleet=Fleet(()),
            store=scene.store,
            chat=bot.link.chat,
            clock=scene.clock,
            trail=Trail(clock=scene.clock, redact=str),
            commanders=nobody,
        )
        (job,) = scene.deferred.jobs
        await bot.link.reader(spills=spills).read(backfill_id=str(job.args["backfill_id"]))

    assert SECRET not in (await scene.record()).texts[0]
    assert [job.task for job in scene.deferred.jobs] == [READ, TELL]


async def test_a_bot_that_is_let_into_the_channel_reads_what_was_said_there(scene: Scene) -> None:
    workspace = scene.workspace
    async with scene.bot():
        await scene.catch_up()
        workspace.core.crowd.leave(scene.inc, workspace.core.store.bot)
        await scene.say("unheard")
        await workspace.settled()
        workspace.core.crowd.join(scene.inc, workspace.core.store.bot, inviter=scene.ana.user)
        await workspace.settled()
        await scene.catch_up()

    assert "unheard" in (await scene.record()).texts


async def test_other_channels_that_the_bot_is_let_into_are_not_read(scene: Scene) -> None:
    workspace = scene.workspace
    lunch = workspace.channel("lunch", [scene.ana])
    async with scene.bot():
        workspace.core.crowd.leave(lunch, workspace.core.store.bot)
        scene.deferred.jobs.clear()
        workspace.core.crowd.join(lunch, workspace.core.store.bot, inviter=scene.ana.user)
        await workspace.settled()

    assert scene.deferred.jobs == []
