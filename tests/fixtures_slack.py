"""A local Slack with the bot in it: real wire, real store, and small commands to try the way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

import pytest
from prometheus_client import CollectorRegistry
from psycopg import sql
from pydantic import BaseModel, Field

from bot.core.clock import Clock, now
from bot.core.command import Args, Click, Command, Context, Filling, ServiceArgs, Shortcut
from bot.core.errors import Conflict, NotFound
from bot.core.fleet import Fleet, Service
from bot.core.parse import words
from bot.core.parts import Button
from bot.core.people import Role
from bot.core.plan import Plan, Risk
from bot.core.ports import Chat, MessageRef
from bot.core.redact import Redactor
from bot.core.registry import Registry
from bot.core.results import Result, Text
from bot.demo.workspace import Workspace
from bot.slack.link import Link
from bot.slack.listeners import Door
from bot.slack.metrics import Metrics
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from bot.web.server import build, serving
from bot.web.slack_route import SlackRoute

SECRET = "Tr0ub4dor&3<staple"


@dataclass(slots=True)
class Diary:
    """A port of the test commands: what was run, and what keeps them waiting."""

    entries: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    fail: int = 0


class Say(Args):
    """Arguments of `say`."""

    text: str = words(..., "What to say.")


class Count(Args):
    """Arguments of `count`."""

    number: int = Field(description="How many.", ge=1, le=9)
    unit: str = Field("sheep", description="Of what.")


async def ping(ctx: Context, args: Args, *, diary: Diary) -> Result:
    """Say pong."""
    diary.entries.append(f"ping by {ctx.actor.name}")
    if diary.hold is not None:
        await diary.hold.wait()
    return Text(("pong",))


async def shout(ctx: Context, args: Say) -> Result:
    """Say something where all can read it."""
    return Text((args.text,))


async def count(ctx: Context, args: Count, *, diary: Diary) -> Result:
    """Count things."""
    diary.entries.append(f"count {args.number} {args.unit}")
    return Text((f"{args.number} {args.unit}",))


async def lose(ctx: Context, args: Args) -> Result:
    """Look for what is not there."""
    raise NotFound("No such thing.", hint="Look elsewhere.")


async def explode(ctx: Context, args: Args) -> Result:
    """Have a bug."""
    raise ZeroDivisionError(f"the fault is at {SECRET}")


async def leak(ctx: Context, args: Args) -> Result:
    """Tell a secret."""
    return Text((f"The key is {SECRET}.",), buttons=(Button(f"Use {SECRET}", "press", "row1"),))


async def botch(ctx: Context, args: Args) -> Result:
    """Answer with what no view can show."""
    return Text(cast("tuple[str]", (7,)))


async def where(ctx: Context, args: ServiceArgs, *, service: Service) -> Result:
    """Say which service it is about."""
    return Text((f"{service.name} in {ctx.environment}",))


async def button(ctx: Context, args: Args) -> Result:
    """Offer buttons."""
    buttons = (Button("Press", "press", "row1"), Button("Admin", "admin", "row2"), Button("Ask", "ask", "row3"))
    return Text(("Press it.",), buttons=buttons)


async def post(ctx: Context, args: Say, *, chat: Chat) -> Result:
    """Post to the channel."""
    await chat.post(ctx.channel_id, Text((args.text,), buttons=(Button("Press", "press", "row1"),)))
    return Text(("Posted.",))


async def change(ctx: Context, args: ServiceArgs) -> Plan:
    """Change something."""
    raise AssertionError("it is the engine that plans")


async def press(ctx: Context, row_id: str, *, diary: Diary) -> Result:
    """The first press counts."""
    if diary.fail:
        diary.fail -= 1
        raise ZeroDivisionError("not now")
    if f"pressed {row_id}" in diary.entries:
        raise Conflict("It was pressed before.")
    if diary.hold is not None:
        await diary.hold.wait()
    diary.entries.append(f"pressed {row_id}")
    return Text((f"Pressed by {ctx.actor.name}.",))


async def ask(ctx: Context, row_id: str) -> Filling:
    """Ask for words, and know some already."""
    return Filling(("count",), given={"number": "2"}, kept={"unit": f"goats of {row_id}"})


COMMANDS = (
    Command(("ping",), Args, run=ping, direct=True),
    Command(("shout",), Say, run=shout, public=True),
    Command(("count",), Count, run=count),
    Command(("lose",), Args, run=lose),
    Command(("explode",), Args, run=explode),
    Command(("leak",), Args, run=leak),
    Command(("botch",), Args, run=botch),
    Command(("where",), ServiceArgs, run=where),
    Command(("button",), Args, run=button),
    Command(("post",), Say, run=post),
    Command(("secret", "ping"), Args, run=ping, role=Role.RESPONDER),
    Command(("secret", "change"), ServiceArgs, plan=change, role=Role.RESPONDER, risk=Risk.CHANGE),
)


async def quote(ctx: Context, message: MessageRef, *, diary: Diary) -> Result:
    """Say which message this is. Nobody needs that.

    It is for tests.
    """
    diary.entries.append(f"quoted by {ctx.actor.name}")
    return Text((f"{message.channel} {message.ts} {ctx.thread_ts}",))


async def ask_about(ctx: Context, message: MessageRef) -> Filling:
    """Ask for words about this message."""
    return Filling(("count",), kept={"unit": message.ts})


SHORTCUTS = (Shortcut("quote", "Quote", quote, role=Role.VIEWER), Shortcut("about", "Ask about", ask_about))
CLICKS = (
    Click("press", press),
    Click("admin", press, role=Role.ADMIN),
    Click("ask", ask),
)


class Proposals:
    """Stands where the engine stands: answers with the name of what it was asked to plan."""

    async def propose(self, command: Command, args: BaseModel, ctx: Context) -> Result:
        """A text in place of a plan card."""
        return Text((f"Plan of {command.name} {args} for {ctx.service} ({ctx.environment}) by {ctx.actor.name}",))


@dataclass(frozen=True, slots=True)
class SlackBot:
    """The bot as a test sees it from inside."""

    link: Link
    door: Door
    diary: Diary
    metrics: CollectorRegistry
    store: Postgres

    def counted(self, outcome: str) -> float:
        """How many requests had this outcome."""
        return sum(
            sample.value
            for metric in self.metrics.collect()
            for sample in metric.samples
            if sample.name == "opsbot_requests_total" and sample.labels["outcome"] == outcome
        )


class Refuse(Protocol):
    """Makes the database refuse the next `times` rows of a table."""

    async def __call__(self, table: str, *, times: int) -> None: ...


async def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Return once `condition` holds; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a counter has no event to wait for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_bot(
    workspace: Workspace,
    store: Postgres,
    *,
    transport: str = "socket",
    roles: Roles | None = None,
    clock: Clock = now,
    commands: Iterable[Command] = COMMANDS,
    clicks: Iterable[Click] = CLICKS,
    shortcuts: Iterable[Shortcut] = SHORTCUTS,
    services: tuple[Service, ...] = (Service("gateway", "test", "local", {}),),
    ports: Callable[[Link], Mapping[type, object]] | None = None,
    posts_a_second: float = 1000,
) -> AsyncIterator[SlackBot]:
    """Run the bot against `workspace` until the block ends; members are viewers unless `roles` says otherwise.

    The local Slack takes more messages than the real one, for which half the time of these tests would be waiting.
    """
    metrics = CollectorRegistry()
    diary = Diary()
    registry = Registry(commands, clicks, shortcuts=shortcuts)
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(
            Link.open(
                bot_token=workspace.bot_token,
                api_url=workspace.api_url,
                roles=roles or Roles(default=Role.VIEWER),
                store=store,
                clock=clock,
                redact=Redactor([SECRET]).redact,
                metrics=Metrics(metrics),
                posts_a_second=posts_a_second,
            )
        )
        known = {Diary: diary, Chat: link.chat, Registry: registry, **(ports(link) if ports else {})}
        door = await stack.enter_async_context(
            link.door(registry=registry, fleet=Fleet(services), ports=known, engine=Proposals(), slash="/ops")
        )
        if transport == "http":
            route = SlackRoute(door.receive, signing_secret=workspace.signing_secret, clock=now)
            port = await stack.enter_async_context(
                serving(build(slack=route, checks={}, metrics=metrics), host="127.0.0.1", port=0)
            )
            workspace.request_url = f"http://127.0.0.1:{port}/slack/events"
        else:
            await stack.enter_async_context(link.sockets(door, app_token=workspace.app_token))
        yield SlackBot(link=link, door=door, diary=diary, metrics=metrics, store=store)


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """An empty local Slack."""
    async with Workspace.open(retry_delays=(0.05, 0.05, 0.05)) as workspace:
        yield workspace


@pytest.fixture
def refuse(store: Postgres) -> Refuse:
    """A database that says no on demand."""

    async def refuse(table: str, *, times: int) -> None:
        async with store._pool.connection() as connection:
            await connection.execute("create sequence refused")
            await connection.execute(
                sql.SQL(
                    """create function refuse() returns trigger language plpgsql as $$
                       begin if nextval('refused') <= {} then raise 'not now'; end if; return new; end $$"""
                ).format(times)
            )
            trigger = "create trigger refusing before insert on {} for each row execute function refuse()"
            await connection.execute(sql.SQL(trigger).format(sql.Identifier(table)))

    return refuse


@pytest.fixture
async def slack_bot(workspace: Workspace, store: Postgres) -> AsyncIterator[SlackBot]:
    """The bot with its small commands, over Socket Mode."""
    async with running_bot(workspace, store) as bot:
        yield bot
