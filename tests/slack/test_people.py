from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.people import Role
from bot.demo.workspace import Person, Workspace
from bot.slack.client import identify
from bot.slack.directory import AGAIN, FRESH, STALE, Directory
from bot.slack.people import People, Roles
from bot.store.postgres import Postgres
from tests.conftest import SetClock
from tests.fixtures_slack import SlackBot, running_bot


@pytest.fixture
def person(workspace: Workspace, request: pytest.FixtureRequest) -> Person:
    """Somebody who may not use the bot, made by the parameter."""
    make: dict[str, dict[str, object]] = {
        "guest": {"restricted": True},
        "stranger": {"team_id": "T0OTHER0000"},
        "bot": {"bot": True},
    }
    return workspace.person("mallory", **make[request.param])  # type: ignore[arg-type]


@pytest.mark.parametrize("person", ["guest", "stranger", "bot"], indirect=True)
async def test_nobody_gets_help_and_whom_to_ask_whatever_they_type(
    workspace: Workspace, store: Postgres, person: Person
) -> None:
    boss = workspace.person("boss")
    ops = workspace.channel("ops", [boss, person])
    roles = Roles(users={boss.id: Role.ADMIN, person.id: Role.ADMIN}, default=Role.VIEWER)

    async with running_bot(workspace, store, roles=roles) as bot:
        text = (await (await person.command(ops, "/ops ping")).reply()).plain()

    assert "Ask @boss" in text
    assert "pong" not in text
    assert "Say pong" not in text
    assert bot.diary.entries == []


async def test_a_member_without_a_role_is_nobody(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    async with running_bot(workspace, store, roles=Roles()) as bot:
        text = (await (await ana.command(ops, "/ops ping")).reply()).plain()

    assert "Ask whoever runs this bot" in text
    assert bot.diary.entries == []


async def test_a_deactivated_person_is_nobody(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ana.user.deleted = True

    text = (await (await ana.command(workspace.channel("ops"), "/ops ping")).reply()).plain()

    assert "pong" not in text


class Office:
    """A workspace with a group, and the people part of the bot on it."""

    def __init__(self, workspace: Workspace, people: People, clock: SetClock, ana: Person) -> None:
        self.workspace = workspace
        self.people = people
        self.clock = clock
        self.ana = ana

    async def role(self) -> tuple[Role, str]:
        actor = await self.people.actor(self.ana.id, self.workspace.team_id)
        return actor.role, actor.note


@pytest.fixture
async def office(workspace: Workspace, slack_bot: SlackBot, store: Postgres, clock: SetClock) -> Office:
    ana = workspace.person("ana")
    workspace.group("oncall", [ana])
    client = slack_bot.link.client
    directory = Directory(client, team_id=(await identify(client)).team_id, store=store, clock=clock)
    roles = Roles(groups={"@oncall": Role.RESPONDER}, default=Role.VIEWER)
    return Office(workspace, People(directory, roles, team_id=workspace.team_id), clock, ana)


async def test_a_group_gives_its_members_a_role(office: Office) -> None:
    assert await office.role() == (Role.RESPONDER, "")


async def test_a_group_gives_others_nothing(office: Office) -> None:
    office.workspace.group("oncall", [])

    assert await office.role() == (Role.VIEWER, "")


async def test_a_group_is_found_by_its_id_too(office: Office) -> None:
    group = office.workspace.group("oncall", [office.ana])

    roles = Roles(groups={group.id: Role.COMMANDER})
    people = People(office.people._directory, roles, team_id=office.workspace.team_id)

    assert (await people.actor(office.ana.id, office.workspace.team_id)).role is Role.COMMANDER


async def test_many_requests_ask_slack_once_until_the_answer_is_old(office: Office) -> None:
    await office.role()
    await office.role()
    asked = [call.method for call in office.workspace.calls]
    office.clock.advance(FRESH)
    await office.role()

    assert asked.count("usergroups.users.list") == asked.count("users.info") == 1
    assert [call.method for call in office.workspace.calls].count("usergroups.users.list") == 2


async def test_when_slack_fails_the_stored_answer_counts_for_a_day_and_that_is_said(office: Office) -> None:
    await office.role()
    office.workspace.faults.fail("usergroups.*", "internal_error", times=99)
    office.clock.advance(FRESH)
    role, note = await office.role()
    office.clock.advance(STALE - FRESH + timedelta(minutes=1))
    role_later, note_later = await office.role()

    assert role is Role.RESPONDER
    assert "@oncall could not be read; I use its members of the last day." in note
    assert role_later is Role.VIEWER
    assert "@oncall could not be read, so it gives nobody a role now." in note_later


async def test_a_stored_answer_is_not_asked_for_again_at_once(office: Office) -> None:
    await office.role()
    office.workspace.faults.fail("users.info", "internal_error", times=1)
    office.clock.advance(FRESH)
    first = await office.role()
    second = await office.role()
    office.clock.advance(AGAIN)
    third = await office.role()

    assert "within the last day" in first[1]
    assert second == first
    assert third == (Role.RESPONDER, "")


async def test_somebody_of_whom_slack_never_said_anything_is_nobody(office: Office) -> None:
    office.workspace.faults.fail("users.info", "internal_error", times=1)

    role, note = await office.role()

    assert role is Role.NOBODY
    assert "Slack could not say who is asking" in note


async def test_a_group_that_slack_does_not_know_gives_no_role(office: Office) -> None:
    roles = Roles(groups={"nosuch": Role.ADMIN}, default=Role.VIEWER)
    people = People(office.people._directory, roles, team_id=office.workspace.team_id)

    actor = await people.actor(office.ana.id, office.workspace.team_id)

    assert actor.role is Role.VIEWER
    assert "nosuch could not be read" in actor.note


async def test_an_uncertain_role_is_told_to_the_person(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    workspace.faults.fail("usergroups.*", "internal_error", times=9)

    async with running_bot(workspace, store, roles=Roles(groups={"oncall": Role.ADMIN}, default=Role.VIEWER)):
        turn = await ana.command(ops, "/ops ping")

    assert [reply.plain() for reply in turn.replies()] == [
        "pong",
        "oncall could not be read, so it gives nobody a role now.",
    ]


def test_whom_to_ask_names_the_admins() -> None:
    roles = Roles(users={"U1": Role.ADMIN, "U2": Role.VIEWER}, groups={"leads": Role.ADMIN})

    assert "@leads" in str(roles.whom_to_ask)
    assert "U1" in str(roles.whom_to_ask)
    assert "U2" not in str(roles.whom_to_ask)
