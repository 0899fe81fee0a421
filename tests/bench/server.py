"""The servers under load, each a process of its own: a bare Bolt app that only acks, and the bot."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, JsonValue
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import now
from bot.core.command import Args, Command, Context
from bot.core.fleet import Fleet
from bot.core.people import Role
from bot.core.redact import Redactor
from bot.core.registry import Registry
from bot.core.results import Result, Text
from bot.slack.inbound import SlashCommand
from bot.slack.link import Link
from bot.slack.metrics import Metrics
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from bot.web.server import build, serving
from bot.web.slack_route import SlackRoute
from tests.bench.wire import HOST


def announce(port: int) -> None:
    """Tell the one who started us where we listen."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def bare(wanted: Mapping[str, Any]) -> None:
    """Bolt as its documentation has it, with the setting that spares the 10 ms poll."""
    client = AsyncWebClient(token=wanted["token"], base_url=wanted["api"])
    app = AsyncApp(client=client, signing_secret=wanted["secret"], process_before_response=True)

    @app.command("/ops")
    async def on_command(ack: AsyncAck) -> None:
        await ack()

    @app.event("message")
    async def on_message() -> None:
        """Stores nothing."""

    if wanted["transport"] == "socket":
        await AsyncSocketModeHandler(app, wanted["app_token"]).connect_async()  # type: ignore[no-untyped-call]  # Bolt's own
        announce(0)
    else:
        runner = web.AppRunner(app.web_app("/slack/events"), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        announce(runner.addresses[0][1])
    await asyncio.Event().wait()


async def ping(_ctx: Context, _args: Args) -> Result:
    """Say pong."""
    return Text(("pong",))


def drop(typed: SlashCommand) -> None:
    """Take a command and do nothing."""


class NoEngine:
    """No benchmark plans a change."""

    async def propose(self, command: Command, args: BaseModel, ctx: Context) -> Result:
        """Never called."""
        raise AssertionError(command.name, args, ctx)


async def never(_connection: object, task: str, _lock: str | None, _args: Mapping[str, JsonValue]) -> None:
    """Jobs are not what is measured; the one kind that comes is a message that Slack was too slow to take."""
    logging.getLogger(__name__).debug("%s deferred", task)


async def ours(wanted: Mapping[str, Any]) -> None:
    """The bot's door, pipeline and store, with as many commands as `commands` says."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    names = [("ping",), *((f"other-{number}",) for number in range(wanted.get("commands", 1) - 1))]
    metrics = CollectorRegistry()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Postgres.open(wanted["database"], defer=never, audit_key=b"k" * 32))
        link = await stack.enter_async_context(
            Link.open(
                bot_token=wanted["token"],
                api_url=wanted["api"],
                roles=Roles(default=Role.VIEWER),
                store=store,
                clock=now,
                redact=Redactor([f"secret-value-{number:04}" for number in range(30)]).redact,
                metrics=Metrics(metrics),
            )
        )
        registry = Registry([Command(name, Args, run=ping) for name in names])
        door = await stack.enter_async_context(
            link.door(registry=registry, fleet=Fleet(()), ports={}, engine=NoEngine(), slash="/ops")
        )
        if wanted.get("ack_only"):
            # What is left: verify, parse, tell whose it is, ack. Running, audit and the answer are counted elsewhere.
            door._pipeline.command = drop  # type: ignore[method-assign]
        if wanted["transport"] == "socket":
            await stack.enter_async_context(link.sockets(door, app_token=wanted["app_token"]))
            announce(0)
        else:
            route = SlackRoute(door.receive, signing_secret=wanted["secret"], clock=now)
            app = build(slack=route, checks={}, metrics=metrics)
            announce(await stack.enter_async_context(serving(app, host=HOST, port=0)))
        gc.collect()  # as `opsbot run` does once it has started
        gc.freeze()
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run({"bare": bare, "ours": ours}[sys.argv[1]](json.loads(sys.argv[2])))
