"""The parts of one workspace, as Web API methods and people work with them."""

from dataclasses import dataclass

from bot.demo.workspace.announcer import SCOPE_WORDS, Announcer
from bot.demo.workspace.crowd import Crowd
from bot.demo.workspace.delivery import Delivery
from bot.demo.workspace.faults import Faults
from bot.demo.workspace.feed import Feed
from bot.demo.workspace.hooks import Hooks
from bot.demo.workspace.records import Channel
from bot.demo.workspace.signal import Signal
from bot.demo.workspace.sockets import Sockets
from bot.demo.workspace.store import Store
from bot.demo.workspace.surfaces import Surfaces
from bot.demo.workspace.values import SlackError


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Everything that a workspace is made of."""

    store: Store
    signal: Signal
    sockets: Sockets
    faults: Faults
    delivery: Delivery
    announcer: Announcer
    feed: Feed
    crowd: Crowd
    hooks: Hooks
    surfaces: Surfaces

    def need(self, *scopes: str) -> None:
        """Refuses with `missing_scope` unless the app has one of these scopes (none asked: always allowed)."""
        if scopes and not self.store.scopes.intersection(scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(sorted(self.store.scopes)))

    def visible(self, name: str, *, verb: str) -> Channel:
        """The conversation of an id that the bot may know about, with the scope that `verb` needs.

        A private channel without the bot in it does not exist for it: `channel_not_found`.
        """
        channel = self.store.channels.get(name)
        if channel is None:
            raise SlackError("channel_not_found")
        self.need(*scopes_for(channel.kind, verb))
        if channel.private and self.store.bot.id not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def inside(self, name: str, *, verb: str) -> Channel:
        """As `visible`, and the bot must be a member: `not_in_channel`."""
        channel = self.visible(name, verb=verb)
        if self.store.bot.id not in channel.members:
            raise SlackError("not_in_channel")
        return channel


def scopes_for(kind: str, verb: str) -> tuple[str, ...]:
    """The scopes of which one is needed: `verb` is read, history, manage, or what may be changed (topic, invites)."""
    word = SCOPE_WORDS[kind]
    if verb in {"read", "history"}:
        return (f"{word}:{verb}",)
    manage = "channels:manage" if kind == "channel" else f"{word}:write"
    return (manage,) if verb == "manage" else (manage, f"{word}:write.{verb}")
