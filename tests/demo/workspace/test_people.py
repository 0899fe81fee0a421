"""users.*, usergroups.*, team.* and bots.*: who is who."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.test_chat import error_of


async def test_a_person_is_described(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana", tz="Asia/Kolkata")

    user = (await client.users_info(user=ana.id))["user"]

    assert (user["name"], user["tz"], user["tz_offset"]) == ("ana", "Asia/Kolkata", 19_800)
    assert user["profile"]["email"] == "ana@example.com"
    assert not user["is_restricted"]
    assert ws.person("ana") is ana
    assert (ana.mention, ana.name) == (f"<@{ana.id}>", "ana")
    assert ana in ws.people()


async def test_guests_strangers_and_bots_are_marked(ws: Workspace, client: AsyncWebClient) -> None:
    gus = ws.person("gus", restricted=True)
    eve = ws.person("eve", team_id="T999")
    ci = ws.person("ci", bot=True)

    guest, stranger, bot = [(await client.users_info(user=one.id))["user"] for one in (gus, eve, ci)]

    assert guest["is_restricted"]
    assert (stranger["team_id"], stranger["is_stranger"]) == ("T999", True)
    assert (bot["is_bot"], bot["profile"]["bot_id"]) == (True, ci.user.bot_id)
    assert (await client.bots_info(bot=str(ci.user.bot_id)))["bot"]["name"] == "ci"
    assert await error_of(client.bots_info(bot="B0")) == "bot_not_found"
    assert await error_of(client.users_info(user="U0")) == "user_not_found"


async def test_an_address_is_told_and_looked_up_only_with_its_scope(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")

    found = await client.users_lookupByEmail(email="ana@example.com")
    unknown = await error_of(client.users_lookupByEmail(email="x@example.com"))
    ws.scopes.remove("users:read.email")

    assert (found["user"]["id"], unknown) == (ana.id, "users_not_found")
    assert await error_of(client.users_lookupByEmail(email="ana@example.com")) == "missing_scope"
    assert "email" not in (await client.users_info(user=ana.id))["user"]["profile"]


async def test_people_are_listed_in_pages(ws: Workspace, client: AsyncWebClient) -> None:
    for name in ("ana", "ben"):
        ws.person(name)

    names = [user["name"] async for page in await client.users_list(limit=3) for user in page["members"]]

    assert names == ["opsbot", "slackbot", "ana", "ben"]


async def test_user_groups_have_members(ws: Workspace, client: AsyncWebClient) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    group = ws.group("oncall", [ana])
    ws.group("oncall", [ana, ben])

    (listed,) = (await client.usergroups_list(include_users=True))["usergroups"]

    assert (listed["handle"], listed["users"]) == ("oncall", [ana.id, ben.id])
    assert (await client.usergroups_users_list(usergroup=group.id))["users"] == [ana.id, ben.id]
    assert await error_of(client.usergroups_users_list(usergroup="S0")) == "no_such_subteam"


async def test_the_team_is_described(ws: Workspace, client: AsyncWebClient) -> None:
    assert (await client.team_info())["team"]["id"] == ws.team_id
