"""A storm of alerts: 10,000 of them, each a request of its own, at the whole bot."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

from bot.core.clock import now
from bot.store.postgres import Postgres
from tests.bench.figures import Figure, percentile
from tests.bench.ground import Ground, Server
from tests.bench.server import never
from tests.bench.wire import HOST

COUNT, GROUPS, CLIENTS = 10_000, 1_000, 64
_SECRET = "a-secret-of-the-benchmark"


async def alerts(ground: Ground) -> AsyncIterator[Figure]:
    """How fast they are stored, what the bot grows by, and how many messages people get."""
    channel = ground.workspace.channel("alerts", members=[ground.ana])
    more = {"alerts": {"channel": channel.id}}
    secrets = {"OPSBOT_ALERTS__GENERIC_SECRET": _SECRET}
    data = ground.folder / "storm"
    async with ground.bot(data, database=ground.database, more=more, secrets=secrets) as server:
        await asyncio.sleep(2)
        before, cpu = server.memory(), server.cpu()
        latencies, rate = await _storm(ground, server)
        after, cpu = server.memory(), server.cpu() - cpu
        await asyncio.sleep(15)  # for the last of the messages
        stored = await _stored(ground)
        assert stored == COUNT, stored
        messages = [seen for seen in ground.ana.sees(channel) if not seen.ephemeral]
    yield Figure("alerts.storm", rate, "1/s", COUNT / 60, "10,000 a minute", ">= 1")
    yield Figure("alerts.cpu", cpu, "s", 60, "a core for the minute", "<= 0.5")
    yield Figure("alerts.slowest", percentile(latencies, 0.99) * 1e3, "ms", 5000, "what PagerDuty waits for", "<= 1")
    yield Figure("alerts.memory", after, "MB", before, "itself before the storm", "<= 1.3")
    yield Figure("alerts.messages", len(messages), "messages", GROUPS, "groups that fire", "<= 0.02")


async def _storm(ground: Ground, server: Server) -> tuple[list[float], float]:
    """Latencies of all requests, and how many a second there were."""
    latencies: list[float] = []
    requests = iter([_request(number) for number in range(COUNT)])

    async def client() -> None:
        for request in requests:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            while status == HTTPStatus.SERVICE_UNAVAILABLE:  # as every source does
                began = time.perf_counter()
                code, _ = await ground.lines.ask(server.port, request)
                latencies.append(time.perf_counter() - began)
                status = HTTPStatus(code)
            assert status == HTTPStatus.OK, status

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return latencies, COUNT / (time.perf_counter() - began)


async def _stored(ground: Ground) -> int:
    async with (
        Postgres.open(ground.database, defer=never, audit_key=b"k" * 32) as store,
        store.transaction() as tx,
    ):
        return sum(view.firing for view in await tx.alerts.firing(now=now()))


def _request(number: int) -> bytes:
    alert = {
        "id": f"alert-{number}",
        "title": f"Payment worker {number} does not answer",
        "group": f"rack {number % GROUPS}",
        "severity": "critical" if number % 7 == 0 else "warning",
        "text": "Three probes in a row were not answered within 5 s; the provider answers all of its own.",
        "url": f"https://monitoring.example.com/alerts/{number}",
        "labels": {"instance": f"10.0.{number // 250}.{number % 250}:9100", "job": "payments", "zone": "eu-1"},
    }
    body = json.dumps({"alerts": [alert]}).encode()
    head = (
        "POST /webhooks/generic HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {_SECRET}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
