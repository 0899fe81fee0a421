"""Commands, clicks, shortcuts and modals on their way to the app, and what its answer does to the screen."""

import time
from dataclasses import dataclass, field

from bot.demo.workspace import inputs
from bot.demo.workspace.core import Core
from bot.demo.workspace.delivery import COMMANDS, INTERACTIVE
from bot.demo.workspace.hooks import Hook
from bot.demo.workspace.limits import check_content
from bot.demo.workspace.objects import message_blocks, message_json
from bot.demo.workspace.records import Channel, Message, User
from bot.demo.workspace.seen import Seen, look
from bot.demo.workspace.sockets import Ack
from bot.demo.workspace.surfaces import View
from bot.demo.workspace.typed import escape, typed_text
from bot.demo.workspace.values import Json, SlackError


@dataclass(slots=True, eq=False)
class Turn:
    """One thing that a person did, after the app acked it or failed to.

    `error` is what Slack shows: operation_timeout (no ack within 3 s), dispatch_failed (no app there) or
    http_service_error (the app answered with an error). `errors` are the words at a modal's inputs, by block_id.
    """

    acked_after: float
    error: str | None
    errors: dict[str, str] = field(default_factory=dict)
    _hook: Hook | None = None
    _core: Core | None = None

    @property
    def timed_out(self) -> bool:
        """Whether the app did not ack in time."""
        return self.error == "operation_timeout"

    def replies(self) -> list[Seen]:
        """What came so far through the ack and the response_url."""
        if self._hook is None or self._core is None:
            return []
        return [look(message, self._core.store, self._hook.user) for message in self._hook.replies]

    async def reply(self, timeout: float = 5) -> Seen:  # noqa: ASYNC109 - the test says how patient the person is
        """The first message that came through the ack or the response_url; TimeoutError when none does."""
        if self._hook is None or self._core is None:
            raise TimeoutError("this interaction has no response_url")
        hook, core = self._hook, self._core
        if not hook.replies:
            await core.signal.wait(lambda item: True if item is hook else None, seconds=timeout, what="reply")
        return look(hook.replies[0], core.store, hook.user)


