"""The one way of every request: establish who asks, drop doubles, run, answer, record."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, JsonValue
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import IntegrationError, NotAllowed, OpsbotError, UsageError
from bot.core.mrkdwn import unescape
from bot.core.parse import audited
from bot.core.people import Actor
from bot.core.prose import Line
from bot.core.records import Store
from bot.core.results import Failure, Result, Text
from bot.operations.spills import Place, Spills
from bot.slack.ask import Ask, Reply
from bot.slack.client import translated
from bot.slack.deliver import Deliverer, Redact
from bot.slack.dispatch import Dispatcher, Trace
from bot.slack.forms import Filled, Forms, form_errors
from bot.slack.home import home
from bot.slack.inbound import Chosen, Clicked, HomeOpened, Mention, SlashCommand, Submitted
from bot.slack.ledger import Ledger
from bot.slack.metrics import Metrics
from bot.slack.people import People
from bot.slack.runner import Runner
from bot.views import home as home_view

_CLICK_WITHIN = 2.5  # seconds; Slack gives three until it must be acked
_MENTION = re.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>[\s,:]*")

log = structlog.get_logger(__name__)


T = TypeVar("T")

Dispatch = Callable[[Ask, Actor, Trace], Awaitable[Result | None]]
"""What a click or a shortcut does."""


class Outcome(StrEnum):
    """What came of a request, in audit and metrics."""

    DONE = "done"
    DENIED = "denied"
    USAGE = "usage"
    REFUSED = "refused"
    FAILED = "failed"
    ERROR = "error"
    DOUBLE = "double"

    @property
    def may_come_again(self) -> bool:
        """Whether another delivery of the same payload may fare better."""
        return self in {Outcome.FAILED, Outcome.ERROR}


class Pipeline:
    """Attends to commands, mentions, clicks, shortcuts, forms and App Home.

    Commands are acked before they come here and run in the background. Clicks and forms are acked after what they
    change is committed; their methods say whether they may be.
    """

    def __init__(
        self,
        *,
        client: AsyncWebClient,
        dispatcher: Dispatcher,
        forms: Forms,
        people: People,
        chat: Deliverer,
        ledger: Ledger,
        store: Store,
        runner: Runner,
        metrics: Metrics,
        redact: Redact,
        slash: str,
        whom_to_ask: Line,
        spills: Spills | None = None,
    ) -> None:
        self._client = client
        self._dispatcher = dispatcher
        self._forms = forms
        self._people = people
        self._chat = chat
        self._ledger = ledger
        self._store = store
        self._runner = runner
        self._metrics = metrics
        self._redact = redact
        self._slash = slash
        self._whom_to_ask = whom_to_ask
        self._spills = spills

    def command(self, typed: SlashCommand) -> None:
        """Attend to a slash command, after its ack."""
        reply = Reply(user_id=typed.user_id, channel=typed.channel_id, url=typed.response_url)
        ask = Ask(
            slash=typed.command,
            text=unescape(typed.text),
            user_id=typed.user_id,
            team_id=typed.team_id,
            key=f"command:{typed.trigger_id}",
            reply=reply,
            trigger_id=typed.trigger_id,
        )
        self._runner.start(self._attend(ask, partial(self._typed, ask)))

    async def mention(self, mention: Mention, *, team_id: str) -> bool:
        """Attend to `@opsbot status`, in a thread or not; True when it may be acked."""
        if mention.bot_id:
            return True  # two bots that answer each other would never end
        reply = Reply(user_id=mention.user, channel=mention.channel, thread=mention.thread_ts)
        ask = Ask(
            slash=self._slash,
            text=unescape(_MENTION.sub("", mention.text)),
            user_id=mention.user,
            team_id=mention.team or team_id,
            key=f"mention:{mention.channel}:{mention.ts}",
            reply=reply,
            ts=mention.ts,
        )
        first, outcome = await self._guarded(self._ledger.claim(ask.key), Trace(name="mention"))
        if first is True:
            self._runner.start(self._attend(ask, partial(self._words, ask)))
        return not outcome.may_come_again

    async def click(self, clicked: Clicked) -> bool:
        """Do what a button says; True when it may be acked: it is done, refused, or takes longer than an ack."""
        action = clicked.actions[0]
        thread, channel = clicked.container.thread_ts, clicked.channel.id
        ask = Ask(
            slash="",
            text="",
            user_id=clicked.user.id,
            team_id=clicked.user.team_id,
            key=f"click:{clicked.trigger_id}",
            reply=Reply(user_id=clicked.user.id, channel=channel, thread=thread, url=clicked.response_url),
            trigger_id=clicked.trigger_id,
        )
        dispatch = partial(self._dispatcher.click, action.action_id, action.value)
        return await self._decided(ask, dispatch, replace=True)

    async def shortcut(self, chosen: Chosen) -> bool:
        """Do what was chosen in the menu of a message; True as for a click."""
        ask = Ask(
            slash="",
            text="",
            user_id=chosen.user.id,
            team_id=chosen.user.team_id or chosen.team.id,
            key=f"shortcut:{chosen.trigger_id}",
            reply=Reply(
                user_id=chosen.user.id,
                channel=chosen.channel.id,
                thread=chosen.message.thread_ts,
                url=chosen.response_url,
            ),
            trigger_id=chosen.trigger_id,
            ts=chosen.message_ts,
        )
        dispatch = partial(self._dispatcher.shortcut, chosen.callback_id)
        return await self._decided(ask, dispatch, replace=False)

    async def submit(self, submitted: Submitted) -> dict[str, Any] | None:
        """Take a form; the body of the ack, or None when it may not be acked."""
        trace = Trace(name="form")
        taken, outcome = await self._guarded(self._take(submitted, trace), trace)
        if isinstance(taken, dict):
            return taken
        self._runner.start(self._close(Reply(submitted.user.id), trace, taken, outcome))
        return None if outcome.may_come_again else {}

    def show_home(self, opened: HomeOpened, *, team_id: str) -> None:
        """Publish the App Home of whoever opened it."""
        if opened.tab == "home":
            self._runner.start(self._show_home(opened.user, team_id))

    async def _attend(self, ask: Ask, work: Callable[[Trace], Awaitable[Result | None]]) -> None:
        """From the ack to the answer."""
        trace = Trace()
        started = time.perf_counter()
        result, outcome = await self._guarded(work(trace), trace)
        await self._close(ask.reply, trace, result, outcome)
        self._metrics.seconds.labels(trace.name).observe(time.perf_counter() - started)

    async def _typed(self, ask: Ask, trace: Trace) -> Result | None:
        if not await self._ledger.claim(ask.key):
            trace.double = True
            return None
        return await self._words(ask, trace)

    async def _words(self, ask: Ask, trace: Trace) -> Result | None:
        trace.actor = await self._people.actor(ask.user_id, ask.team_id)
        await self._refuse_secrets(ask.text, ask)
        return await self._dispatcher.ask(ask, trace.actor, trace)

    async def _refuse_secrets(self, text: str, ask: Ask) -> None:
        """Raise `UsageError` when a live secret stands in what was typed, which is not run and not repeated."""
        if self._spills is not None and self._spills.holds(text):
            names = await self._spills.found(text, Place(ask.reply.channel, ask.user_id, ask.ts))
            raise UsageError(
                f"That holds a live secret ({', '.join(names) or 'one that was replaced lately'}): I did not run it.",
                hint="Slack keeps what was typed, so it counts as burnt: creds rotate leads to another one.",
            )

    async def _filled(self, filled: Filled, args: BaseModel, trace: Trace) -> Result:
        trace.actor = await self._people.actor(filled.ask.user_id, filled.ask.team_id)
        return await self._dispatcher.run(filled.command, args, filled.ask, trace.actor, trace)

    async def _decided(self, ask: Ask, dispatch: Dispatch, *, replace: bool) -> bool:
        task = self._runner.start(self._decide(ask, dispatch, replace=replace))
        done, _ = await asyncio.wait({task}, timeout=_CLICK_WITHIN)
        return not done or task.result()

    async def _decide(self, ask: Ask, dispatch: Dispatch, *, replace: bool) -> bool:
        trace = Trace()
        result, outcome = await self._guarded(self._act(ask, dispatch, trace), trace)
        if not (trace.double or outcome.may_come_again):
            # Claimed when it is done, not before: after a crash in the middle Slack's next copy does it, and two that
            # run at once are told apart by the compare-and-swap of the row that was clicked.
            first, claiming = await self._guarded(self._ledger.claim(ask.key), trace)
            if isinstance(first, bool):
                trace.double = not first
            else:
                result, outcome = first, claiming
        self._runner.start(self._close(ask.reply, trace, result, outcome, replace=replace and outcome is Outcome.DONE))
        return not outcome.may_come_again

    async def _act(self, ask: Ask, dispatch: Dispatch, trace: Trace) -> Result | None:
        if await self._ledger.taken(ask.key):
            trace.double = True
            return None
        trace.actor = await self._people.actor(ask.user_id, ask.team_id)
        return await dispatch(ask, trace.actor, trace)

    async def _take(self, submitted: Submitted, trace: Trace) -> dict[str, Any]:
        filled = await self._forms.read(submitted)
        trace.actor = await self._people.actor(submitted.user.id, submitted.user.team_id)
        await self._refuse_secrets("\n".join(filled.given.values()), filled.ask)
        try:
            args = self._dispatcher.read(filled.command, filled.given, trace.actor, trace)
        except UsageError as error:
            return {"response_action": "errors", "errors": form_errors(filled, error)}
        async with self._store.transaction() as tx:
            first = await tx.pending.use(filled.row_id)
        if first:
            self._runner.start(self._attend(filled.ask, partial(self._filled, filled, args)))
        return {}

    async def _show_home(self, user_id: str, team_id: str) -> None:
        fault, outcome = await self._guarded(self._publish_home(user_id, team_id), Trace(name="home"))
        self._metrics.requests.labels("home", outcome).inc()
        if isinstance(fault, Failure):
            log.warning("home.not_shown", user=user_id, reason=fault.message)

    async def _publish_home(self, user_id: str, team_id: str) -> None:
        actor = await self._people.actor(user_id, team_id)
        shown = await home(self._store, actor=actor, root=self._slash, whom_to_ask=self._whom_to_ask)
        with translated("show App Home"):
            await self._client.views_publish(user_id=user_id, view=self._chat.clean_view(home_view(shown)))

    async def _guarded(self, work: Awaitable[T], trace: Trace) -> tuple[T | Failure | Text, Outcome]:
        """What `work` returns, or what is said to the person in place of it. Nothing but a cancellation gets past."""
        try:
            return await work, Outcome.DONE
        except NotAllowed as error:
            return Text((str(error), error.hint or self._whom_to_ask), title="Not allowed"), Outcome.DENIED
        except OpsbotError as error:
            return Failure(str(error), error.hint), _outcome(error)
        except Exception:
            reference = uuid.uuid4().hex[:8]
            log.exception("request.failed", reference=reference, request=trace.name)
            hint = "It is in the log under this reference."
            return Failure("Something broke on my side.", hint, reference), Outcome.ERROR

    async def _close(
        self, reply: Reply, trace: Trace, result: Result | None, outcome: Outcome, *, replace: bool = False
    ) -> None:
        """Record and answer."""
        if trace.double:
            outcome = Outcome.DOUBLE
        self._metrics.requests.labels(trace.name, outcome).inc()
        if trace.double:
            return
        await self._record(reply, trace, outcome)
        await self._say(reply, trace, result, replace=replace)

    async def _say(self, reply: Reply, trace: Trace, result: Result | None, *, replace: bool) -> None:
        if result is not None:
            public = trace.public and not isinstance(result, Failure)
            answering = self._chat.answer(reply, result, public=public, replace=replace)
            fault, _ = await self._guarded(answering, trace)
            if fault is not None:  # a result that cannot even be shown
                await self._chat.answer(reply, fault)
        if trace.actor is not None and trace.actor.note:
            await self._chat.answer(reply, Text((trace.actor.note,)))

    async def _record(self, reply: Reply, trace: Trace, outcome: Outcome) -> None:
        args = audited(trace.args) if trace.args else {}
        data: dict[str, JsonValue] = {
            "command": trace.name,
            "args": {name: self._redact(value) if isinstance(value, str) else value for name, value in args.items()},
            "channel": reply.channel,
            "outcome": outcome.value,
        }
        kind = "denied" if outcome is Outcome.DENIED else "command"
        try:
            await self._ledger.audit(kind, actor=reply.user_id, data=data)
        except OpsbotError:
            log.exception("audit.lost", actor=reply.user_id, **data)


def _outcome(error: OpsbotError) -> Outcome:
    match error:
        case UsageError():
            return Outcome.USAGE
        case IntegrationError():
            return Outcome.FAILED
        case _:
            return Outcome.REFUSED
