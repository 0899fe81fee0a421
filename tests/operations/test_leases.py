"""What is not normal ends by itself, or by a click."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.incidents import Incident
from bot.core.people import AUTOMATIC
from bot.core.prose import Person, When
from bot.core.records import Lease
from bot.core.results import Failure, OperationState, PlanCard, Progress, Text
from bot.jobs.due import sweep
from tests.operations.world import ANA, BEN, CHANNEL, CHIEF, World

HOUR = timedelta(hours=1)


async def leases(world: World) -> tuple[Lease, ...]:
    async with world.store.transaction() as tx:
        return await tx.leases.active()


async def lit(world: World) -> Lease:
    """A lamp that is on for an hour."""
    await world.accepted("a", lasts=HOUR, reason="it is dark")
    await world.work()
    [lease] = await leases(world)
    return lease


async def later(world: World, by: timedelta) -> None:
    """Let time go by, sweep, and run what is due."""
    await sweep(world.store, now=world.clock.advance(by))
    await world.work()


async def test_a_lease_is_opened_with_the_end_of_its_operation(world: World) -> None:
    lease = await lit(world)

    assert (lease.kind, lease.target, lease.owner, lease.by) == ("light", "a", ANA.user_id, ANA.user_id)
    assert (lease.since, lease.until, lease.reason) == (world.clock(), world.clock() + HOUR, "it is dark")
    [card] = world.chat.posted(CHANNEL)
    assert isinstance(card, Progress)
    assert [(button.verb, button.row_id) for button in card.buttons] == [("lease.undo", lease.id)]
    assert card.notes[-1] == ("Ends by itself ", When(world.clock() + HOUR), ".")


async def test_what_failed_opens_no_lease(world: World) -> None:
    world.lamps.dead = {"a on"}
    await world.accepted("a", lasts=HOUR)

    await world.work()

    assert await leases(world) == ()


async def test_what_is_unverified_has_a_lease_so_that_it_ends(world: World) -> None:
    world.lamps.blind = {"a on"}
    await world.accepted("a", lasts=HOUR)

    await world.work()

    assert len(await leases(world)) == 1


async def test_a_lease_ends_by_itself(world: World) -> None:
    await lit(world)

    await later(world, HOUR)

    operation = await world.newest()
    assert (operation.state, operation.requester) == (OperationState.DONE, AUTOMATIC.user_id)
    assert not world.lamps.on["a"]
    assert await leases(world) == ()
    card = world.chat.posted(CHANNEL)[-1]
    assert isinstance(card, Progress)
    assert card.notes[0] == "Its time was over: ended by itself."


async def test_a_job_that_comes_twice_ends_a_lease_once(world: World) -> None:
    lease = await lit(world)
    world.clock.advance(HOUR)

    await world.engine.end_lease(lease.id)
    await world.engine.end_lease(lease.id)

    assert [job.task for job in world.deferred.jobs] == ["operation", "operation_card"]
    await world.work()
    await world.engine.end_lease(lease.id)
    assert world.deferred.jobs == []


async def test_what_somebody_has_undone_already_only_ends_its_lease(world: World) -> None:
    await lit(world)
    world.lamps.on["a"] = False

    await later(world, HOUR)

    assert await leases(world) == ()
    assert world.lamps.done == ["a on"]


async def test_an_end_that_does_not_come_is_tried_again(world: World) -> None:
    await lit(world)
    world.lamps.dead = {"a off"}
    await later(world, HOUR)
    assert len(await leases(world)) == 1
    world.lamps.dead.clear()

    await later(world, timedelta(minutes=5))

    assert await leases(world) == ()
    assert not world.lamps.on["a"]


async def test_an_end_that_cannot_be_planned_is_told_once_and_tried_again(world: World) -> None:
    await lit(world)
    world.lamps.unreadable = IntegrationError("The house does not answer.")
    await later(world, HOUR)
    await later(world, timedelta(minutes=5))
    said = [result for result in world.chat.posted(CHANNEL) if isinstance(result, Failure)]
    world.lamps.unreadable = None

    await later(world, timedelta(minutes=5))

    assert said == [
        Failure(
            "The time of light on a is over, and it could not be ended: The house does not answer.",
            hint="I try again every 5 minutes.",
        )
    ]
    assert await leases(world) == ()


async def test_an_end_that_cannot_be_announced_either_is_still_tried_again(world: World) -> None:
    await lit(world)
    world.lamps.unreadable = IntegrationError("The house does not answer.")
    world.chat.refuses = {"post": "not_in_channel"}
    await later(world, HOUR)
    world.lamps.unreadable = None
    world.chat.refuses = {}

    await later(world, timedelta(minutes=5))

    assert await leases(world) == ()


async def test_a_lease_that_somebody_else_ended_meanwhile_is_no_fault(world: World) -> None:
    lease = await lit(world)
    world.clock.advance(HOUR)
    await world.engine.end_lease(lease.id)
    async with world.store.transaction() as tx:
        await tx.leases.end(lease.id, at=world.clock(), by=BEN.user_id)

    await world.work()

    assert (await world.newest()).state is OperationState.DONE
    async with world.store.transaction() as tx:
        assert (await tx.leases.get(lease.id)).ended_by == BEN.user_id


async def test_undo_puts_the_inverse_before_the_one_who_clicked(world: World) -> None:
    lease = await lit(world)

    answer = await world.engine.leases.undo(world.context(BEN), lease.id, show=True)
    await world.work()

    assert answer is None
    [(channel, user, card)] = world.chat.whispers
    assert (channel, user) == (CHANNEL, BEN.user_id)
    assert isinstance(card, PlanCard)
    assert card.title == "Turn off a"
    assert world.lamps.on["a"]


async def test_a_confirmed_undo_ends_the_lease_and_its_due_row(world: World) -> None:
    lease = await lit(world)
    world.clock.advance(timedelta(minutes=1))
    await world.engine.leases.undo(world.context(BEN), lease.id, show=True)
    await world.confirm((await world.newest()).id, actor=BEN)

    await world.work()

    assert await leases(world) == ()
    async with world.store.transaction() as tx:
        assert (await tx.leases.get(lease.id)).ended_by == BEN.user_id
        assert await tx.due.take(now=world.clock.advance(HOUR)) == ()


async def test_undo_of_what_has_ended_says_by_whom(world: World) -> None:
    lease = await lit(world)
    await later(world, HOUR)

    answer = await world.engine.leases.undo(world.context(BEN), lease.id, show=True)

    assert answer == Text((("Ended already, by ", Person(AUTOMATIC.user_id), " ", When(world.clock()), "."),))


@pytest.mark.parametrize("fault", [False, True], ids=["done", "failed"])
async def test_the_timeline_of_the_channels_incident_has_every_operation(world: World, *, fault: bool) -> None:
    incident = Incident(0, "Dark", "High", "open", CHANNEL, ANA.user_id, ANA.user_id, world.clock())
    async with world.store.transaction() as tx:
        declared = await tx.incidents.declare(incident)
    world.lamps.dead = {"a on"} if fault else set()
    operation_id = await world.proposed("a", risky=True, reason="it is dark")
    await world.engine.approval.approve(world.context(CHIEF), operation_id)

    await world.work()

    async with world.store.transaction() as tx:
        [entry] = await tx.entries.of_incident(declared.number)
    what = (
        '"Switch a on" failed. Everything was put back, and seen to be. Seen: a is off.' if fault else "Seen: a is on."
    )
    state = "rolled back" if fault else "done"
    assert (entry.author, entry.operation_id) == (ANA.user_id, operation_id)
    assert entry.text == (
        f"Turn on a on gateway (production): {state}. Asked for: it is dark. Approved by <@U0CHIEF>. {what}"
        " a: off -> on."
    )


@pytest.mark.parametrize("others", [0, 1], ids=["one is open", "two are open"])
async def test_a_change_that_was_typed_elsewhere_is_in_the_timeline_of_the_only_open_incident(
    world: World, others: int
) -> None:
    async with world.store.transaction() as tx:
        for number in range(1 + others):
            channel = f"C0INC{number}"
            await tx.incidents.declare(
                Incident(0, "Dark", "High", "open", channel, ANA.user_id, ANA.user_id, world.clock())
            )
    operation_id = await world.proposed("a", risky=True, reason="it is dark")
    await world.engine.approval.approve(world.context(CHIEF), operation_id)

    await world.work()

    async with world.store.transaction() as tx:
        assert len(await tx.entries.of_incident(1)) == 1 - others


@pytest.mark.row("G7")
async def test_a_lease_is_reminded_of_once_when_four_fifths_of_it_are_over(world: World) -> None:
    lease = await lit(world)

    await later(world, HOUR * 0.79)
    assert len(world.chat.posted(CHANNEL)) == 1
    await later(world, HOUR * 0.02)
    await world.another().leases.remind(lease.id)

    _, reminder = world.chat.posted(CHANNEL)
    assert isinstance(reminder, Text)
    assert reminder.title.startswith("Light of ")
    assert reminder.lines[0] == ("It ends by itself at ", When(lease.since + HOUR), ".")
    assert [(button.label, button.verb, button.row_id) for button in reminder.buttons] == [
        ("End now", "lease.undo", lease.id)
    ]


@pytest.mark.row("G7")
async def test_a_reminder_of_which_slack_said_nothing_in_time_is_asked_for_again(world: World) -> None:
    await lit(world)
    world.chat.away["post"] = OutcomeUnknown("Slack did not answer in time.")

    with pytest.raises(OutcomeUnknown):
        await later(world, HOUR * 0.81)


@pytest.mark.row("G7")
async def test_a_lease_that_has_ended_or_was_replaced_is_not_reminded_of(world: World) -> None:
    await lit(world)
    await world.accepted("a", lasts=HOUR * 3, reason="still dark")
    await world.work()
    cards = len(world.chat.posted(CHANNEL))

    await later(world, HOUR * 0.9)

    assert len(world.chat.posted(CHANNEL)) == cards


async def test_a_short_lease_needs_no_reminder(world: World) -> None:
    await world.accepted("a", lasts=timedelta(minutes=4))
    await world.work()

    await later(world, timedelta(minutes=3, seconds=50))

    assert len(world.chat.posted(CHANNEL)) == 1
