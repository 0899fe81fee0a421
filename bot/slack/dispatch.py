"""From words to a result: find the command, check the role, read the arguments, run it or have it planned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import BaseModel

from bot.core.clock import Clock
from bot.core.command import Click, Command, Context, Filling, ServiceArgs, Shortcut
from bot.core.errors import IntegrationError, NotAllowed, NotFound, UsageError
from bot.core.fleet import Fleet, Service
from bot.core.parameters import parameters
from bot.core.parse import gather, validate
from bot.core.people import Actor, Role
from bot.core.ports import MessageRef
from bot.core.prose import Line
from bot.core.registry import HelpAsked, Registry, bind
from bot.core.results import CommandHelp, HelpIndex, Result
from bot.slack.ask import Ask
from bot.slack.forms import Forms


class Proposer(Protocol):
    """The engine, as far as a command needs it."""

    async def propose(self, command: Command, args: BaseModel, ctx: Context) -> Result:
        """Plan the change and answer with the card that asks for a decision."""
        ...


@dataclass(slots=True)
class Trace:
    """What is known of a request so far, for its answer, the audit and the metrics."""

    name: str = "unknown"
    actor: Actor | None = None
    args: BaseModel | None = None
    public: bool = False
    double: bool = False


class Dispatcher:
    """Runs commands and clicks for people whose role allows it; without `forms` what is missing is only said."""

    def __init__(
        self,
        *,
        registry: Registry,
        fleet: Fleet,
        ports: Mapping[type, object],
        engine: Proposer,
        forms: Forms | None,
        clock: Clock,
        whom_to_ask: Line,
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._ports = ports
        self._engine = engine
        self._forms = forms
        self._clock = clock
        self._whom_to_ask = whom_to_ask
        self._bound: dict[tuple[Callable[..., Any], str], Callable[..., Awaitable[Any]]] = {}

    async def ask(self, ask: Ask, actor: Actor, trace: Trace) -> Result | None:
        """The answer to typed words; None when a form was opened that asks for more."""
        if not actor.role:
            trace.name = "help"
            return self._help(HelpAsked(()), actor)
        asked = self._registry.resolve(ask.slash, ask.text)
        if isinstance(asked, HelpAsked):
            trace.name = "help"
            return self._help(asked, actor)
        command = asked.command
        self._authorise(command, actor, trace)
        try:
            given = gather(asked.rest, command.args)
            if (
                self._forms
                and ask.trigger_id
                and any(p.required and p.name not in given for p in parameters(command.args))
            ):
                with suppress(IntegrationError):  # without a form, the sentence below says what is missing
                    await self._forms.open(command, given, ask)
                    return None
            args = validate(given, command.args)
        except UsageError as error:
            error.hint = error.hint or f"Usage: {self._registry.usage(command)}"
            raise
        return await self.run(command, args, ask, actor, trace)

    def read(self, command: Command, given: Mapping[str, str], actor: Actor, trace: Trace) -> BaseModel:
        """The arguments that a form gave; `UsageError` has what is wrong by field."""
        self._authorise(command, actor, trace)
        return validate(given, command.args)

    async def run(self, command: Command, args: BaseModel, ask: Ask, actor: Actor, trace: Trace) -> Result:
        """Run a read, or have a change planned; whoever calls this has checked the role."""
        trace.name, trace.public, trace.args = command.name, command.public, args
        ctx, service = self._context(actor, ask), None
        if isinstance(args, ServiceArgs):
            service = self._fleet.pick(args.service)
            ctx = replace(ctx, service=service.name, environment=service.environment)
        if command.plan is not None:
            return await self._engine.propose(command, args, ctx)
        result: Result = await self._bind(command.function, service)(ctx, args)
        return result

    async def click(self, verb: str, row_id: str, ask: Ask, actor: Actor, trace: Trace) -> Result | None:
        """Do what a button says; None when its handler shows the outcome by itself, or a form was opened."""
        click = self._registry.clicks.get(verb)
        if click is None:
            raise NotFound("I do not know this button any more.", hint="Type the command again.")
        return await self._decide(click, row_id, ask, actor, trace)

    async def shortcut(self, verb: str, ask: Ask, actor: Actor, trace: Trace) -> Result | None:
        """Do what was chosen in the menu of a message; None when a form was opened."""
        shortcut = self._registry.shortcuts.get(verb)
        if shortcut is None:
            raise NotFound("I do not know this shortcut any more.", hint="An admin can bring the app up to date.")
        return await self._decide(shortcut, MessageRef(ask.reply.channel, ask.ts), ask, actor, trace)

    async def _decide(
        self, handler: Click | Shortcut, on: str | MessageRef, ask: Ask, actor: Actor, trace: Trace
    ) -> Result | None:
        trace.name = handler.verb
        self._check_role(handler.role, actor)
        result: Result | Filling | None = await self._bind(handler.run)(self._context(actor, ask), on)
        if isinstance(result, Filling) and self._forms:
            command = self._registry.commands[result.path]
            self._check_role(command.role, actor)
            await self._forms.fill(command, result, ask)
            return None
        assert not isinstance(result, Filling)
        return result

    def _authorise(self, command: Command, actor: Actor, trace: Trace) -> None:
        trace.name, trace.public = command.name, command.public
        self._check_role(command.role, actor)

    def _check_role(self, role: Role, actor: Actor) -> None:
        if actor.role < max(role, Role.VIEWER):
            raise NotAllowed(f"This needs the role {role.word}; you have {actor.role.word}.")

    def _help(self, asked: HelpAsked, actor: Actor) -> CommandHelp | HelpIndex:
        shown = self._registry.help(asked, actor.role)
        if isinstance(shown, HelpIndex) and not actor.role:
            return replace(shown, note=self._whom_to_ask)
        return shown

    def _context(self, actor: Actor, ask: Ask) -> Context:
        return Context(
            actor=actor,
            channel_id=ask.reply.channel,
            now=self._clock(),
            thread_ts=ask.reply.thread,
            trigger_id=ask.trigger_id,
        )

    def _bind(
        self, function: Callable[..., Awaitable[Any]], service: Service | None = None
    ) -> Callable[..., Awaitable[Any]]:
        """The function closed over its ports; kept, because reading annotations takes longer than a short command."""
        key = (function, service.name if service else "")
        if key not in self._bound:
            ports = {**self._ports, **service.ports, Service: service} if service else self._ports
            self._bound[key] = bind(function, ports)
        return self._bound[key]
