"""An edition in its channel: one message with its thread, however often it is interrupted, taken over or run anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.permit import Permit, permitted_by
from bot.core.ports import Chat, Copy, Documents, MessageRef
from bot.core.results import Result, Text
from bot.digests.edition import Edition

_TWICE = "This came twice, for a replica of the bot slept in the middle of it. The later one is deleted."
_GONE = "message_not_found"


@dataclass(frozen=True, slots=True)
class Posting:
    """Where an edition goes: a channel, where it is found by `key` since a moment. `permit` is asked before each post.

    With `again` everything is put in place of what stands there; without it what stands there stays.
    """

    chat: Chat
    documents: Documents
    channel: str
    key: str
    since: datetime
    permit: Permit
    again: bool = False

    async def find(self) -> MessageRef | None:
        """The message, if it was posted."""
        return await self.chat.find(self.channel, self.key, since=self.since)

    async def put(self, made: Edition, message: MessageRef | None) -> MessageRef:
        """Post it, or put it in place of `message`, with everything that belongs to it in the thread.

        `Fenced` when another replica does so; what both of them posted then is once there.
        """
        message = message or await self.find()
        if message and self.again:
            message = await self._edit(message, made.message)
        message = message or await self._post(made.message, key=self.key)
        await self._enclose(message, made)
        return message

    async def _post(self, result: Result, *, key: str, thread: str = "") -> MessageRef:
        """Post, and look again: who slept between the permit and the post finds that of the successor."""
        with permitted_by(self.permit):
            posted = await self.chat.post(self.channel, result, key=key, thread=thread)
        first, *others = await self._copies(key, thread) or (Copy(posted),)
        for copy in others:
            await self._delete(copy)
        if others:
            await self.chat.post(self.channel, Text((_TWICE,)), thread=thread or first.message.ts)
        return first.message

    async def _edit(self, message: MessageRef, result: Result, *, thread: str = "") -> MessageRef | None:
        """Put something in place of what stands there; None when somebody has deleted it."""
        try:
            with permitted_by(self.permit):
                await self.chat.update(message, result, thread=thread)
        except IntegrationError as error:
            if error.hint != _GONE:
                raise
            return None
        return message

    async def _enclose(self, message: MessageRef, made: Edition) -> None:
        """Put what the message has no room for into its thread, each thing once.

        A file that is refused is told in words and stops nothing. Old files go when the new ones are there.
        """
        name, thread = made.document.name, message.ts
        files = (name, *made.pictures)
        old = {each: await self._copies(each, thread) for each in files} if self.again else {}
        await self._reply(made.document, key=f"{self.key}:document", thread=thread)
        if made.tasks:
            await self._reply(made.tasks, key=f"{self.key}:tasks", thread=thread)
        if made.attached:
            text = self.documents.render(f"digest_{made.document.template.value}.md.j2", document=made.document)
            upload = partial(self.chat.upload, self.channel, name, text, title=made.document.title, thread=thread)
            await self._share(name, upload, thread=thread, old=old)
        for name, chart in made.pictures.items():
            picture = partial(self.chat.picture, self.channel, name, chart, thread=thread)
            await self._share(name, picture, thread=thread, old=old, words=chart.words)
        for copy in (copy for copies in old.values() for copy in copies):
            await self._delete(copy)

    async def _reply(self, result: Result, *, key: str, thread: str) -> None:
        there = await self._copies(key, thread)
        if there and (not self.again or await self._edit(there[0].message, result, thread=thread)):
            return
        await self._post(result, key=key, thread=thread)

    async def _share(
        self,
        name: str,
        share: Callable[[], Awaitable[str]],
        *,
        thread: str,
        old: Mapping[str, tuple[Copy, ...]],
        words: str = "",
    ) -> None:
        if len(await self._copies(name, thread)) > len(old.get(name, ())):
            return
        key = f"{name}:refused"
        try:
            with permitted_by(self.permit):
                await share()
        except OutcomeUnknown:
            raise
        except IntegrationError as error:
            await self._reply(Text((f"{name} could not be shared: {error} {words}",)), key=key, thread=thread)
        else:
            for copy in await self._copies(key, thread) if self.again else ():
                await self._delete(copy)

    async def _delete(self, copy: Copy) -> None:
        """Delete it with its files; what is gone already is no error."""
        for file in copy.files:
            await self.chat.delete_file(file)
        try:
            await self.chat.delete(copy.message)
        except IntegrationError as error:
            if error.hint != _GONE:
                raise

    async def _copies(self, key: str, thread: str) -> tuple[Copy, ...]:
        since = datetime.fromtimestamp(float(thread), UTC) if thread else self.since
        return await self.chat.copies(self.channel, key, since=since, thread=thread)