class Interactions:
    """Builds the payloads of one person's doings and applies what comes back."""

    def __init__(self, core: Core, user: User) -> None:
        self._core = core
        self._user = user
        self._chosen: dict[str, dict[str, Json]] = {}

    async def command(self, channel: Channel, line: str, *, should_escape: bool) -> Turn:
        """A typed slash command; its text comes escaped."""
        store = self._core.store
        command, _, words = line.partition(" ")
        typed = typed_text(words, store, labels=True) if should_escape else escape(words)
        hook = self._core.hooks.open(self._user, channel)
        payload: Json = {
            "token": store.identity.verification_token,
            "team_id": self._user.team_id,
            "team_domain": store.identity.team_name,
            "channel_id": channel.id,
            "channel_name": _channel_name(channel),
            "user_id": self._user.id,
            "user_name": self._user.name,
            "command": command,
            "text": typed.strip(),
            "api_app_id": store.identity.app_id,
            "is_enterprise_install": "false",
            "response_url": self._core.hooks.url(hook),
            "trigger_id": self._core.surfaces.trigger(self._user.id),
        }
        turn, ack = await self._ask(COMMANDS, payload, hook)
        if ack.error is not None:
            self._core.feed.notice(channel, f'{command} failed with the error "{ack.error}"', to=self._user.id)
        elif ack.body.get("text") or ack.body.get("blocks"):
            try:
                check_content(ack.body.get("text", ""), ack.body.get("blocks"))
                self._core.hooks.answer(hook, ack.body)
            except SlackError as error:
                self._core.feed.notice(channel, f'{command} failed with the error "{error.code}"', to=self._user.id)
        return turn

    async def click(self, message: Message, element: Json, block: Json, choice: Json) -> Turn:
        """An action on a message."""
        store = self._core.store
        channel = store.channels[message.channel]
        hook = self._core.hooks.open(self._user, channel, original=message)
        ephemeral = message.seen_by is not None
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": ephemeral,
        }
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        state = self._state(message)
        if (held := state.get(block["block_id"], {}).get(element["action_id"])) is not None:
            held |= choice
        payload = self._interaction("block_actions") | {
            "container": container,
            "trigger_id": self._core.surfaces.trigger(self._user.id),
            "channel": {"id": channel.id, "name": _channel_name(channel)},
            "state": {"values": state},
            "response_url": self._core.hooks.url(hook),
            "actions": [self._action(block, element, choice)],
        }
        if not ephemeral:
            payload["message"] = message_json(message, store, metadata=True)
        return await self._interact(payload, hook, channel)

    def _state(self, message: Message) -> dict[str, Json]:
        """What this person has chosen on a message so far; Slack keeps it for each of them apart."""
        state = inputs.initial_state(message_blocks(message) or [])
        inputs.keep(state, self._chosen.get(message.ts, {}))
        self._chosen[message.ts] = state
        return state

    async def act_in_view(self, view: View, element: Json, block: Json, choice: Json) -> Turn:
        """An action in a modal or in App Home."""
        held = view.state.get(block["block_id"], {}).get(element.get("action_id", ""))
        if held is not None:
            held |= choice
        payload = self._interaction("block_actions") | {
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": self._core.surfaces.trigger(self._user.id),
            "view": self._core.surfaces.json(view),
            "state": {"values": view.state},
            "actions": [self._action(block, element, choice)],
        }
        turn, _ = await self._ask(INTERACTIVE, payload, None)
        return turn

    def _action(self, block: Json, element: Json, choice: Json) -> Json:
        action: Json = {
            "action_id": element.get("action_id", ""),
            "block_id": block.get("block_id", ""),
            "type": element["type"],
            "action_ts": self._core.store.ids.ts(),
        }
        if element["type"] == "button":
            action["text"] = element["text"]
            if "value" in element:
                action["value"] = element["value"]
        return action | choice

    async def shortcut(self, message: Message | None, callback_id: str) -> Turn:
        """A message shortcut, or a global one when there is no message."""
        common: Json = {
            "callback_id": callback_id,
            "trigger_id": self._core.surfaces.trigger(self._user.id),
            "action_ts": self._core.store.ids.ts(),
        }
        if message is None:
            turn, _ = await self._ask(INTERACTIVE, self._interaction("shortcut", app=False) | common, None)
            return turn
        channel = self._core.store.channels[message.channel]
        hook = self._core.hooks.open(self._user, channel)
        payload = self._interaction("message_action", app=False) | common
        payload |= {
            "channel": {"id": channel.id, "name": _channel_name(channel)},
            "message_ts": message.ts,
            "message": message_json(message, self._core.store, metadata=True),
            "response_url": self._core.hooks.url(hook),
        }
        return await self._interact(payload, hook, channel)

    async def submit(self, view: View) -> Turn:
        """A modal's submission; what the app answers (errors, update, push, clear, nothing) happens to the modal."""
        surfaces = self._core.surfaces
        if unfilled := _unfilled(view):
            view.errors = dict.fromkeys(unfilled, "Please complete this required field.")
            surfaces.changed(view)
            return Turn(0, None, view.errors)
        payload = self._interaction("view_submission") | {
            "trigger_id": surfaces.trigger(self._user.id),
            "view": surfaces.json(view),
            "response_urls": [],
        }
        turn, ack = await self._ask(INTERACTIVE, payload, None)
        if ack.error is None:
            try:
                self._respond(view, ack.body)
            except SlackError as error:
                turn.error = error.code
        if turn.error is not None:
            view.errors = {"": "We had some trouble connecting. Try again?"}
            surfaces.changed(view)
        turn.errors = view.errors
        return turn

    def _respond(self, view: View, body: Json) -> None:
        surfaces = self._core.surfaces
        stack = surfaces.stacks.get(self._user.id, [])
        match body.get("response_action"):
            case None:
                surfaces.close(view)
            case "clear":
                surfaces.close(view, whole_stack=True)
            case "errors":
                view.errors = _placed(body.get("errors"), view)
                surfaces.changed(view)
            case "update":
                surfaces.fill(view, surfaces.check(body.get("view"), kind="modal"))
            case "push":
                surfaces.push(stack, surfaces.check(body.get("view"), kind="modal"), self._user.id)
            case _:
                raise SlackError("invalid_response_action")

    async def close(self, view: View, *, whole_stack: bool) -> Turn:
        """The X or Cancel of a modal; the app hears of it when the view asked for that."""
        shown = self._core.surfaces.json(view)
        self._core.surfaces.close(view, whole_stack=whole_stack)
        if not view.body["notify_on_close"]:
            return Turn(0, None)
        payload = self._interaction("view_closed") | {"view": shown, "is_cleared": whole_stack}
        turn, _ = await self._ask(INTERACTIVE, payload, None)
        return turn

    def _interaction(self, kind: str, *, app: bool = True) -> Json:
        identity = self._core.store.identity
        user = self._user
        payload: Json = {
            "type": kind,
            "team": {"id": user.team_id, "domain": identity.team_name},
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
            "token": identity.verification_token,
            "enterprise": None,
            "is_enterprise_install": False,
        }
        return payload | {"api_app_id": identity.app_id} if app else payload

    async def _interact(self, payload: Json, hook: Hook, channel: Channel) -> Turn:
        turn, ack = await self._ask(INTERACTIVE, payload, hook)
        if ack.error is not None:
            self._core.feed.notice(channel, f'The app did not respond ("{ack.error}").', to=self._user.id)
        return turn

    async def _ask(self, kind: str, payload: Json, hook: Hook | None) -> tuple[Turn, Ack]:
        started = time.perf_counter()
        ack = await self._core.delivery.ask(kind, payload)
        return Turn(time.perf_counter() - started, ack.error, {}, hook, self._core), ack


def _channel_name(channel: Channel) -> str:
    """The name that Slack puts into commands and clicks: it does not give away private ones."""
    return {"group": "privategroup", "im": "directmessage"}.get(channel.kind, channel.name)


def _unfilled(view: View) -> list[str]:
    """The inputs that the client would not let through empty."""
    return [
        block["block_id"]
        for block in view.body["blocks"]
        if block["type"] == "input"
        and not block.get("optional")
        and inputs.is_empty(view.state[block["block_id"]][block["element"]["action_id"]])
    ]


def _placed(errors: object, view: View) -> dict[str, str]:
    """The words at the inputs; Slack takes none for a block that is no input."""
    blocks = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not blocks.issuperset(errors):
        raise SlackError("invalid_errors")
    return dict(errors)
