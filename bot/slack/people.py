"""Who may do what: a Slack user's role, from users and user groups as configured."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.errors import IntegrationError
from bot.core.people import Actor, Role
from bot.core.prose import Line, Person
from bot.slack.directory import Answer, Directory


@dataclass(frozen=True, slots=True)
class Roles:
    """The configured roles: by user id, by user group (id or handle), and for every other member."""

    users: Mapping[str, Role] = field(default_factory=dict)
    groups: Mapping[str, Role] = field(default_factory=dict)
    default: Role = Role.NOBODY

    @property
    def whom_to_ask(self) -> Line:
        """What is said to those who may not: who can give them a role."""
        admins: list[Person | str] = [Person(user) for user, role in self.users.items() if role is Role.ADMIN]
        admins += [f"@{group.removeprefix('@')}" for group, role in self.groups.items() if role is Role.ADMIN]
        said = [part for admin in admins for part in (" or ", admin)][1:]
        return ("Ask ", *(said or ["whoever runs this bot"]), " for a role.")


async def holders(roles: Roles, directory: Directory, *, role: Role) -> frozenset[str]:
    """Ids of those who have `role` or a higher one; a group that cannot be read raises `IntegrationError`."""
    groups = [group for group, given in roles.groups.items() if given >= role]
    members = await asyncio.gather(*map(directory.group, groups))
    users = (user for user, given in roles.users.items() if given >= role)
    return frozenset(users).union(*(answer.value for answer in members))


class People:
    """Establishes the person behind a payload. Guests, bots, other teams and deactivated people are nobody."""

    def __init__(self, directory: Directory, roles: Roles, *, team_id: str) -> None:
        self._directory = directory
        self._roles = roles
        self._team_id = team_id

    async def actor(self, user_id: str, team_id: str) -> Actor:
        """The person with their role; `team_id` is the team that the payload gives for them."""
        nobody = Actor(user_id, user_id, Role.NOBODY, team_id)
        if team_id != self._team_id:
            return nobody
        try:
            profile = await self._directory.profile(user_id)
        except IntegrationError as error:
            return Actor(user_id, user_id, Role.NOBODY, team_id, note=str(error))
        if not profile.value.trusted:
            return nobody
        notes = ["Slack does not answer; I use what it said of you within the last day."] if profile.stored else []
        role = max(self._roles.users.get(user_id, Role.NOBODY), self._roles.default)
        higher = [group for group, given in self._roles.groups.items() if given > role]
        for group, members in zip(higher, await asyncio.gather(*map(self._members, higher)), strict=True):
            if members is None:
                notes.append(f"{group} could not be read, so it gives nobody a role now.")
            elif user_id in members.value:
                role = max(role, self._roles.groups[group])
                notes += [f"{group} could not be read; I use its members of the last day."] if members.stored else []
        return Actor(user_id, profile.value.name, role, team_id, note=" ".join(notes))

    async def _members(self, group: str) -> Answer[tuple[str, ...]] | None:
        try:
            return await self._directory.group(group)
        except IntegrationError:
            return None
