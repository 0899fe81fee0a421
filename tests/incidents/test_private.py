"""A private incident stands in its own channel and nowhere else, whatever is typed, clicked, due or looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.command import Command, Filling, Root, needs
from bot.core.errors import OpsbotError
from bot.core.fleet import Service
from bot.core.incidents import UNTOLD, Message
from bot.core.oncall import OnCall
from bot.core.pager import Pager
from bot.core.parameters import Parameter, parameters
from bot.core.people import Actor, Role
from bot.core.plan import Call, Risk
from bot.core.records import Lease
from bot.core.reports import Task
from bot.core.results import OperationState, PlanState
from bot.incidents.similar import similar
from bot.slack.home import home
from tests.fakes import FakeChat
from tests.incidents.desk import ANA, BEN, OWN, Desk, shown
from tests.incidents.test_calls import FakePager
from tests.store.test_operations import operation as an_operation

WORD = "zebra"
"""Stands in everything that is said of the incident."""

ADMIN = Actor("U0ROOT", "Root", Role.ADMIN)


@pytest.fixture
async def secret(desk: Desk, chat: FakeChat) -> Desk:
    """A private incident that has had everything, with all that could tell of it elsewhere configured."""
    chat.people["U0CHI"] = replace(chat.people["U0BEN"], user_id="U0CHI", name="Chi")
    desk.rules = replace(desk.rules, announce=("C0NEWS",), page_critical=True)
    desk.on_call = OnCall(rota=("U0BEN", "U0CHI"), since=datetime(2026, 3, 2, 0, 0))  # noqa: DTZ001 - a clock time
    desk.services = (Service("gateway", "test", "local", {Pager: FakePager()}),)
    await desk.type(f"open private high Stolen {WORD} --impact 'every {WORD}' --services gateway")
    for each in (
        f"severity critical {WORD}",
        f"edit --title 'Stolen {WORD} keys'",
        f"note {WORD} was seen",
        f"update the {WORD} is away",
        f"role scribe <@U0BEN|ben> mind the {WORD}",
        f"page <@U0CHI|chi> come for the {WORD}",
        f"handover feed the {WORD}",
        "moment started 30m",
        "mitigated",
    ):
        await desk.type(each, channel=OWN)
        await desk.work()
    async with desk.store.transaction() as tx:
        said = Message(OWN, "1.1", desk.clock(), "U0ANA", "", f"the {WORD} runs")
        await tx.messages.record([said], [])
        await tx.tasks.add(Task("t1", 1, 0, f"Fence the {WORD}", "U0ANA", (), "U0ANA", desk.clock()))
        runs = replace(an_operation(), channel=OWN, reason=f"the {WORD}", plan_state=PlanState.ACCEPTED)
        glass = Call(("restart",), {"reason": f"the {WORD}", "break_glass": f"{WORD}, and alone", "override": WORD})
        done = replace(runs, id="op2", call=glass, state=OperationState.DONE)
        await tx.operations.propose(runs)
        await tx.operations.propose(replace(done, plan=replace(runs.plan, risk=Risk.RISKY)))
        lease = Lease(
            *("l1", "maintenance", "gateway", "gateway", "team", "U0ANA", f"the {WORD}", OWN, "op2"),
            inverse=Call(("maintenance", "off"), {}),
            since=desk.clock(),
            until=None,
        )
        await tx.leases.open(lease)
    await desk.type("open high Stolen keys of the gateway --services gateway")
    await desk.work()
    return desk


def typed(command: Command) -> str:
    """The command with all that it needs, about the private incident where it is about one."""
    known = parameters(command.args)
    words = [command.name, *(_value(each) for each in known if each.required)]
    return " ".join(words + ["--incident 1" for each in known if each.name == "incident"])


def in_full(command: Command) -> str:
    """A command that tells, with all that makes it tell more, such as `list --all`."""
    more = [f"--{each.flag}" for each in parameters(command.args) if each.kind is bool]
    return " ".join([typed(command), *(more if command.role is Role.VIEWER else ())])


def _value(parameter: Parameter) -> str:
    value = parameter.choices[0] if parameter.choices else "<@U0BEN|ben>" if parameter.person else "5"
    return f"--{parameter.flag} {value}" if parameter.option else value


def outside(chat: FakeChat) -> list[str]:
    """All that anybody can read elsewhere."""
    posts = [repr(posted.result) for ref, posted in chat.messages.items() if ref.channel != OWN]
    files = [repr(file) for file in chat.files if file[0] != OWN]
    whispers = [repr(result) for channel, _, result in chat.whispers if channel != OWN]
    names = [*chat.channels.values(), *(topic for channel, topic in chat.topics.items() if channel != OWN)]
    return [*posts, *files, *whispers, *names]


async def test_no_word_of_a_private_incident_is_read_outside_its_channel(secret: Desk, chat: FakeChat) -> None:
    desk = secret
    answers: list[object] = []
    for actor, channel in ((ANA, "C0OPS"), (BEN, ""), (ADMIN, "C0NEW1")):
        for command in desk.registry.commands.values():
            if command.run is None or not set(needs(command.run).values()) <= set(desk.ports()):
                continue
            if command.root is Root.INCIDENT:
                answers += await tried(desk.type(typed(command), channel=channel, actor=actor))
                answers += await tried(desk.type(in_full(command), channel=channel, actor=actor))
            elif not any(each.required for each in parameters(command.args)):
                answers += await tried(desk.type_ops(command.name, channel=channel, actor=actor))
        for verb in desk.registry.clicks:
            if verb.startswith("incident."):
                section = verb.partition("report.edit.")[2]  # whose rows name the section too
                row = f"1:{section}" if section else "1"
                answers += await tried(desk.click(verb, row, channel=channel, actor=actor))
        await desk.work()
    for hours in (1, 20, 60):
        await desk.later(timedelta(hours=hours))
    for actor in (ANA, BEN, ADMIN):
        answers.append(await home(desk.store, actor=actor, root="/ops", whom_to_ask=""))
    pager = desk.services[0].port(Pager)
    assert isinstance(pager, FakePager)

    assert any(WORD in repr(posted.result) for posted in chat.messages.values())  # in its own channel there is
    assert [each for each in (*map(repr, answers), *outside(chat), repr(pager.paged)) if WORD in each] == []


async def test_reasons_that_were_typed_there_are_in_no_list_and_say_so(secret: Desk) -> None:
    lists = {each: shown(await secret.type_ops(each)) for each in ("changes", "active", "history", "reviews")}

    assert {each: UNTOLD in told for each, told in lists.items()} == {
        "changes": True,
        "active": True,
        "history": False,  # it has no reasons
        "reviews": True,
    }
    async with secret.store.transaction() as tx:
        assert (await tx.operations.get("op2")).reason == f"the {WORD}"  # its own card has it


async def tried(step: object) -> list[object]:
    """What somebody is answered, the refusals too."""
    try:
        answer = await step  # type: ignore[misc]  # a coroutine of the desk
    except OpsbotError as error:
        return [str(error), error.hint]
    return [] if isinstance(answer, Filling) and WORD not in repr(answer) else [answer]


async def test_a_private_incident_is_like_none(secret: Desk) -> None:
    async with secret.store.transaction() as tx:
        private, other = await tx.incidents.get(1), await tx.incidents.get(2)
        past = await tx.incidents.past()

    assert [each.number for each in past] == [2]
    assert similar(other, [private]) == ()
