"""response_url: five uses within thirty minutes, ephemeral unless asked otherwise."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.demo.workspace.feed import Content, Feed
from bot.demo.workspace.ids import secret
from bot.demo.workspace.limits import check_content
from bot.demo.workspace.records import Channel, Message, User
from bot.demo.workspace.signal import Signal
from bot.demo.workspace.store import Store
from bot.demo.workspace.values import Json, SlackError

USES = 5
LIFETIME = timedelta(minutes=30)
# Older hooks are forgotten, so that a long load test does not grow; Slack would call them expired.
KEPT = 20_000


@dataclass(slots=True, eq=False)
class Hook:
    """Where the app can answer one command or interaction; `original` is the message that was clicked."""

    token: str
    user: User
    channel: Channel
    opened_at: datetime
    original: Message | None = None
    uses: int = 0
    replies: list[Message] = field(default_factory=list)


class Hooks:
    """The response_urls that were handed out."""

    def __init__(self, *, store: Store, feed: Feed, signal: Signal) -> None:
        self._store = store
        self._feed = feed
        self._signal = signal
        self._hooks: OrderedDict[str, Hook] = OrderedDict()

    def open(self, user: User, channel: Channel, *, original: Message | None = None) -> Hook:
        """Hands out a response_url."""
        hook = Hook(secret(""), user, channel, self._store.ids.clock(), original)
        self._hooks[hook.token] = hook
        if len(self._hooks) > KEPT:
            self._hooks.popitem(last=False)
        return hook

    def url(self, hook: Hook) -> str:
        """The address of a hook."""
        return f"{self._store.base_url}/response/{self._store.identity.team_id}/{hook.token}"

    def use(self, token: str, body: Json) -> None:
        """What a POST to a response_url does, or `expired_url` / `used_url`."""
        hook = self._hooks.get(token)
        if hook is None or self._store.ids.clock() - hook.opened_at >= LIFETIME:
            raise SlackError("expired_url")
        if hook.uses >= USES:
            raise SlackError("used_url")
        hook.uses += 1
        self.answer(hook, body)

    def answer(self, hook: Hook, body: Json) -> None:
        """Shows an answer (`text`, `blocks`, `response_type`, `replace_original` ...) to the hook's person."""
        original = hook.original
        if body.get("delete_original"):
            if original is not None and not original.deleted:
                self._feed.remove(original)
            return
        content: Content = {"blocks": body.get("blocks") or [], "attachments": body.get("attachments") or []}
        text = check_content(body.get("text") or "", content["blocks"])
        if body.get("replace_original") and original is not None and not original.deleted:
            self._feed.revise(original, by=self._store.bot.id, text=text, content=content)
            message = original
        else:
            message = self._new(hook, text, content, body)
        hook.original = hook.original or message
        hook.replies.append(message)
        self._signal.notify(hook)

    def _new(self, hook: Hook, text: str, content: Content, body: Json) -> Message:
        content["thread_ts"] = body.get("thread_ts")
        content["metadata"] = body.get("metadata")
        if body.get("response_type") == "in_channel":
            content["subtype"] = "bot_message"
            return self._feed.post(hook.channel, self._store.bot, text, **content)
        return self._feed.whisper(hook.channel, self._store.bot, text, to=hook.user.id, **content)
