"""`opsbot do`: Slack is away, and production is changed all the same, with the same records."""

from __future__ import annotations

import os
import pwd

import pytest

from bot.demo.gateway import Gateway
from bot.demo.outside import look
from tests.app.conftest import Installation
from tests.waiting import until

NOWHERE = "http://127.0.0.1:1/api/"
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def away(installation: Installation) -> Installation:
    """Slack does not answer; the one who runs the tests is Ana."""
    installation.settings["shell"] = {"users": {ME: installation.ana.id}, "channel": installation.channel.id}
    installation.settings["slack"]["api_url"] = NOWHERE
    return installation


@pytest.mark.timeout(240)
async def test_a_change_is_planned_confirmed_seen_and_told_to_slack_when_it_is_back(
    away: Installation, demo: Gateway
) -> None:
    before = await look(demo)
    dismissed, plan = await away.do("maintenance on 10m provider down", typed="n\n")
    between = await look(demo)
    code, said = await away.do("maintenance", "on", "10m", "provider", "down", typed="y\n")
    during = await look(demo)

    assert (dismissed, "absent becomes" in plan.replace("`", "")) == (1, True)
    assert not between.keeps_customers_out
    assert (code, during.keeps_customers_out) == (0, True), said
    assert "done       Reload the workers" in said
    assert "DONE: Turn maintenance on" in said

    away.settings["slack"]["api_url"] = away.workspace.api_url
    await away.start()
    card = await away.ben.wait_for(away.channel, "Turn maintenance on", 60)
    assert f"@{away.ana.name}" in card.plain()
    assert (await away.do("--yes", "maintenance off"))[0] == 0
    after = await look(demo)
    assert before.online.isdisjoint(after.online)
    assert after.serves_customers


async def test_reads_answer_and_what_stands_in_slack_alone_says_so(away: Installation) -> None:
    code, said = await away.do("status")
    private, what = await away.do("incident open private sev1 keys are gone")

    assert (code, "2 of 2 online" in said) == (0, True)
    assert (private, "stands in Slack alone" in what) == (2, True)


@pytest.mark.timeout(240)
async def test_an_incident_is_declared_and_slack_has_all_of_it_when_it_is_back(away: Installation) -> None:
    declared, what = await away.do('incident open sev1 all is down --impact "everybody"')
    noted, _ = await away.do("incident note the provider is down")
    stands, card = await away.do("incident status")

    away.settings["slack"]["api_url"] = away.workspace.api_url
    await away.start()
    channels = away.workspace.core.store.channels
    await until(lambda: any(each.name.startswith("inc-1-") for each in channels.values()), within=60)
    own = next(each for each in channels.values() if each.name.startswith("inc-1-"))
    seen = await away.ana.wait_for(own, "Impact: everybody", 60)

    assert (declared, noted, stands) == (0, 0, 0)
    assert "Incident 1 (Critical): all is down" in what
    assert "comes by itself as soon as Slack takes it" in what
    assert "everybody" in card
    assert f"@{away.ana.name}" in seen.plain()


@pytest.mark.timeout(240)
async def test_an_update_is_looked_at_and_then_told_or_dropped(away: Installation) -> None:
    news = away.workspace.channel("news", [away.ana, away.ben])
    away.settings["incidents"] = {"announce": [news.id]}
    await away.do("incident open sev1 all is down")
    dropped, no = await away.do("incident update it is worse", typed="n\n")
    told, yes = await away.do("incident update it is better", typed="y\n")
    away.settings["slack"]["api_url"] = away.workspace.api_url
    await away.start()
    await until(lambda: any("it is better" in seen.plain() for seen in away.ben.sees(news)), within=60)

    assert (dropped, "Dropped: nobody has read it." in no) == (1, True)
    assert (told, "It goes to" in yes) == (0, True)
    assert not any("it is worse" in seen.plain() for seen in away.ben.sees(news))


@pytest.mark.row("W")
async def test_automation_is_turned_off_without_slack_and_stays_off(away: Installation) -> None:
    code, said = await away.do("automation", "off", "it", "fights", "me")
    _, state = await away.do("automation")
    again, allowed = await away.do("automation on")

    assert (code, "All automation is off." in said.replace("*", "")) == (0, True), said
    assert "All automation is off since" in state.replace("*", "")
    assert "it fights me" in state
    assert (again != 0, "This needs the role commander" in allowed) == (True, True)


async def test_a_user_of_the_host_whom_nobody_named_is_refused(away: Installation) -> None:
    away.settings["shell"]["users"] = {"somebody-else": away.ana.id}

    code, said = await away.do("status")

    assert (code, f"The user {ME} of this host is nobody to me." in said) == (2, True)


async def test_the_role_is_that_of_the_person(away: Installation) -> None:
    away.settings["people"]["users"][away.ana.id] = "viewer"

    code, said = await away.do("--yes", "maintenance on 10m")

    assert code == 2
    assert "needs the role responder" in said
