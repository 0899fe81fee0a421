"""The modal that asks for what a command was not told, and the answers that come back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import Clock
from bot.core.command import Command
from bot.core.errors import NotAllowed, NotFound, UsageError
from bot.core.forms import form
from bot.core.parameters import parameters
from bot.core.records import Pending, Store
from bot.core.registry import Asked, Registry
from bot.slack.ask import Ask, Reply
from bot.slack.client import translated
from bot.slack.deliver import Deliverer
from bot.slack.inbound import Submitted
from bot.views import answers, modal

KIND = "form"


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that came back: the command, what was filled in for it, and who asked where."""

    row_id: str
    command: Command
    given: dict[str, str]
    ask: Ask


class Forms:
    """Opens forms and reads them; what is asked lies in a row, the payload carries its id alone."""

    def __init__(
        self, client: AsyncWebClient, *, chat: Deliverer, registry: Registry, store: Store, clock: Clock
    ) -> None:
        self._client = client
        self._chat = chat
        self._registry = registry
        self._store = store
        self._clock = clock

    async def open(self, command: Command, given: dict[str, str], ask: Ask) -> None:
        """Ask for what is missing; Slack takes the trigger for three seconds, so nothing slow comes before this."""
        row_id = uuid.uuid4().hex
        data = {"slash": ask.slash, "text": ask.text, "url": ask.reply.url, "thread": ask.reply.thread}
        pending = Pending(row_id, KIND, ask.user_id, ask.reply.channel, data, self._clock())
        async with self._store.transaction() as tx:
            await tx.pending.put(pending)
        with translated("open a form"):
            view = self._chat.clean_view(modal(form(command, row_id=row_id, given=given)))
            await self._client.views_open(trigger_id=ask.trigger_id, view=view)

    async def read(self, submitted: Submitted) -> Filled:
        """What was filled in; `NotFound` for a form that is too old, `NotAllowed` for somebody else's."""
        async with self._store.transaction() as tx:
            pending = await tx.pending.get(submitted.view.private_metadata)
        if pending.user_id != submitted.user.id:
            raise NotAllowed("This form was opened by somebody else.", hint="Type the command yourself.")
        data = {name: str(value) for name, value in pending.data.items()}
        reply = Reply(user_id=pending.user_id, channel=pending.channel, thread=data["thread"], url=data["url"])
        ask = Ask(
            slash=data["slash"],
            text=data["text"],
            user_id=pending.user_id,
            team_id=submitted.user.team_id,
            key=f"form:{pending.id}",
            reply=reply,
        )
        asked = self._registry.resolve(ask.slash, ask.text)
        if not isinstance(asked, Asked):
            raise NotFound("This command has changed since the form was opened.", hint="Type it again.")
        return Filled(pending.id, asked.command, answers(submitted.view.state.values), ask)

    def errors(self, command: Command, error: UsageError) -> dict[str, str]:
        """What is wrong, at the fields of the form; what is about no field of its own stands at the first."""
        names = [parameter.name for parameter in parameters(command.args)]
        faults = error.faults or {names[0]: str(error)}
        return {name if name in names else names[0]: text for name, text in faults.items()}
