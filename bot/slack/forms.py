"""The modal that asks for what a command was not told, and the answers that come back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pydantic import TypeAdapter
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import Clock
from bot.core.command import Command, Filling, Offers
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound, UsageError
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
class Opened:
    """What is kept of a form while it is open: how its command is typed, where to answer, what it does not ask for."""

    slash: str
    text: str
    url: str
    thread: str
    kept: Mapping[str, str] = field(default_factory=dict)


_OPENED = TypeAdapter(Opened)


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that came back: the command, its arguments as far as they are given, those asked for, who asked where."""

    row_id: str
    command: Command
    given: Mapping[str, str]
    asked: tuple[str, ...]
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

    async def open(
        self,
        command: Command,
        given: Mapping[str, str],
        ask: Ask,
        *,
        kept: Mapping[str, str] = MappingProxyType({}),
        offered: Offers = MappingProxyType({}),
    ) -> None:
        """Ask for what is missing; Slack takes the trigger for three seconds, so nothing slow comes before this."""
        row_id = uuid.uuid4().hex
        opened = Opened(ask.slash, ask.text, ask.reply.url, ask.reply.thread, dict(kept))
        data = _OPENED.dump_python(opened)
        pending = Pending(row_id, KIND, ask.user_id, ask.reply.channel, data, self._clock())
        async with self._store.transaction() as tx:
            await tx.pending.put(pending)
        with translated("open a form"):
            shown = form(command, row_id=row_id, given=given, kept=kept, offered=offered)
            view = self._chat.clean_view(modal(shown))
            await self._client.views_open(trigger_id=ask.trigger_id, view=view)

    async def fill(self, command: Command, filling: Filling, ask: Ask) -> None:
        """Open the form that a click asks for; `Conflict` when Slack does not, which another click can change."""
        slash, _, text = self._registry.typed(filling.path).partition(" ")
        try:
            asked = replace(ask, slash=slash, text=text)
            await self.open(command, filling.given, asked, kept=filling.kept, offered=filling.offered)
        except IntegrationError as error:
            raise Conflict(f"Slack did not open the form: {error.hint or error}.", hint="Click again.") from error

    async def read(self, submitted: Submitted) -> Filled:
        """What was filled in; `NotFound` for a form that is too old, `NotAllowed` for somebody else's."""
        async with self._store.transaction() as tx:
            pending = await tx.pending.get(submitted.view.private_metadata)
        if pending.user_id != submitted.user.id:
            raise NotAllowed("This form was opened by somebody else.", hint="Type the command yourself.")
        opened = _OPENED.validate_python(pending.data)
        reply = Reply(user_id=pending.user_id, channel=pending.channel, thread=opened.thread, url=opened.url)
        ask = Ask(
            slash=opened.slash,
            text=opened.text,
            user_id=pending.user_id,
            team_id=submitted.user.team_id,
            key=f"form:{pending.id}",
            reply=reply,
        )
        known = self._registry.resolve(ask.slash, ask.text)
        if not isinstance(known, Asked):
            raise NotFound("This command has changed since the form was opened.", hint="Type it again.")
        given = {**answers(submitted.view.state.values), **opened.kept}
        names = tuple(each.name for each in parameters(known.command.args) if each.name not in opened.kept)
        return Filled(pending.id, known.command, given, names, ask)


def form_errors(filled: Filled, error: UsageError) -> dict[str, str]:
    """What is wrong, at the fields of the form; what is about no field of its own stands at the first."""
    first = filled.asked[0]
    faults = error.faults or {first: str(error)}
    return {name if name in filled.asked else first: text for name, text in faults.items()}
