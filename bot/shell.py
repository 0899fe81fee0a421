"""`opsbot do`: what is typed in Slack, in the host's own shell, for when Slack is away; the engine is the same."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn, cast
from uuid import uuid4

from pydantic import JsonValue

from bot.app import audit_key, build_engine, database, private_folder, registry_of
from bot.core.clock import Clock, now
from bot.core.errors import NotAllowed, Unreachable
from bot.core.integration import Integration
from bot.core.mrkdwn import plain
from bot.core.parts import Button
from bot.core.people import Actor, Role
from bot.core.ports import Chat
from bot.core.records import StepRow, Store
from bot.core.redact import Redactor
from bot.core.results import OperationState, PlanCard, PlanState, Result, StepState
from bot.jobs.queue import defer
from bot.jobs.worker import Worker
from bot.operations.engine import Engine
from bot.operations.tasks import RUN
from bot.services import build_services, learn
from bot.settings import Settings
from bot.slack.ask import Ask, Reply
from bot.slack.dispatch import Dispatcher, Trace
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from bot.views import Templates, render
from integrations.http import HttpClient

LOOK_EVERY = 0.3
"""Seconds between two looks at an operation that runs."""

Say = Callable[[str], None]

_QUESTIONS = {
    "operation.confirm": "operation.dismiss",
    "incident.update_announce": "incident.update_drop",
    "redact.confirm": "redact.dismiss",
}
"""The clicks that do what was typed once its author has looked at it, each with the one that drops it."""


class NoSlack:
    """The chat of a shell. What a change has to tell Slack waits on the queue for a bot that is connected."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        def refuse(*_args: object, **_named: object) -> NoReturn:
            raise Unreachable("A shell is not connected to Slack.", hint="type this in Slack")

        return refuse


def no_slack() -> Chat:
    """What stands for Slack where there is none."""
    return cast("Chat", NoSlack())


@dataclass(frozen=True, slots=True)
class Shell:
    """One person at the host; `say` is given redacted lines."""

    store: Store
    engine: Engine
    dispatcher: Dispatcher
    actor: Actor
    channel: str
    root: str
    redact: Callable[[str], str]
    clock: Clock
    say: Say

    async def do(self, words: str, *, agree: Callable[[str], bool]) -> bool:
        """Do what is typed, if the person says yes to what it asks; True when it answered, or was seen to be done."""
        reply = Reply(self.actor.user_id, self.channel)
        ask = Ask(self.root, words, self.actor.user_id, self.actor.team_id, f"shell:{uuid4().hex}", reply)
        trace, outcome = Trace(actor=self.actor), "failed"
        try:
            result = await self.dispatcher.ask(ask, self.actor, trace)
            outcome = "done"
        except NotAllowed:
            outcome = "denied"
            raise
        finally:
            await self._record(trace, outcome)
        assert result is not None  # only a form has no answer, and a shell opens none
        self._show(result)
        question = _question(result)
        if question is None:
            return True
        is_agreed = agree(f"{question.label}?")
        verb = question.verb if is_agreed else _QUESTIONS[question.verb]
        answer = await self.dispatcher.click(verb, question.row_id, ask, self.actor, trace)
        self._show(answer)
        if not is_agreed or not isinstance(answer, PlanCard):
            return is_agreed
        return answer.state is PlanState.ACCEPTED and await self._follow(question.row_id)

    async def _follow(self, operation_id: str) -> bool:
        """Say each step as it ends, and how the operation did."""
        told: set[tuple[bool, int]] = set()
        while True:
            async with self.store.transaction() as tx:
                operation = await tx.operations.get(operation_id)
                rows = await tx.operations.steps(operation_id)
            for row in rows:
                place = (row.undo, row.number)
                if row.state not in {StepState.WAITING, StepState.RUNNING} and place not in told:
                    told.add(place)
                    self._say(_step(row))
            if operation.state.is_final:
                self._say(
                    f"{operation.state.value.upper()}: {operation.plan.title} on {operation.service}. {operation.why}"
                )
                return operation.state is OperationState.DONE
            await asyncio.sleep(LOOK_EVERY)

    def _show(self, result: Result | None) -> None:
        if result is not None:
            self._say(plain(render(result).text))

    def _say(self, text: str) -> None:
        self.say(self.redact(text))

    async def _record(self, trace: Trace, outcome: str) -> None:
        args = trace.args.model_dump(mode="json", exclude_defaults=True) if trace.args else {}
        data: dict[str, JsonValue] = {"command": trace.name, "args": args, "shell": self.actor.name, "outcome": outcome}
        async with self.store.transaction() as tx:
            await self.engine.trail.add(tx, "command", actor=self.actor.user_id, data=data)


@asynccontextmanager
async def open_shell(
    settings: Settings, *, known: Mapping[str, Integration], redactor: Redactor, say: Say, clock: Clock = now
) -> AsyncIterator[Shell]:
    """The parts of the bot that need no Slack; operations are run here where no bot runs them.

    Raises `NotAllowed` for an operating system user whom the configuration does not know.
    """
    roles = Roles(settings.people.users, settings.people.groups, settings.people.default_role)
    actor = _actor(settings.shell.users, roles)
    data = private_folder(settings.data_dir)
    async with AsyncExitStack() as stack:
        conninfo = await stack.enter_async_context(database(settings))
        http = await stack.enter_async_context(HttpClient())
        systems = build_services(settings, known=known, http=http, data=data)
        stack.push_async_callback(systems.close)
        fleet = systems.fleet
        store = await stack.enter_async_context(Postgres.open(conninfo, defer=defer, audit_key=audit_key(data)))
        await learn(redactor, fleet)
        registry = registry_of(settings)
        engine, ports = build_engine(
            settings,
            store=store,
            fleet=fleet,
            registry=registry,
            chat=no_slack(),
            documents=Templates(settings.templates),
            clock=clock,
            redact=redactor.redact,
        )
        worker = Worker(conninfo, {RUN: engine.run})
        worker.start()
        stack.push_async_callback(worker.stop)
        stack.callback(engine.drain)
        root = f"/{settings.slack.command}"
        dispatcher = Dispatcher(
            registry=registry,
            fleet=fleet,
            ports=ports,
            engine=engine,
            forms=None,
            clock=clock,
            whom_to_ask=roles.whom_to_ask,
        )
        yield Shell(store, engine, dispatcher, actor, settings.shell.channel, root, redactor.redact, clock, say)


def _actor(users: Mapping[str, str], roles: Roles) -> Actor:
    """Who types: the user of this process as the kernel knows it, never a name from the environment.

    A role that comes from a group counts only in Slack, which alone knows its members.
    """
    name = pwd.getpwuid(os.getuid()).pw_name
    user_id = users.get(name)
    if user_id is None:
        raise NotAllowed(
            f"The user {name} of this host is nobody to me.", hint="An administrator names them in shell.users."
        )
    return Actor(user_id, name, max(roles.users.get(user_id, Role.NOBODY), roles.default))


def _question(result: Result) -> Button | None:
    """The button that does what was typed, of a result that waits for it."""
    buttons: tuple[Button, ...] = getattr(result, "buttons", ())
    return next((button for button in buttons if button.verb in _QUESTIONS), None)


def _step(row: StepRow) -> str:
    title = f"Put back: {row.title}" if row.undo else row.title
    return f"  {row.state.value:<10} {title}{f': {row.evidence}' if row.evidence else ''}"
