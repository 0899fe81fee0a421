"""Who and what is in the workspace: people, channels and user groups by name."""

from collections.abc import Iterable

from bot.demo.workspace.core import Core
from bot.demo.workspace.person import Person
from bot.demo.workspace.records import Channel, User, UserGroup


class Directory:
    """Gets or makes people, channels and groups, without raising events."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.bot = Person(core, core.store.bot)
        self._people: dict[str, Person] = {}

    def person(
        self,
        name: str,
        *,
        tz: str = "UTC",
        restricted: bool = False,
        team_id: str | None = None,
        admin: bool = False,
        bot: bool = False,
        email: str | None = None,
    ) -> Person:
        """The person of this name, made at the first asking; the other arguments count only then.

        `restricted` makes a guest, another `team_id` a stranger from a shared channel, `bot` another app's bot.
        """
        if name not in self._people:
            ids = self.core.store.ids
            user = User(
                id=ids.new("U"),
                name=name,
                team_id=team_id or self.core.store.identity.team_id,
                real_name=name.capitalize(),
                email=f"{name}@example.com" if email is None else email,
                tz=tz,
                restricted=restricted,
                admin=admin,
                bot_id=ids.new("B") if bot else None,
                app_id=ids.new("A") if bot else None,
            )
            self._people[name] = Person(self.core, self.core.store.add_user(user))
        return self._people[name]

    def channel(self, name: str, members: Iterable[Person] = (), *, private: bool = False, bot: bool = True) -> Channel:
        """The channel of this name, made at the first asking, with these members added.

        The bot is a member unless `bot` is false.
        """
        store = self.core.store
        channel = store.channels_by_name.get(name)
        people = [person.id for person in members]
        if channel is None:
            creator = people[0] if people else store.bot.id
            channel = store.add_channel(name=name, kind="group" if private else "channel", creator=creator)
            if not people and not bot:
                channel.members.clear()
        channel.members.update(dict.fromkeys([*people, *([store.bot.id] if bot else [])]))
        return channel

    def group(self, handle: str, members: Iterable[Person] = ()) -> UserGroup:
        """The user group of this handle, made at the first asking, with these members."""
        store = self.core.store
        group = store.group_by_handle(handle)
        if group is None:
            group = UserGroup(store.ids.new("S"), handle, handle.capitalize(), store.ids.now())
            store.groups[group.id] = group
        group.members = [person.id for person in members]
        return group

    def people(self) -> list[Person]:
        """All people that were made."""
        return list(self._people.values())
