"""Modals and App Home: triggers that expire, a stack of views for each person, and what they filled in."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.demo.workspace.inputs import initial_state, keep
from bot.demo.workspace.limits import check_view
from bot.demo.workspace.signal import Signal
from bot.demo.workspace.store import Store
from bot.demo.workspace.values import Json, SlackError

TRIGGER_LIFETIME = timedelta(seconds=3)
STACK_DEPTH = 3
# Older triggers are forgotten; they could only have expired.
TRIGGERS_KEPT = 10_000
_KEPT_FIELDS = ("type", "title", "submit", "close", "blocks", "private_metadata", "callback_id", "external_id")
_FLAGS = ("clear_on_close", "notify_on_close")


@dataclass(slots=True, eq=False)
class View:
    """A view that is open for one person. `state` is what they filled in, by block and action."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    state: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Trigger:
    """The right to open one modal for one person, within three seconds."""

    user: str
    issued_at: datetime
    used: bool = False


class Surfaces:
    """The modals and Homes of all people."""

    def __init__(self, *, store: Store, signal: Signal) -> None:
        self._store = store
        self._signal = signal
        self._triggers: OrderedDict[str, Trigger] = OrderedDict()
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def trigger(self, user_id: str) -> str:
        """A trigger_id for what this person just did."""
        trigger_id = f"{self._store.ids.ts()}.{secrets.token_hex(8)}"
        self._triggers[trigger_id] = Trigger(user_id, self._store.ids.clock())
        if len(self._triggers) > TRIGGERS_KEPT:
            self._triggers.popitem(last=False)
        return trigger_id

    def _redeem(self, trigger_id: str) -> str:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if self._store.ids.clock() - trigger.issued_at >= TRIGGER_LIFETIME:
            raise SlackError("expired_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        trigger.used = True
        return trigger.user

    def open(self, trigger_id: str, body: object, *, push: bool = False) -> View:
        """Opens a modal, or pushes one on top of the person's; the trigger is used up."""
        checked = self.check(body, kind="modal")
        user = self._redeem(trigger_id)
        stack = self.stacks.setdefault(user, [])
        if push and not stack:
            raise SlackError("not_found")
        if not push:
            stack.clear()
        return self.push(stack, checked, user)

    def push(self, stack: list[View], body: Json, user: str) -> View:
        """Puts a view on a person's stack, three deep at most."""
        if len(stack) >= STACK_DEPTH:
            raise SlackError("push_limit_reached")
        view_id = self._store.ids.new("V")
        view = View(view_id, user, {}, "", stack[0].root_id if stack else view_id, stack[-1].id if stack else None)
        stack.append(view)
        self.fill(view, body)
        return view

    def publish(self, user_id: str, body: object, *, expected_hash: str | None) -> View:
        """Sets a person's App Home."""
        checked = self.check(body, kind="home")
        view = self.homes.get(user_id)
        if view is None:
            view_id = self._store.ids.new("V")
            view = self.homes[user_id] = View(view_id, user_id, {}, "", view_id)
        elif expected_hash is not None and expected_hash != view.hash:
            raise SlackError("hash_conflict")
        self.fill(view, checked)
        return view

    def update(self, body: object, *, view_id: str | None, external_id: str | None, expected_hash: str | None) -> View:
        """Changes an open view, or `not_found` / `hash_conflict`."""
        view = self.find(view_id, external_id)
        if view is None:
            raise SlackError("not_found")
        if expected_hash is not None and expected_hash != view.hash:
            raise SlackError("hash_conflict")
        self.fill(view, self.check(body, kind=view.body["type"], own=view))
        return view

    def find(self, view_id: str | None, external_id: str | None = None) -> View | None:
        """The open view of an id."""
        for view in [*(view for stack in self.stacks.values() for view in stack), *self.homes.values()]:
            if view.id == view_id or (external_id and view.body.get("external_id") == external_id):
                return view
        return None

    def check(self, body: object, *, kind: str, own: View | None = None) -> Json:
        """The view if Slack takes it, it is of the kind (modal, home) that belongs here, and only `own` has its id."""
        checked = check_view(body)
        if checked["type"] != kind:
            raise SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] view must be a {kind}"]})
        external_id = checked.get("external_id")
        if external_id and self.find(None, external_id) not in {None, own}:
            raise SlackError("duplicate_external_id")
        return checked

    def fill(self, view: View, body: Json) -> None:
        """Gives a view its content; what the person filled in stays where block and action ids are the same."""
        view.body = {key: body[key] for key in _KEPT_FIELDS if key in body} | {
            key: bool(body.get(key)) for key in _FLAGS
        }
        for index, block in enumerate(view.body["blocks"]):
            block.setdefault("block_id", f"b{index}")
        view.hash = f"{self._store.ids.ts()[:10]}.{secrets.token_hex(4)}"
        kept = view.state
        view.state = initial_state(view.body["blocks"])
        keep(view.state, kept)
        view.errors = {}
        self.changed(view)

    def changed(self, view: View) -> None:
        """Wakes those who wait for this view."""
        self._signal.notify(view)

    def close(self, view: View, *, whole_stack: bool = False) -> None:
        """Takes a view away, or all of the person's."""
        stack = self.stacks.get(view.user, [])
        if whole_stack:
            stack.clear()
        elif view in stack:
            stack.remove(view)
        self.changed(view)

    def json(self, view: View) -> Json:
        """The view as methods answer it and interactions carry it."""
        identity = self._store.identity
        body: Json = {
            "id": view.id,
            "team_id": identity.team_id,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "state": {"values": view.state},
            "hash": view.hash,
            "previous_view_id": view.previous_id,
            "root_view_id": view.root_id,
            "app_id": identity.app_id,
            "app_installed_team_id": identity.team_id,
            "bot_id": identity.bot_id,
        }
        if view.body["type"] == "modal":
            body |= {"title": None, "submit": None, "close": None}
        return body | view.body
