"""Maintenance mode on a real gateway under real PM2, through the engine on the real store."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Conflict, UsageError
from bot.core.parts import State
from bot.core.plan import Plan, Risk
from bot.core.records import Operation
from bot.core.results import Field, Fields, OperationState, PlanCard, Table, Text
from tests.commands.bench import Bench, give_up_after
from tests.fixtures_gateway import check_out, pm2_cli

KEY = "ENABLE_MAINTENANCE_MODE"


async def planned(bench: Bench, text: str) -> Plan:
    """What a command would do, from live state."""
    await bench.type(text)
    return (await bench.newest()).plan


async def evidence(bench: Bench, operation: Operation) -> list[str]:
    """What was seen of each step."""
    async with bench.store.transaction() as tx:
        return [f"{row.state.value}: {row.evidence}" for row in await tx.operations.steps(operation.id)]


async def customer(bench: Bench) -> int:
    """The status that a customer who pays is given."""
    order = {"amount": 12.5, "currency": "USDC", "customer": "buyer@example.net"}
    status, _ = await bench.live.demo.http("/api/payments", method="POST", payload=order)
    return status


def changes(plan: Plan | PlanCard) -> dict[str, str]:
    """The fields of a plan as plain text."""
    return {change.name: words(change.value) for change in plan.changes}


def words(line: object) -> str:
    if isinstance(line, str):
        return line
    if isinstance(line, tuple):
        return "".join(words(part) for part in line)
    return str(getattr(line, "text", None) or getattr(line, "user_id", None) or getattr(line, "at", ""))


@pytest.mark.row("G1", "G4", "G6", "G7", "F5")
async def test_on_keeps_customers_out_and_off_lets_them_in_again(bench: Bench) -> None:
    env_file = bench.live.demo.env_file
    env_file.write_text(env_file.read_text().rstrip("\n"))  # the trap: no final newline
    before = env_file.read_text()

    on = await bench.run("maintenance on 45m provider is down")

    assert on.state is OperationState.DONE, await evidence(bench, on)
    assert await customer(bench) == 503
    assert env_file.read_text() == f"{before}\n{KEY}=true\n"
    [lease] = await bench.leases()
    assert (lease.owner, lease.by, lease.reason) == ("operations", "U0ANA", "provider is down")
    assert lease.until == bench.clock() + timedelta(minutes=45)

    off = await bench.run("maintenance off provider is back")

    assert off.state is OperationState.DONE, await evidence(bench, off)
    assert await customer(bench) == 201
    assert env_file.read_text() == f"{before}\n{KEY}=false\n"
    assert await bench.leases() == ()


@pytest.mark.row("G6")
async def test_every_step_tells_what_was_seen(bench: Bench) -> None:
    on = await bench.run("maintenance on")

    key, reload, outside = await evidence(bench, on)
    assert key.startswith(f"done: {KEY} is true on line ")
    assert reload.startswith("done: 2 workers with new pids (")
    assert "each answers health" in reload
    assert outside == (
        "done: Health is good; 2 of 2 workers say that maintenance is on; a customer's request is turned away."
    )


@pytest.mark.row("G7")
async def test_it_ends_by_itself_when_its_time_is_over(bench: Bench) -> None:
    await bench.run("maintenance on 10m")

    await bench.end_what_is_due(after=timedelta(minutes=9))
    assert await customer(bench) == 503

    await bench.end_what_is_due(after=timedelta(minutes=1, seconds=1))
    assert await customer(bench) == 201
    assert await bench.leases() == ()


@pytest.mark.row("G7", "I1")
async def test_the_first_owner_to_finish_does_not_clear_the_flag_of_the_other(bench: Bench) -> None:
    await bench.run("maintenance on provider is down")
    security = await bench.run("maintenance on --owner security break-in")
    pids = await bench.live.demo.pids_answering(6)

    off = await bench.run("maintenance off")

    assert security.approver == "U0CHIEF"
    assert (off.state, off.plan.actions) == (OperationState.DONE, ())
    assert changes(off.plan) == {KEY: "stays true: security keeps customers out"}
    assert "break-in" in words(off.plan.warnings[0])
    assert await customer(bench) == 503
    assert await bench.live.demo.pids_answering(6) == pids
    with pytest.raises(Conflict, match=r"operations holds no maintenance of .*; security does, and it stays on"):
        await planned(bench, "maintenance off")

    await bench.run("maintenance off --owner security")

    assert await customer(bench) == 201


@pytest.mark.row("G7")
async def test_joining_another_owner_touches_nothing_and_looks_again(bench: Bench) -> None:
    await bench.run("maintenance on provider is down")

    plan = await planned(bench, "maintenance on --owner security")

    assert [action.step for action in plan.actions] == ["maintenance.observe"]
    assert changes(plan)[KEY] == "stays true"
    assert plan.risk is Risk.RISKY


async def test_the_same_owner_again_gets_a_new_end(bench: Bench) -> None:
    await bench.run("maintenance on 10m")

    await bench.run("maintenance on 1h longer than thought")

    [lease] = await bench.leases()
    assert lease.until == bench.clock() + timedelta(hours=1)


@pytest.mark.row("G2")
async def test_doubles_of_the_key_are_one_line_afterwards(bench: Bench) -> None:
    env_file = bench.live.demo.env_file
    env_file.write_text(f"{KEY}=true\n{env_file.read_text()}{KEY}=false\n")

    plan = await planned(bench, "maintenance on")
    on = await bench.run("maintenance on")

    assert "its other lines (1) go" in changes(plan)[KEY]
    assert on.state is OperationState.DONE
    assert [text for text in env_file.read_text().splitlines() if text.startswith(KEY)] == [f"{KEY}=true"]


@pytest.mark.row("G3")
async def test_a_comment_and_a_key_of_a_like_name_stay(bench: Bench) -> None:
    env_file = bench.live.demo.env_file
    with env_file.open("a") as file:
        file.write(f"# {KEY} keeps customers out\nOLD_{KEY}_REASON=none\n{KEY}=true\n")

    off = await bench.run("maintenance off")

    assert off.state is OperationState.DONE
    assert env_file.read_text().endswith(f"# {KEY} keeps customers out\nOLD_{KEY}_REASON=none\n{KEY}=false\n")


async def test_what_was_turned_on_by_hand_is_told_and_can_be_taken_over(bench: Bench) -> None:
    with bench.live.demo.env_file.open("a") as file:
        file.write(f"{KEY}=true\n")  # and no reload: the workers never read it

    by_hand = await planned(bench, "maintenance on")
    on = await bench.run("maintenance on")

    assert any("turned on by hand: this takes it over" in words(warning) for warning in by_hand.warnings)
    assert [action.step for action in by_hand.actions] == ["processes.reload", "maintenance.observe"]
    assert on.state is OperationState.DONE
    assert await customer(bench) == 503


async def test_off_when_it_is_off_has_nothing_to_do(bench: Bench) -> None:
    answer = await bench.type("maintenance off")

    assert isinstance(answer, Text)
    assert "nothing has to change" in words(answer.lines[0])


async def test_what_was_turned_on_by_hand_can_be_turned_off(bench: Bench) -> None:
    with bench.live.demo.env_file.open("a") as file:
        file.write(f"{KEY}=true\n")
    await bench.live.processes.reload()

    off = await bench.run("maintenance off")

    assert "Nobody holds it: it was turned on by hand." in off.plan.warnings
    assert await customer(bench) == 201


@pytest.mark.row("G4")
async def test_a_value_that_pm2_hands_to_the_workers_is_warned_of_and_seen_to_stick(bench: Bench) -> None:
    demo = bench.live.demo
    config = json.dumps(
        {
            "apps": [
                {
                    "name": demo.name,
                    "script": "server.js",
                    "cwd": str(demo.app_dir),
                    "exec_mode": "cluster",
                    "instances": 2,
                    "wait_ready": True,
                    "env": {KEY: "true"},
                }
            ]
        }
    )
    stuck = demo.app_dir / "stuck.config.json"
    stuck.write_text(config)
    pm2_cli(demo, "delete", "all")
    pm2_cli(demo, "start", "stuck.config.json")
    stuck.unlink()
    give_up_after(timedelta(seconds=2), "maintenance.observe", registry=bench.registry)
    try:
        off = await bench.run("maintenance off")
    finally:
        pm2_cli(demo, "delete", "all")  # the fixture starts it again from its own file
        pm2_cli(demo, "start", "ecosystem.config.js", "--env", "production")

    assert any(f"itself hands {KEY}=true" in words(warning) for warning in off.plan.warnings)
    assert off.state is not OperationState.DONE


@pytest.mark.row("D1")
async def test_a_reload_that_ends_in_an_outage_is_seen_and_the_key_put_back(bench: Bench) -> None:
    demo = bench.live.demo
    before = demo.env_file.read_text()
    check_out(demo, "v1.3.0-badstart")
    give_up_after(timedelta(seconds=3), "processes.reload", registry=bench.registry)

    on = await bench.run("maintenance on")

    assert on.state is not OperationState.DONE
    assert demo.env_file.read_text() == before
    assert await bench.leases() == ()
    assert any(line.startswith("failed: Worker") for line in await evidence(bench, on))


async def test_one_worker_is_warned_of_before_requests_are_lost(bench: Bench) -> None:
    pm2_cli(bench.live.demo, "delete", "1")

    plan = await planned(bench, "maintenance on")

    assert words(plan.warnings[0]) == (
        "Requests will be refused while it reloads: 1 of 1 workers are online, in cluster mode."
    )
    assert plan.preconditions["the number of workers"] == "1"


async def test_a_plan_shows_the_one_key_and_no_other_line_of_the_file(bench: Bench) -> None:
    plan = await planned(bench, "maintenance on")

    lines = [line for line in bench.live.demo.env_file.read_text().splitlines() if line]
    assert changes(plan)[KEY] == "absent becomes true on a new line"
    assert not any(line.partition("=")[2] in repr(plan) for line in lines if len(line.partition("=")[2]) > 8)


async def test_the_hash_of_a_plan_holds_when_workers_were_replaced_meanwhile(bench: Bench) -> None:
    before = await planned(bench, "maintenance on")
    await bench.live.processes.reload()

    assert (await planned(bench, "maintenance on")).hash == before.hash


async def test_a_length_beyond_the_limit_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="13h is too long"):
        await planned(bench, "maintenance on 13h")


async def test_show_tells_file_workers_and_holders(bench: Bench) -> None:
    await bench.run("maintenance on provider is down")

    shown = await bench.type("maintenance show")

    assert isinstance(shown, Fields)
    fields = {entry.name: words(entry.value) for entry in shown.fields}
    assert fields["Environment file"].startswith(f"{KEY} is true (line ")
    assert fields["Workers"] == "worker 0: on; worker 1: on"
    assert "provider is down" in fields["Held by operations"]
    assert shown.state is State.OK
    assert [button.verb for button in shown.buttons] == ["lease.undo"]


async def test_show_says_so_when_the_workers_do_not_do_what_the_file_says(bench: Bench) -> None:
    with bench.live.demo.env_file.open("a") as file:
        file.write(f"{KEY}=true\n")

    shown = await bench.type("maintenance show")

    assert isinstance(shown, Fields)
    assert shown.state is State.WARN
    assert "by hand" in words(shown.fields[-1].value)


@pytest.mark.row("G8")
async def test_payments_that_still_wait_are_shown_before_and_told_after_the_end(bench: Bench, tmp_path: Path) -> None:
    await bench.run("maintenance on")

    plan = await planned(bench, "maintenance off")
    off = await bench.run("maintenance off")

    assert Field("Payments still pending", "0", State.OK) in plan.changes
    assert (await evidence(bench, off))[-1].endswith("Payments still pending: 0.")


async def test_active_lists_it_and_undo_ends_it(bench: Bench) -> None:
    await bench.run("maintenance on provider is down")

    listed = await bench.type("active")
    assert isinstance(listed, Table)
    [button] = listed.buttons
    answer = await bench.type(f"undo {button.row_id[:6]}")
    await bench.work()
    operation = await bench.newest()
    await bench.engine.approval.confirm(bench.context(), operation.id)
    await bench.work()

    assert isinstance(answer, PlanCard)
    assert await bench.leases() == ()
    assert await customer(bench) == 201
