"""A person in the workspace: what they do, and what they see."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from bot.demo.workspace import inputs
from bot.demo.workspace.core import Core
from bot.demo.workspace.feed import Content
from bot.demo.workspace.interactions import Interactions, Turn
from bot.demo.workspace.objects import message_blocks
from bot.demo.workspace.records import Channel, File, Message, User
from bot.demo.workspace.seen import Seen, SeenView, look, look_at_view
from bot.demo.workspace.surfaces import View
from bot.demo.workspace.typed import typed_text
from bot.demo.workspace.values import Json


class Person:
    """Acts as one user. Messages and views that are given to it are looked up as they stand now."""

    def __init__(self, core: Core, user: User) -> None:
        self.core = core
        self.user = user
        self._interactions = Interactions(core, user)

    @property
    def id(self) -> str:
        """The user's id."""
        return self.user.id

    @property
    def name(self) -> str:
        """The user's handle."""
        return self.user.name

    @property
    def mention(self) -> str:
        """How the user is addressed in a message."""
        return f"<@{self.user.id}>"

    # What they do in channels.

    async def say(
        self, channel: Channel, text: str, *, thread: Seen | str | None = None, files: Iterable[tuple[str, bytes]] = ()
    ) -> Seen:
        """Types a message into a channel, or below another one; `files` are names and contents."""
        self._enter(channel)
        content: Content = {"thread_ts": self._thread(channel, thread)}
        shared = [self._file(name, data, channel) for name, data in files]
        if shared:
            content |= {"files": shared, "subtype": "file_share"}
        if self.user.bot_id is not None:
            content["subtype"] = "bot_message"
        return self._look(self.core.feed.post(channel, self.user, typed_text(text, self.core.store), **content))

    def _enter(self, channel: Channel) -> None:
        if channel.archived:
            raise PermissionError(f"#{channel.name} is archived")
        if self.user.id not in channel.members:
            if channel.private:
                raise PermissionError(f"{self.name} is not in #{channel.name}")
            self.core.crowd.join(channel, self.user)

    def _thread(self, channel: Channel, thread: Seen | str | None) -> str | None:
        if thread is None:
            return None
        parent = self.core.store.message(channel, thread if isinstance(thread, str) else thread.ts)
        return parent.thread_ts or parent.ts

    def _file(self, name: str, data: bytes, channel: Channel) -> File:
        store = self.core.store
        file = File(
            id=store.ids.new("F"),
            name=name,
            title=name,
            user=self.id,
            created=store.ids.now(),
            length=len(data),
            content=data,
            complete=True,
            channels=[channel.id],
        )
        store.files[file.id] = file
        return file

    async def edit(self, message: Seen, text: str) -> Seen:
        """Edits a message of their own."""
        stored = self._own(message)
        self.core.feed.revise(stored, by=self.id, text=typed_text(text, self.core.store), content={})
        return self._look(stored)

    async def delete(self, message: Seen) -> None:
        """Deletes a message of their own, or anyone's if they are an admin."""
        self.core.feed.remove(self._own(message))

    def _own(self, message: Seen) -> Message:
        stored = self._stored(message)
        if stored.user != self.id and not self.user.admin:
            raise PermissionError(f"{self.name} did not write this message")
        return stored

    async def react(self, message: Seen, name: str) -> None:
        """Adds an emoji."""
        self.core.feed.react(self._stored(message), self.user, name.strip(":"))

    async def unreact(self, message: Seen, name: str) -> None:
        """Takes their emoji back."""
        self.core.feed.unreact(self._stored(message), self.user, name.strip(":"))

    async def pin(self, message: Seen) -> None:
        """Pins a message to its channel."""
        self.core.feed.pin(self._stored(message), self.user)

    async def unpin(self, message: Seen) -> None:
        """Takes the pin off."""
        self.core.feed.unpin(self._stored(message), self.user)

    async def join(self, channel: Channel) -> None:
        """Joins a public channel."""
        if channel.private:
            raise PermissionError(f"#{channel.name} is private")
        self.core.crowd.join(channel, self.user)

    async def leave(self, channel: Channel) -> None:
        """Leaves a channel."""
        self.core.crowd.leave(channel, self.user)

    async def invite(self, channel: Channel, who: "Person") -> None:
        """Brings someone into a channel."""
        self.core.crowd.join(channel, who.user, inviter=self.user)

    async def kick(self, channel: Channel, who: "Person") -> None:
        """Takes someone out of a channel."""
        self.core.crowd.leave(channel, who.user)

    async def set_topic(self, channel: Channel, text: str) -> None:
        """Sets a channel's topic."""
        self.core.crowd.label(channel, self.user, "topic", text)

    async def rename(self, channel: Channel, name: str) -> None:
        """Gives a channel another name."""
        self.core.crowd.rename(channel, self.user, name)

    async def archive(self, channel: Channel) -> None:
        """Archives a channel."""
        self.core.crowd.archive(channel, self.user)

    async def unarchive(self, channel: Channel) -> None:
        """Opens an archived channel again."""
        self.core.crowd.unarchive(channel, self.user)

    def dm(self) -> Channel:
        """Their direct conversation with the bot."""
        return self.core.store.direct(self.id, self.core.store.bot.id)

    # What they do with the app.

    async def command(self, channel: Channel, line: str, *, should_escape: bool = True) -> Turn:
        """Types a slash command; returns when it is acked or its three seconds are over.

        It cannot be typed in a thread. `should_escape` is the app's setting that turns @names into references.
        """
        return await self._interactions.command(channel, line, should_escape=should_escape)

    async def click(self, on: Seen | SeenView, name: str) -> Turn:
        """Clicks the button of these words or of this action_id, on a message or in a view."""
        return await self._act(on, name, lambda _: {})

    async def select(self, on: Seen | SeenView, name: str, value: object) -> Turn:
        """Chooses in a menu, list or date picker: an option's value or words, an id, a date; lists for several."""
        return await self._act(on, name, lambda element: inputs.chosen(element, value))

    async def _act(self, on: Seen | SeenView, name: str, choose: Callable[[Json], Json]) -> Turn:
        if isinstance(on, SeenView):
            view = self._view(on)
            block, element = _find(view.body["blocks"], name)
            return await self._interactions.act_in_view(view, element, block, choose(element))
        message = self._stored(on)
        block, element = _find(message_blocks(message) or [], name)
        return await self._interactions.click(message, element, block, choose(element))

    async def shortcut(self, message: Seen | None, callback_id: str) -> Turn:
        """Runs a message shortcut, or a global one without a message."""
        return await self._interactions.shortcut(None if message is None else self._stored(message), callback_id)

    def fill(self, view: SeenView, values: Mapping[str, object]) -> None:
        """Fills in inputs, named by action_id, label or block_id."""
        stored = self._view(view)
        for name, value in values.items():
            block, element = _find(stored.body["blocks"], name)
            stored.state[block["block_id"]][element["action_id"]] |= inputs.chosen(element, value)

    async def submit(self, view: SeenView, values: Mapping[str, object] | None = None) -> Turn:
        """Fills in inputs and submits the modal."""
        self.fill(view, values or {})
        return await self._interactions.submit(self._view(view))

    async def close(self, view: SeenView, *, whole_stack: bool = False) -> Turn:
        """Cancels a modal, or closes all that are stacked."""
        return await self._interactions.close(self._view(view), whole_stack=whole_stack)

    async def open_home(self) -> SeenView | None:
        """Opens the app's Home: the app hears of it, and what it has published before is there at once."""
        surfaces = self.core.surfaces
        event: Json = {"type": "app_home_opened", "user": self.id, "channel": self.dm().id, "tab": "home"}
        if (view := surfaces.homes.get(self.id)) is not None:
            event["view"] = surfaces.json(view)
        self.core.announcer.event(event, None, scope=None)
        return self.home

    # What they see.

    def sees(self, channel: Channel) -> list[Seen]:
        """The channel's messages, thread replies and their own ephemeral ones, in order, as they stand now."""
        return [self._look(message) for message in self._messages(channel)]

    def _messages(self, channel: Channel) -> Sequence[Message]:
        public = list(channel.messages.values()) if self._may_read(channel) else []
        own = self.core.store.ephemerals.get((channel.id, self.id), {}).values()
        return sorted([*public, *own], key=lambda message: message.ts) if own else public

    @property
    def modal(self) -> SeenView | None:
        """The modal in front of them, the topmost of the stack."""
        stack = self.core.surfaces.stacks.get(self.id)
        return look_at_view(stack[-1], self.core.store, self.user) if stack else None

    @property
    def home(self) -> SeenView | None:
        """The app's Home as published for them."""
        view = self.core.surfaces.homes.get(self.id)
        return look_at_view(view, self.core.store, self.user) if view is not None else None

    async def wait_for(
        self,
        channel: Channel,
        wanted: Callable[[Seen], bool] | str,
        timeout: float = 10,  # noqa: ASYNC109 - the test says how patient the person is
        *,
        after: Seen | None = None,
    ) -> Seen:
        """The first message that fits, standing there or still to come; a string is looked for in `plain()`.

        `after` leaves out what is not newer than this message.
        """

        def fits(item: object) -> Seen | None:
            if not isinstance(item, Message) or item.channel != channel.id or not self._sees(item):
                return None
            if after is not None and item.ts <= after.ts:
                return None
            seen = self._look(item)
            return seen if (wanted in seen.plain() if isinstance(wanted, str) else wanted(seen)) else None

        for message in self._messages(channel):
            if (seen := fits(message)) is not None:
                return seen
        what = (
            f"message with {wanted!r} for {self.name}" if isinstance(wanted, str) else f"such message for {self.name}"
        )
        return await self.core.signal.wait(fits, seconds=timeout, what=what)

    async def wait_for_modal(
        self,
        wanted: Callable[[SeenView], bool] | str = "",
        timeout: float = 5,  # noqa: ASYNC109 - the test says how patient the person is
    ) -> SeenView:
        """The modal in front of them, once it fits; a string is looked for in `plain()`."""
        return await self._wait_for_view(lambda: self.modal, wanted, timeout)

    async def wait_for_home(
        self,
        wanted: Callable[[SeenView], bool] | str = "",
        timeout: float = 5,  # noqa: ASYNC109 - the test says how patient the person is
    ) -> SeenView:
        """Their Home, once it fits; a string is looked for in `plain()`."""
        return await self._wait_for_view(lambda: self.home, wanted, timeout)

    async def _wait_for_view(
        self, get: Callable[[], SeenView | None], wanted: Callable[[SeenView], bool] | str, seconds: float
    ) -> SeenView:
        def fits(item: object) -> SeenView | None:
            view = get() if isinstance(item, View) else None
            if view is None:
                return None
            return view if (wanted in view.plain() if isinstance(wanted, str) else wanted(view)) else None

        present = get()
        if present is not None and (wanted in present.plain() if isinstance(wanted, str) else wanted(present)):
            return present
        return await self.core.signal.wait(fits, seconds=seconds, what=f"view for {self.name}")

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[Seen]]:
        """The messages that they see, each as it appears or changes, in all channels and for as long as the block."""
        queue = self.core.signal.follow()

        async def changes() -> AsyncIterator[Seen]:
            while True:
                item = await queue.get()
                if isinstance(item, Message) and self._sees(item) and self._member_of(item):
                    yield self._look(item)

        try:
            yield changes()
        finally:
            self.core.signal.unfollow(queue)

    def _may_read(self, channel: Channel) -> bool:
        return self.id in channel.members or not channel.private

    def _member_of(self, message: Message) -> bool:
        return self.id in self.core.store.channels[message.channel].members

    def _sees(self, message: Message) -> bool:
        if message.deleted or message.seen_by not in {None, self.id}:
            return False
        return message.seen_by is not None or self._may_read(self.core.store.channels[message.channel])

    def _look(self, message: Message) -> Seen:
        return look(message, self.core.store, self.user)

    def _stored(self, seen: Seen) -> Message:
        if seen.ephemeral:
            message = self.core.store.ephemerals.get((seen.channel, self.id), {}).get(seen.ts)
        else:
            message = self.core.store.channels[seen.channel].messages.get(seen.ts)
        if message is None or not self._sees(message):
            raise LookupError(f"{self.name} does not see this message: {seen.plain()!r}")
        return message

    def _view(self, seen: SeenView) -> View:
        view = self.core.surfaces.find(seen.id)
        if view is None or view.user != self.id:
            raise LookupError(f"{self.name} does not see this view: {seen.title!r}")
        return view


def _find(blocks: list[Json], name: str) -> tuple[Json, Json]:
    found = inputs.find(blocks, name)
    if found is None:
        known = ", ".join(repr(inputs.label(block, element)) for block, element in inputs.elements(blocks))
        raise LookupError(f"nothing called {name!r} here; there is: {known or 'nothing to act on'}")
    return found
