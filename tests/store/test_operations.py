from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import Fenced, NotFound
from bot.core.plan import Action, Area, Call, Plan
from bot.core.ports import MessageRef
from bot.core.records import Operation, StepRow
from bot.core.results import OperationState, PlanState, StepState
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLAN = Plan("Maintenance on", Area.PROCESSES, (), (Action("env.set", "Set the key", {"value": "true"}),))
STEP = StepRow("op1", 1, False, "env.set", "Set the key", {"value": "true"}, {"was": None}, StepState.RUNNING)  # noqa: FBT003 - a row's column


def operation(operation_id: str = "op1", *, at: datetime = NOW) -> Operation:
    return Operation(
        id=operation_id,
        call=Call(("maintenance", "on"), {"lasts": "30m"}),
        plan=PLAN,
        plan_hash=PLAN.hash,
        service="gateway",
        environment="production",
        host="gw1",
        reason="provider down",
        requester="U1",
        approver="",
        channel="C1",
        plan_state=PlanState.PROPOSED,
        state=OperationState.QUEUED,
        epoch=0,
        proposed_at=at,
    )


async def propose(store: Postgres, *operations: Operation) -> None:
    async with store.transaction() as tx:
        for each in operations:
            await tx.operations.propose(each)


async def get(store: Postgres, operation_id: str = "op1") -> Operation:
    async with store.transaction() as tx:
        return await tx.operations.get(operation_id)


async def test_an_operation_comes_back_as_it_was_proposed(store: Postgres) -> None:
    proposed = replace(operation(), card=MessageRef("C1", "1.2"), automatic="lease ended")

    await propose(store, proposed)

    assert await get(store) == proposed


async def test_an_operation_that_is_not_there_is_named(store: Postgres) -> None:
    async with store.transaction() as tx:
        with pytest.raises(NotFound, match="no operation gone"):
            await tx.operations.get("gone")
        with pytest.raises(NotFound, match="no operation gone"):
            await tx.operations.take_over("gone")


async def test_a_plan_moves_only_from_a_state_that_was_expected(store: Postgres) -> None:
    await propose(store, operation())

    async with store.transaction() as tx:
        accepted = await tx.operations.move_plan("op1", to=PlanState.ACCEPTED, frm=[PlanState.PROPOSED], by="U2")
        again = await tx.operations.move_plan("op1", to=PlanState.EXPIRED, frm=[PlanState.PROPOSED])

    stored = await get(store)
    assert (accepted, again) == (True, False)
    assert (stored.plan_state, stored.approver) == (PlanState.ACCEPTED, "U2")


async def test_who_dismisses_a_plan_is_not_its_approver(store: Postgres) -> None:
    await propose(store, operation())

    async with store.transaction() as tx:
        assert await tx.operations.move_plan("op1", to=PlanState.CANCELLED, frm=[PlanState.PROPOSED], by="U2")

    assert (await get(store)).approver == ""


async def test_start_and_end_are_kept_with_the_state(store: Postgres) -> None:
    await propose(store, operation())
    later = NOW + timedelta(seconds=5)

    async with store.transaction() as tx:
        for at in (NOW, later):
            await tx.operations.set_state("op1", OperationState.RUNNING, epoch=0, at=at)
        running = await tx.operations.get("op1")
        await tx.operations.set_state("op1", OperationState.FAILED, epoch=0, at=later, why="no worker answered")

    ended = await get(store)
    assert (running.started_at, running.ended_at) == (NOW, None)
    assert (ended.started_at, ended.ended_at, ended.why) == (NOW, later, "no worker answered")


async def test_who_held_a_former_epoch_is_fenced_from_every_change(store: Postgres) -> None:
    await propose(store, operation())
    async with store.transaction() as tx:
        assert (await tx.operations.take_over("op1")).epoch == 1

    async with store.transaction() as tx:
        with pytest.raises(Fenced):
            await tx.operations.set_state("op1", OperationState.RUNNING, epoch=0, at=NOW)
        for write in (tx.operations.start_step, tx.operations.end_step):
            with pytest.raises(Fenced):
                await write(STEP, epoch=0)
        with pytest.raises(Fenced):
            await tx.operations.plan_undo("op1", [], epoch=0)
        assert await tx.operations.steps("op1") == ()


async def test_steps_are_kept_in_order_with_those_that_undo_after_them(store: Postgres) -> None:
    await propose(store, operation())
    second, undo = replace(STEP, number=2, before=None), replace(STEP, undo=True, state=StepState.WAITING)
    done = replace(STEP, state=StepState.DONE, evidence="seen", ended_at=NOW)

    async with store.transaction() as tx:
        await tx.operations.plan_undo("op1", [undo], epoch=0)
        await tx.operations.start_step(second, epoch=0)
        await tx.operations.start_step(STEP, epoch=0)
        await tx.operations.end_step(done, epoch=0)

    async with store.transaction() as tx:
        assert await tx.operations.steps("op1") == (done, second, undo)


async def test_a_cancel_is_asked_for_once_and_only_before_the_end(store: Postgres) -> None:
    await propose(store, operation(), operation("ended"))

    async with store.transaction() as tx:
        await tx.operations.set_state("ended", OperationState.DONE, epoch=0, at=NOW)
        answers = [await tx.operations.ask_cancel(each, by="U2") for each in ("op1", "op1", "ended")]

    assert answers == [True, False, False]
    assert (await get(store)).cancel_asked_by == "U2"


async def test_running_are_those_accepted_and_not_ended(store: Postgres) -> None:
    ids = ("proposed", "waits", "runs", "ended")
    await propose(store, *(operation(each, at=NOW + timedelta(seconds=n)) for n, each in enumerate(ids)))

    async with store.transaction() as tx:
        for each in ids[1:]:
            await tx.operations.move_plan(each, to=PlanState.ACCEPTED, frm=[PlanState.PROPOSED], by="U1")
        await tx.operations.set_state("runs", OperationState.RUNNING, epoch=0, at=NOW)
        await tx.operations.set_state("ended", OperationState.DONE, epoch=0, at=NOW)
        running = await tx.operations.running()

    assert names(running) == ["waits", "runs"]


async def test_recent_are_the_newest_of_a_service_or_of_all(store: Postgres) -> None:
    other = replace(operation("other", at=NOW + timedelta(seconds=9)), service="ledger")
    await propose(store, *(operation(f"op{n}", at=NOW + timedelta(seconds=n)) for n in range(3)), other)

    async with store.transaction() as tx:
        assert names(await tx.operations.recent(limit=2)) == ["other", "op2"]
        assert names(await tx.operations.recent(service="gateway")) == ["op2", "op1", "op0"]


async def test_the_progress_card_is_remembered(store: Postgres) -> None:
    await propose(store, operation())

    async with store.transaction() as tx:
        await tx.operations.set_card("op1", MessageRef("C1", "3.4"))

    assert (await get(store)).card == MessageRef("C1", "3.4")


def names(operations: Sequence[Operation]) -> list[str]:
    return [each.id for each in operations]
