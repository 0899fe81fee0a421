"""Alerts at whole bots, of which some are killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from http import HTTPStatus

import aiohttp
import pytest
from psycopg import AsyncConnection

from bot.alerts.intake import OWN_MESSAGES
from bot.demo.workspace import Seen
from tests.app.conftest import Bot, Installation
from tests.waiting import until

STORM = 2400
"""Requests: more than two replicas take at once."""


async def send(installation: Installation, bot: Bot, *, state: str = "firing") -> None:
    """Send an alert as the demo's prompt says, with the secret from its file."""
    secret = (installation.file.parent / "secrets" / "alerts__generic_secret").read_text()
    alert = {"id": "disk-1", "title": "Disk almost full", "severity": "critical", "state": state}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session,
        session.post(f"http://127.0.0.1:{bot.port}/webhooks/generic", json={"alerts": [alert]}) as answer,
    ):
        assert (answer.status, await answer.json()) == (200, {"stored": 1})


def told(installation: Installation) -> list[Seen]:
    """What the channel says of the alert."""
    return [seen for seen in installation.ana.sees(installation.channel) if "Disk almost full" in seen.plain()]


@pytest.mark.timeout(180)
async def test_an_alert_is_one_message_though_both_replicas_are_killed_between_the_post_and_its_record(
    installation: Installation,
) -> None:
    bots = [await installation.start() for _ in range(2)]
    installation.workspace.faults.slow("chat.postMessage", 10)
    await send(installation, bots[0])
    # Looked for, and so on its way: Slack takes the message, and nobody is left to hear of it.
    await until(lambda: any(call.method == "conversations.history" for call in installation.workspace.calls), within=20)
    await asyncio.sleep(1)
    for bot in bots:
        await bot.kill()
    unposted = told(installation)
    await until(lambda: len(told(installation)) == 1, within=30)
    installation.workspace.faults.clear()
    third = await installation.start()
    await asyncio.sleep(8)  # in which the dead replica's job is taken over, and a second post would have come
    await send(installation, third, state="resolved")

    await until(lambda: "Resolved" in told(installation)[0].plain(), within=30)
    assert unposted == []
    assert len(told(installation)) == 1


@pytest.mark.timeout(180)
async def test_a_storm_over_two_replicas_is_a_handful_of_messages_and_no_alert_is_lost(
    installation: Installation, database: str
) -> None:
    bots = [await installation.start() for _ in range(2)]
    secret = (installation.file.parent / "secrets" / "alerts__generic_secret").read_text()
    headers = {"Authorization": f"Bearer {secret}"}
    answers: Counter[int] = Counter()
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=200)) as session:

        async def tell(number: int) -> bool:
            """Send one that is a group of its own, to whichever is next, until it is taken."""
            turn = sum(answers.values())
            body = {"alerts": [{"id": f"a{number}", "title": f"Alert {number}"}]}
            async with session.post(f"http://127.0.0.1:{bots[turn % 2].port}/webhooks/generic", json=body) as answer:
                answers[answer.status] += 1
                return answer.ok

        await asyncio.gather(*(until(partial(tell, number), within=90) for number in range(STORM)))

    def is_told() -> bool:
        told = alerts(installation)
        return len(told) > OWN_MESSAGES and any(f"{STORM - OWN_MESSAGES:,} firing" in seen.plain() for seen in told)

    await until(is_told, within=60)
    async with await AsyncConnection.connect(database) as connection:
        stored = await (await connection.execute("select count(*) from alerts where ended_at is null")).fetchone()

    assert stored == (STORM,)
    assert answers.keys() <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert len(alerts(installation)) == OWN_MESSAGES + 1


def alerts(installation: Installation) -> list[Seen]:
    """Every message in the channel that tells of alerts."""
    return [seen for seen in installation.ana.sees(installation.channel) if " firing" in seen.plain()]
