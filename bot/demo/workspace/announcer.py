"""Events: their envelopes, who may hear them, and who waits for the change."""

from bot.demo.workspace.delivery import Delivery
from bot.demo.workspace.records import Channel
from bot.demo.workspace.signal import Signal
from bot.demo.workspace.store import Store
from bot.demo.workspace.values import Json

# The scopes' word for each kind of conversation (`channels:history`, `groups:read` ...).
SCOPE_WORDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


class Announcer:
    """Tells the app what it may hear: events of channels that the bot is in and for which it has the scope.

    `subscriptions` are the manifest's event names (`message.channels`, `app_mention`); None stands for all.
    """

    def __init__(self, *, store: Store, delivery: Delivery, signal: Signal) -> None:
        self._store = store
        self._delivery = delivery
        self._signal = signal
        self.subscriptions: set[str] | None = None

    def changed(self, item: object) -> None:
        """Wakes those who wait for this change."""
        self._signal.notify(item)

    def message(self, message: Json, channel: Channel) -> None:
        """A `message` event."""
        event = message | {"channel": channel.id, "channel_type": channel.kind}
        self.event(event, channel, scope=f"{SCOPE_WORDS[channel.kind]}:history", ts=message["ts"])

    def mention(self, message: Json, channel: Channel) -> None:
        """The `app_mention` event that comes besides the message."""
        event = message | {"type": "app_mention", "channel": channel.id}
        self.event(event, channel, scope="app_mentions:read", ts=message["ts"])

    def hidden(self, subtype: str, channel: Channel, body: Json) -> None:
        """A `message` event about another message: an edit or a deletion."""
        ts = self._store.ids.ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id, "ts": ts, **body}
        event["channel_type"] = channel.kind
        self.event(event, channel, scope=f"{SCOPE_WORDS[channel.kind]}:history", ts=ts)

    def event(self, event: Json, channel: Channel | None, *, scope: str | None, ts: str | None = None) -> None:
        """Sends an event unless the bot is not in its channel (None: it concerns no channel) or lacks the scope."""
        if channel is not None and self._store.bot.id not in channel.members:
            return
        if self.subscriptions is not None and _name(event, channel) not in self.subscriptions:
            return
        if scope is None or scope in self._store.scopes:
            self._delivery.tell(self._callback(event | {"event_ts": ts or self._store.ids.ts()}, channel))

    def _callback(self, event: Json, channel: Channel | None) -> Json:
        identity = self._store.identity
        team = event.get("team", identity.team_id)
        return {
            "token": identity.verification_token,
            "team_id": identity.team_id,
            "context_team_id": identity.team_id,
            "context_enterprise_id": None,
            "api_app_id": identity.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": self._store.ids.new("Ev"),
            "event_time": self._store.ids.now(),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": identity.team_id,
                    "user_id": identity.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": team != identity.team_id,
            "event_context": f"4-{event['type']}-{identity.team_id}-{channel.id if channel else ''}",
        }


def _name(event: Json, channel: Channel | None) -> str:
    """The event's name in a manifest."""
    kind: str = event["type"]
    return f"message.{SCOPE_WORDS[channel.kind]}" if kind == "message" and channel is not None else kind
