"""Results out to Slack: rendered, redacted, paced; `Chat` for the middle of the bot."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiolimiter import AsyncLimiter
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.charts import Chart
from bot.core.errors import IntegrationError
from bot.core.mrkdwn import unescape
from bot.core.permit import ask_permit
from bot.core.ports import ChatMessage, Copy, MessageRef, Profile
from bot.core.results import Result
from bot.slack.ask import Reply
from bot.slack.client import translated
from bot.slack.directory import Directory
from bot.slack.inbound import Posted
from bot.slack.outbox import Delayed, Outbox, Outgoing
from bot.views import Payload, Templates, draw, render, scrubbed

Redact = Callable[[str], str]

Record = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Takes a channel and a message that was just posted there, as Slack's answer has it."""

_EVENT = "opsbot_post"
POSTS_A_SECOND = 1
"""New messages that Slack takes in one channel."""

_CHANNELS = 1000
_PAGE = 200
_ALT_TEXT = 1000
"""Characters that Slack takes as the description of a picture."""
_REMOVED = frozenset({"file_not_found", "file_deleted", "canvas_not_found", "canvas_deleted"})
_NOT_INSIDE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel"})


class Deliverer:
    """Implements `bot.core.ports.Chat`. Every string that leaves goes through `redact`.

    A channel gets at most `posts_a_second` new messages, by default as many as Slack lets. When Slack takes no message
    because it is away, the outbox brings it later and the caller gets `Delayed`; a post with a `key` is its caller's
    to repeat, who can `find` out whether it came through after all.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        redact: Redact,
        directory: Directory,
        outbox: Outbox,
        user_id: str = "",
        templates: Templates | None = None,
        record: Record | None = None,
        posts_a_second: float = POSTS_A_SECOND,
    ) -> None:
        self._client = client
        self._redact = redact
        self._directory = directory
        self._outbox = outbox
        self._user_id = user_id
        self._templates = templates
        self._record = record
        self._posts_a_second = posts_a_second
        self._paces: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        """Post to a channel or a thread; `key` lets `find` recognise the message."""
        payload = self._render(result)
        body = self._body(payload) | {"channel": channel, "unfurl_links": False, "unfurl_media": False}
        if thread:
            body["thread_ts"] = thread
        if key:
            body["metadata"] = {"event_type": _EVENT, "event_payload": {"key": key}}
        await self._pace(channel)
        await ask_permit()
        posted = await self._outbox.send(Outgoing("chat.postMessage", body), keep=not key)
        message = MessageRef(posted["channel"], posted["ts"])
        if self._record:
            await self._record(message.channel, posted["message"])
        await self._attach(payload, message.channel, thread=thread or message.ts)
        return message

    async def update(self, message: MessageRef, result: Result, *, thread: str = "") -> None:
        """Put a result in place of a message of the bot; what it has no room for is shared in its `thread`."""
        payload = self._render(result)
        await ask_permit()
        with translated("update a message"):
            await self._client.chat_update(channel=message.channel, ts=message.ts, **self._body(payload))
        if thread:
            await self._attach(payload, message.channel, thread=thread)

    async def delete(self, message: MessageRef) -> None:
        """Delete a message; those of others Slack deletes for an admin's token alone (`cant_delete_message`)."""
        with translated("delete a message"):
            await self._client.chat_delete(channel=message.channel, ts=message.ts)

    async def whisper(self, channel: str, user_id: str, result: Result, *, thread: str = "") -> None:
        """Show a result to one person in a channel, or in a direct message where the bot is no member."""
        payload = self._render(result)
        body = self._body(payload) | {"channel": channel, "user": user_id}
        if thread:
            body["thread_ts"] = thread
        try:
            await self._outbox.send(Outgoing("chat.postEphemeral", body))
        except IntegrationError as error:
            if error.hint not in _NOT_INSIDE:
                raise
            await self.post(await self.direct(user_id), result)
        else:
            await self._attach_privately(payload, user_id)

    async def answer(self, reply: Reply, result: Result, *, public: bool = False, replace: bool = False) -> None:
        """Answer whoever asked: to them alone unless `public`, or in place of what they clicked. Never raises.

        What cannot be answered now is brought later; what Slack refuses is in the log.
        """
        try:
            if reply.url:
                await self._respond(reply, result, public=public, replace=replace)
            elif not reply.channel:
                await self.post(await self.direct(reply.user_id), result)
            elif public:
                await self.post(reply.channel, result, thread=reply.thread)
            else:
                await self.whisper(reply.channel, reply.user_id, result, thread=reply.thread)
        except Delayed:
            return
        except IntegrationError as error:
            body = self._body(self._render(result)) | {"channel": reply.channel}
            self._outbox.give_up(Outgoing("answer", body), error)

    async def _respond(self, reply: Reply, result: Result, *, public: bool, replace: bool) -> None:
        payload = self._render(result)
        body = self._body(payload) | {"replace_original": replace}
        if not replace:
            body["response_type"] = "in_channel" if public else "ephemeral"
            if reply.thread:
                body["thread_ts"] = reply.thread
        await self._outbox.send(Outgoing("response_url", body, url=reply.url))
        await self._attach_privately(payload, reply.user_id)

    async def _attach_privately(self, payload: Payload, user_id: str) -> None:
        """Bring the file of a private answer: Slack has none that only one member of a channel sees."""
        if payload.file:
            await self._attach(payload, await self.direct(user_id))

    async def _attach(self, payload: Payload, channel: str, *, thread: str = "") -> None:
        if payload.file:
            name = payload.file.name
            await self.upload(channel, name, payload.file.content, title=name, thread=thread)

    async def upload(self, channel: str, name: str, content: str, *, title: str, thread: str = "") -> str:
        """Share a text file, and return its id; its content and its names are redacted like any message."""
        clean = await asyncio.to_thread(self._redact, content)
        await ask_permit()
        with translated("share a file"):
            shared = await self._client.files_upload_v2(
                channel=channel,
                content=clean.encode(),
                filename=self._redact(name),
                title=self._redact(title),
                thread_ts=thread or None,
            )
        return str(shared["files"][0]["id"])

    async def picture(self, channel: str, name: str, chart: Chart, *, thread: str = "") -> str:
        """Share a chart as a PNG called `name`, with the words for who does not see it as its alt text."""
        clean = scrubbed(chart, self._redact)
        drawn = await asyncio.to_thread(draw, clean)
        await ask_permit()
        with translated("share a picture"):
            shared = await self._client.files_upload_v2(
                channel=channel,
                content=drawn,
                filename=name,
                title=clean.title,
                alt_txt=clean.words[:_ALT_TEXT],
                thread_ts=thread or None,
            )
        return str(shared["files"][0]["id"])

    async def delete_file(self, file: str) -> None:
        """Delete a file of the bot's wherever it is shared; one that is gone already is."""
        await self._remove("delete a file", self._client.files_delete(file=file))

    async def delete_canvas(self, canvas: str) -> None:
        """Delete a canvas of the bot's with its history; one that is gone already is."""
        await self._remove("delete a canvas", self._client.canvases_delete(canvas_id=canvas))

    async def _remove(self, doing: str, removing: Awaitable[object]) -> None:
        try:
            with translated(doing):
                await removing
        except IntegrationError as error:
            if error.hint not in _REMOVED:
                raise

    async def canvas(self, channel: str, title: str, content: str) -> str:
        """Make a canvas of Markdown: the channel's own, or where it has one, another that the channel may read."""
        document = {"type": "markdown", "markdown": await asyncio.to_thread(self._redact, content)}
        clean = self._redact(title)
        try:
            with translated("make the channel's canvas"):
                made = await self._client.conversations_canvases_create(
                    channel_id=channel, document_content=document, title=clean
                )
        except IntegrationError as error:
            if error.hint != "channel_canvas_already_exists":
                raise
        else:
            return str(made["canvas_id"])
        with translated("make a canvas"):
            made = await self._client.canvases_create(title=clean, document_content=document)
            await self._client.canvases_access_set(
                canvas_id=made["canvas_id"], access_level="read", channel_ids=[channel]
            )
        return str(made["canvas_id"])

    async def direct(self, user_id: str) -> str:
        """The channel of direct messages with a user."""
        with translated("open a direct message"):
            return str((await self._client.conversations_open(users=user_id))["channel"]["id"])

    async def find(self, channel: str, key: str, *, since: datetime, thread: str = "") -> MessageRef | None:
        """The first post of ours that was made with `key`; in a thread also one that shares a file of that name."""
        copies = await self.copies(channel, key, since=since, thread=thread)
        return copies[0].message if copies else None

    async def copies(self, channel: str, key: str, *, since: datetime, thread: str = "") -> tuple[Copy, ...]:
        """All of them, oldest first."""
        posts = self._replies(channel, thread) if thread else self._pages(channel, since=since, metadata=True)
        found = []
        async for message in posts:
            files = message.get("files") or () if thread else ()
            names = [file.get("name") for file in files]
            if key in (message.get("metadata", {}).get("event_payload", {}).get("key"), *names):
                found.append(Copy(MessageRef(channel, message["ts"]), tuple(file["id"] for file in files)))
        return tuple(sorted(found, key=lambda copy: float(copy.message.ts)))

    async def history(self, channel: str, *, since: datetime) -> AsyncIterator[ChatMessage]:
        """What stands in a channel now, newest first, each thread after its first message."""
        async for message in self._pages(channel, since=since):
            yield _chat_message(channel, message)
            if message.get("reply_count"):
                async for reply in self._replies(channel, message["ts"]):
                    yield _chat_message(channel, reply)

    async def permalink(self, message: MessageRef) -> str:
        """The address of a message."""
        with translated("say where a message is"):
            answer = await self._client.chat_getPermalink(channel=message.channel, message_ts=message.ts)
        return str(answer["permalink"])

    async def create_channel(self, name: str, *, private: bool) -> str:
        """Create a channel and return its id."""
        with translated(f"create the channel #{name}"):
            return str((await self._client.conversations_create(name=name, is_private=private))["channel"]["id"])

    async def own_channel(self, name: str) -> str:
        """The id of the channel that the bot created under a name, empty where there is none."""
        cursor = ""
        while True:
            with translated("list the bot's channels"):
                page = await self._client.users_conversations(
                    types=["public_channel", "private_channel"],
                    exclude_archived=True,
                    limit=_PAGE,
                    cursor=cursor or None,
                )
            for channel in page["channels"]:
                if channel["name"] == name and channel["creator"] == self._user_id:
                    return str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return ""

    async def set_topic(self, channel: str, topic: str) -> None:
        """Set a channel's topic."""
        with translated("set the topic"):
            await self._client.conversations_setTopic(channel=channel, topic=self._redact(topic))

    async def invite(self, channel: str, user_ids: Sequence[str]) -> None:
        """Invite people to a channel."""
        with translated("invite people"):
            await self._client.conversations_invite(channel=channel, users=list(user_ids))

    async def pin(self, message: MessageRef) -> None:
        """Pin a message to its channel; one that is pinned stays so."""
        try:
            with translated("pin a message"):
                await self._client.pins_add(channel=message.channel, timestamp=message.ts)
        except IntegrationError as error:
            if error.hint != "already_pinned":
                raise

    async def bookmark(self, channel: str, title: str, link: str) -> None:
        """Add a link to the top of a channel."""
        with translated("add a bookmark"):
            await self._client.bookmarks_add(channel_id=channel, title=self._redact(title), type="link", link=link)

    async def profile(self, user_id: str) -> Profile:
        """What Slack says of a user."""
        return (await self._directory.profile(user_id)).value

    async def group_members(self, group: str) -> tuple[str, ...]:
        """Ids of a user group's members."""
        return (await self._directory.group(group)).value

    def clean_view(self, view: dict[str, Any]) -> dict[str, Any]:
        """A modal or App Home as it may leave the house."""
        return {key: self._clean(value) for key, value in view.items()}

    def _clean(self, value: Any) -> Any:  # noqa: ANN401 - Block Kit is open-ended JSON
        match value:
            case str():
                return self._redact(value)
            case dict():
                # The words of Block Kit itself are left out: they are half of all strings.
                return {key: inner if key == "type" else self._clean(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._clean(inner) for inner in value]
            case _:
                return value

    def _render(self, result: Result) -> Payload:
        return render(scrubbed(result, self._redact), templates=self._templates)

    def _body(self, payload: Payload) -> dict[str, Any]:
        return {"text": self._redact(payload.text), "blocks": self._clean(payload.blocks)}

    async def _pace(self, channel: str) -> None:
        limiter = self._paces.setdefault(channel, AsyncLimiter(self._posts_a_second, 1))
        self._paces.move_to_end(channel)
        if len(self._paces) > _CHANNELS:
            self._paces.popitem(last=False)
        await limiter.acquire()

    async def _pages(self, channel: str, *, since: datetime, metadata: bool = False) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        while True:
            with translated("read a channel's history"):
                page = await self._client.conversations_history(
                    channel=channel,
                    oldest=f"{since.timestamp():.6f}",
                    limit=_PAGE,
                    cursor=cursor or None,
                    include_all_metadata=metadata,
                )
            for message in page["messages"]:
                yield message
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return

    async def _replies(self, channel: str, ts: str) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        while True:
            with translated("read a thread"):
                page = await self._client.conversations_replies(
                    channel=channel, ts=ts, limit=_PAGE, cursor=cursor or None, include_all_metadata=True
                )
            for message in page["messages"]:
                if message["ts"] != ts:
                    yield message
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return


def _chat_message(channel: str, message: dict[str, Any]) -> ChatMessage:
    posted = Posted.model_validate(message)
    return ChatMessage(
        channel=channel,
        ts=posted.ts,
        user=posted.user,
        text=unescape(posted.text),
        thread_ts=posted.thread_ts,
        edited_ts=posted.edited.ts if posted.edited else "",
        subtype=posted.subtype,
        bot_id=posted.bot_id,
        files=tuple((file.name, file.permalink) for file in posted.files),
    )
