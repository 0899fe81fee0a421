"""What can be typed, clicked and done, and how it is found."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from bot.core.command import Args, Click, Command, Context, Root
from bot.core.errors import NotConfigured, NotFound, UsageError
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.plan import Attempt, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Line
from bot.core.registry import Asked, HelpAsked, Registry, bind
from bot.core.results import CommandHelp, HelpIndex, Result, Text


class Clockwork: ...


class Absent: ...


class Nothing(Args): ...


class Reasoned(Args):
    dry_run: bool = option(default=False, description="Show the plan and stop there.")
    reason: str = words("", "Why.")


class Named(Reasoned):
    name: str = Field(description="Which.")


async def show(_ctx: Context, _args: Nothing, *, clockwork: Clockwork) -> Result:
    """Show what is on.

    More than anybody wants to know.
    """
    return Text((str(clockwork),))


async def turn_on(_ctx: Context, _args: Reasoned) -> Plan:
    """Turn it on."""
    raise NotImplementedError


async def undescribed(_ctx: Context, _args: Nothing) -> Result:
    raise NotImplementedError


async def click(_ctx: Context, _row_id: str, *, absent: Absent) -> Result | None:
    raise NotImplementedError


async def seen(_attempt: Attempt[Nothing], *, clockwork: Clockwork) -> Observation:
    return Observation(Verdict.DONE, str(clockwork))


STEP = Step("light", Nothing, seen)
SHOW = Command(("lamp", "show"), Nothing, run=show)
ON = Command(
    ("lamp", "on"),
    Reasoned,
    plan=turn_on,
    role=Role.RESPONDER,
    risk=Risk.CHANGE,
    steps=(STEP,),
    direct=True,
    examples=("too dark",),
)
ALL_ON = Command(("lamp", "on", "all"), Nothing, plan=turn_on, role=Role.ADMIN, risk=Risk.RISKY, steps=(STEP,))
STATUS = Command(("status",), Nothing, run=show, direct=True)
OPEN = Command(("open",), Reasoned, run=show, root=Root.INCIDENT)
REGISTRY = Registry([SHOW, ON, ALL_ON, STATUS, OPEN])


@pytest.mark.parametrize(
    ("slash", "text", "command", "rest"),
    [
        ("/ops", "lamp on", ON, ""),
        ("/ops", "Lamp  ON  'two  words' ", ON, "'two  words'"),
        ("/ops", "lamp on all", ALL_ON, ""),
        ("/ops", "lamp on allways", ON, "allways"),
        ("/ops", "status\nnow", STATUS, "now"),
        ("/ops-lamp", "on it", ON, "it"),
        ("/ops-status", "", STATUS, ""),
        ("/ops-status", "--x y", STATUS, "--x y"),
        ("/incident", "open it burns", OPEN, "it burns"),
        ("/ops", "incident open it burns", OPEN, "it burns"),
    ],
)
def test_the_longest_path_is_the_command_and_the_rest_stays_as_typed(
    slash: str, text: str, command: Command, rest: str
) -> None:
    assert REGISTRY.resolve(slash, text) == Asked(command, rest)


@pytest.mark.parametrize(
    ("slash", "text", "path"),
    [
        ("/ops", "", ()),
        ("/ops", "help", ()),
        ("/ops", "lamp", ("lamp",)),
        ("/ops", "lamp help", ("lamp",)),
        ("/ops", "help lamp on", ("lamp", "on")),
        ("/ops", "lamp on help", ("lamp", "on")),
        ("/ops-lamp", "", ("lamp",)),
        ("/ops-status", "help", ("status",)),
        ("/ops-status", "--help", ("status",)),
        ("/incident", "", ("incident",)),
    ],
)
def test_help_is_answered_everywhere(slash: str, text: str, path: tuple[str, ...]) -> None:
    assert REGISTRY.resolve(slash, text) == HelpAsked(path)


@pytest.mark.parametrize(
    ("slash", "text", "hint"),
    [
        ("/ops", "stauts", "Did you mean /ops status?"),
        ("/ops", "lmap on", "Did you mean /ops lamp on?"),
        ("/ops", "lamp shwo", "Did you mean /ops lamp show?"),
        ("/ops", "lamp explode", "Try /ops lamp help."),
        ("/ops", "make coffee", "Try /ops help."),
        ("/ops", "help coffee", "Try /ops help."),
        ("/incident", "opn", "Did you mean /incident open?"),
    ],
)
def test_a_slip_is_answered_with_the_nearest(slash: str, text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="I do not know") as caught:
        REGISTRY.resolve(slash, text)

    assert caught.value.hint == hint


def test_a_slash_command_of_another_app_is_not_ours() -> None:
    with pytest.raises(NotFound):
        REGISTRY.resolve("/status", "")


@given(st.sampled_from(["/ops", "/incident", "/ops-lamp", "/ops-status"]), st.text())
def test_whatever_is_typed_is_a_command_help_or_a_slip(slash: str, text: str) -> None:
    with contextlib.suppress(UsageError):
        REGISTRY.resolve(slash, text)


def test_one_command_is_explained_with_all_that_it_takes() -> None:
    assert REGISTRY.help(HelpAsked(("lamp", "show")), Role.VIEWER) == CommandHelp(
        command="/ops lamp show", usage="/ops lamp show", summary="Show what is on.", role="viewer", risk="read"
    )
    assert Registry([ON]).help(HelpAsked(("lamp", "on")), Role.VIEWER) == CommandHelp(
        command="/ops lamp on",
        usage="/ops lamp on [reason ...] [--dry-run]",
        summary="Turn it on.",
        role="responder",
        risk="change",
        examples=("/ops lamp on too dark",),
        options=(("[reason ...]", "Why."), ("[--dry-run]", "Show the plan and stop there.")),
    )


@pytest.mark.parametrize(
    ("role", "families", "note"),
    [
        (Role.NOBODY, (), "Left out: 5 for which a role above nobody is needed."),
        (Role.RESPONDER, ("Look", "Change", "Incidents"), "Left out: 1 for which a role above responder is needed."),
        (Role.ADMIN, ("Look", "Change", "Incidents"), ""),
    ],
)
def test_the_index_leaves_out_what_the_reader_may_not_run(role: Role, families: tuple[str, ...], note: Line) -> None:
    index = REGISTRY.help(HelpAsked(()), role)

    assert isinstance(index, HelpIndex)
    assert tuple(name for name, _ in index.families) == families
    assert index.note == note


def test_the_index_shows_no_more_of_a_command_than_it_needs_and_leaves_out_what_only_refuses() -> None:
    refusal = Command(("lamp", "burn"), Nothing, run=show, listed=False)
    named = Command(("lamp", "off"), Named, plan=turn_on, risk=Risk.CHANGE)

    index = Registry([SHOW, named, refusal]).help(HelpAsked(()), Role.ADMIN)

    assert isinstance(index, HelpIndex)
    assert index.families == (
        ("Look", (("/ops lamp show", "Show what is on."),)),
        ("Change", (("/ops lamp off <name>", "Turn it on."),)),
    )


def test_a_large_family_has_one_line_in_the_index_and_a_line_for_each_below_its_name() -> None:
    many = [Command(("lamp", word), Nothing, run=show) for word in ("a", "b", "c", "d")]
    registry = Registry([STATUS, *many])

    index, below = (registry.help(HelpAsked(path), Role.ADMIN) for path in ((), ("lamp",)))

    assert isinstance(index, HelpIndex)
    assert isinstance(below, HelpIndex)
    assert [usage for _, entries in index.families for usage, _ in entries] == [
        "/ops lamp a | b | c | d",
        "/ops status",
    ]
    assert len(below.families[0][1]) == 4


def test_a_family_shows_its_own_commands() -> None:
    index = REGISTRY.help(HelpAsked(("lamp",)), Role.RESPONDER)

    assert index == HelpIndex(
        root="/ops lamp",
        families=(
            (
                "",
                (("/ops lamp on [reason ...] [--dry-run]", "Turn it on."), ("/ops lamp show", "Show what is on.")),
            ),
        ),
        note="Left out: 1 for which a role above responder is needed.",
    )


def test_the_slash_commands_follow_from_the_commands_and_the_prefix() -> None:
    registry = Registry([SHOW, ON, STATUS, OPEN], prefix="gw", incident_root="inc")

    slashes = {slash.name: slash for slash in registry.slashes()}

    assert slashes.keys() == {"/gw", "/inc", "/gw-lamp", "/gw-status"}
    assert slashes["/gw"].usage_hint == "incident | lamp | status | help"
    assert slashes["/gw-lamp"].usage_hint == "on | show | help"
    assert slashes["/gw-lamp"].summary == "What can be typed, clicked and done, and how it is found."
    assert slashes["/gw-status"].summary == "Show what is on."
    assert registry.resolve("/inc", "open") == Asked(OPEN, "")
    assert registry.usage(OPEN) == "/inc open [reason ...] [--dry-run]"


def test_a_program_without_incidents_declares_no_command_for_them() -> None:
    assert [slash.name for slash in Registry([STATUS]).slashes()] == ["/ops", "/ops-status"]


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (Command((), Nothing, run=show), "lower-case words"),
        (Command(("Lamp",), Nothing, run=show), "lower-case words"),
        (Command(("lamp", "help"), Nothing, run=show), "not help"),
        (Command(("lamp",), Nothing), "either run or plan"),
        (Command(("lamp",), Nothing, run=show, plan=turn_on), "either run or plan"),
        (Command(("lamp",), Nothing, plan=turn_on), "is no read"),
        (Command(("lamp",), Nothing, run=undescribed), "no docstring"),
    ],
)
def test_a_command_that_cannot_be_offered_stops_the_start(command: Command, fault: str) -> None:
    with pytest.raises(RuntimeError, match=fault):
        Registry([command])


class Odd(BaseModel):
    many: list[str] = Field(default_factory=list)


def test_arguments_that_cannot_be_typed_stop_the_start() -> None:
    with pytest.raises(RuntimeError, match="cannot be typed in chat"):
        Registry([Command(("lamp",), Odd, run=show)])


def test_two_things_of_one_name_stop_the_start() -> None:
    with pytest.raises(RuntimeError, match="two things are called"):
        Registry([STATUS, Command(("status",), Reasoned, run=show)])
    with pytest.raises(RuntimeError, match="two things are called 'light'"):
        Registry([ON], steps=[Step("light", Reasoned, seen)])


def test_a_port_that_nothing_provides_stops_the_start() -> None:
    registry = Registry([SHOW, ON], [Click("lamp.break", click)])

    with pytest.raises(RuntimeError, match=r"\.show asks for clockwork: Clockwork"):
        registry.check({Absent})
    with pytest.raises(RuntimeError, match=r"\.click asks for absent: Absent"):
        registry.check({Clockwork})
    registry.check({Clockwork, Absent})


async def test_a_function_is_closed_over_its_ports() -> None:
    clockwork = Clockwork()

    assert await bind(seen, {Clockwork: clockwork})(None) == Observation(Verdict.DONE, str(clockwork))


def test_a_port_that_a_service_lacks_is_named() -> None:
    with pytest.raises(NotConfigured, match="Absent is not configured"):
        bind(click, {Clockwork: Clockwork()})


def test_adding_a_command_is_adding_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "commands_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "lamp.py").write_text(
        '"""Light."""\n'
        "from bot.core.command import Args, Click, Command\n"
        "from bot.core.results import Text\n"
        "class Show(Args): ...\n"
        "async def show(ctx, args):\n"
        '    """Show what is on."""\n'
        '    return Text(("on",))\n'
        "COMMANDS = (Command(('lamp',), Show, run=show, direct=True),)\n"
        "CLICKS = (Click('lamp.show', show),)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    registry = Registry.discover("commands_of_a_test", commands=[STATUS], steps=[STEP])

    assert isinstance(registry.resolve("/ops-lamp", ""), Asked)
    assert registry.clicks.keys() == {"lamp.show"}
    assert registry.commands.keys() == {("lamp",), ("status",)}
    assert registry.steps.keys() == {"light"}
    for name in [name for name in sys.modules if name.startswith("commands_of_a_test")]:
        del sys.modules[name]
