"""Who may do what: roles in order, and the person behind a payload."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each role may do what the ones below it may; strangers, guests and bots have `NOBODY` and get help only."""

    NOBODY = 0
    VIEWER = 1
    RESPONDER = 2
    COMMANDER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who asks, as the bot established it; nothing in here was taken from a payload unchecked.

    `note` says how sure the role is, for instance that a group look-up failed and a stored answer was used.
    """

    user_id: str
    name: str
    role: Role
    team_id: str = ""
    note: str = ""


AUTOMATIC = Actor(user_id="opsbot", name="opsbot (automatic)", role=Role.ADMIN)
"""Who acts when nobody asked: the end of a lease, a scheduled digest."""
