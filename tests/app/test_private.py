"""A private incident in the whole bot: its word is in its channel and in nothing that anybody else is shown."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.core.schedules import Template
from bot.demo.workspace.records import Channel
from tests.app.conftest import Installation
from tests.app.test_alerts import send
from tests.waiting import until

WORD = "zebra"
"""Stands in all that is said in the private incident."""

TYPED = (
    f"/incident note the {WORD} was seen",
    f"/incident edit --title 'Stolen {WORD} keys' --impact 'every {WORD}'",
    f"/incident severity critical {WORD}",
    f"/incident update the {WORD} is away",
    f"/incident handover feed the {WORD}",
    f"/incident action add Fence the {WORD} --owner @ana",
    f"/ops automation off {WORD}",
    f"/ops watches snooze Workers 1h {WORD}",
    f"/incident resolve the {WORD} is caught",
    "/incident report",
)

ASKED = (
    *("/ops status", "/ops active", "/ops changes", "/ops history", "/ops reviews", "/ops automation", "/ops watches"),
    *("/ops alerts", "/ops maintenance show", "/ops maintenance window", "/ops digest list", "/ops digest tasks"),
    *(
        "/ops monthly",
        "/ops oncall",
        "/ops checks",
        "/ops scale 3 traffic",
        *(f"/ops digest run {each}" for each in Template),
    ),
    *("/incident list --all", "/incident metrics --last 30d --here", "/incident actions --everywhere"),
    *("/incident status --incident 1", "/incident timeline --incident 1", "/incident timeline --all --incident 1"),
    *("/incident report --incident 1", "/incident report history --incident 1", "/incident report export --incident 1"),
    "/incident open high Stolen keys of the gateway",
)

DIGESTS = ("Everything that was looked at", "The week of", "Monthly review of", "Performance Report of")
CHARTS = 6
"""What comes of the four digests."""


@pytest.fixture
async def heard(installation: Installation) -> AsyncIterator[list[str]]:
    """The bodies that another system is sent, which is told of incidents."""
    bodies: list[str] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response(text="thanks")

    app = web.Application()
    app.router.add_post("/events", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    installation.settings["incident_webhook"] = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/events"}
    (installation.file.parent / "secrets" / "incident_webhook__secret").write_text("s3cr3t-of-the-events-in-tests")
    yield bodies
    await runner.cleanup()


@pytest.mark.row("I5")
@pytest.mark.timeout(400)
async def test_no_word_of_a_private_incident_is_in_anything_that_others_are_shown(
    installation: Installation, heard: list[str]
) -> None:
    workspace, ana, ben, ops = installation.workspace, installation.ana, installation.ben, installation.channel
    news, reports, told = (workspace.channel(name, [ana, ben]) for name in ("news", "reports", "told"))
    installation.settings["incidents"] = {"announce": [news.id], "reports_channel": reports.id, "responders": [ben.id]}
    (service,) = installation.settings["services"].values()
    service["watches"] = {"channel": told.id}
    installation.settings["schedules"] = [
        {"name": each.value, "channel": ops.id, "when": "0 5 1 1 *", "zone": "UTC", "template": each.value}
        for each in Template
    ]
    bot = await installation.start()
    await send(installation, bot)
    await ana.wait_for(ops, "Disk almost full", 30)

    await ana.command(ops, f"/incident open private high Stolen {WORD} --impact 'every {WORD}'")
    await until(lambda: _own(installation) is not None, within=30)
    own = _own(installation)
    assert own is not None
    await until(lambda: any(WORD in seen.plain() for seen in ana.sees(own)), within=30)
    await ana.say(own, f"the {WORD} runs")
    listed = (await (await ana.command(own, "/ops alerts")).reply(timeout=30)).plain()
    (alert,) = re.findall(r"\b[0-9a-f]{8}\b", listed)
    for line in (*TYPED, f"/ops alerts silence {alert} 1h {WORD}"):
        assert "fail" not in (await (await ana.command(own, line)).reply(timeout=30)).plain(), line
    for line in (f"/ops freeze 1h {WORD}", f"/ops maintenance on 10m {WORD}"):
        await ana.command(own, line)
        plan = await ana.wait_for(own, lambda seen: "Confirm and run" in seen.buttons(), 30)
        await ana.click(plan, "Confirm and run")
        await until(lambda: not any("Confirm and run" in seen.buttons() for seen in ana.sees(own)), within=30)
    await ana.wait_for(own, "done · ", 60)
    for line in ASKED:
        await (await ben.command(ops, line)).reply(timeout=60)
    await ben.open_home()
    home = await ben.wait_for_home()
    await until(lambda: any("Stolen keys" in body for body in heard), within=30)
    await until(lambda: all(any(each in seen.plain() for seen in ben.sees(ops)) for each in DIGESTS), within=60)
    await until(
        lambda: sum(file.name.endswith(".png") for file in workspace.core.store.files.values()) == CHARTS, within=60
    )

    assert ben.id not in own.members
    assert sum(WORD in seen.plain() for seen in ana.sees(own)) > len(TYPED) / 2
    assert [line for line in _outside(installation, own) if WORD in line] == []
    assert WORD not in repr(home)
    assert WORD not in json.dumps(heard)
    assert WORD not in (await bot.get("/metrics"))[1]


def _own(installation: Installation) -> Channel | None:
    """The incident's channel."""
    channels = installation.workspace.core.store.channels.values()
    return next((each for each in channels if each.name.startswith("inc-1")), None)


def _outside(installation: Installation, own: Channel) -> list[str]:
    """All that anybody but Ana can read in other channels and conversations, with the names and contents of files."""
    store = installation.workspace.core.store
    anas = store.direct(installation.ana.id, store.bot.id)
    elsewhere = [each for each in store.channels.values() if each not in (own, anas)]
    messages = [message for channel in elsewhere for message in channel.messages.values()]
    messages += [
        each for (_, who), held in store.ephemerals.items() if who != installation.ana.id for each in held.values()
    ]
    files = [file for file in store.files.values() if file.channels != [own.id]]
    return [
        *(f"{channel.name}: {channel.topic.value}" for channel in elsewhere),
        *(f"{message.text} {message.blocks} {message.files}" for message in messages),
        *(f"{file.name} {file.title} {file.content!r}" for file in files),
    ]
