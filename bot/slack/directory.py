"""Who is who in Slack: profiles and user groups, kept for a while, and for longer when Slack does not answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import JsonValue, TypeAdapter
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import Clock, zone_named
from bot.core.errors import IntegrationError
from bot.core.ports import Profile
from bot.core.records import Store
from bot.slack.client import translated

T = TypeVar("T")

FRESH = timedelta(minutes=5)
STALE = timedelta(hours=24)
AGAIN = timedelta(minutes=1)
_KEPT = 10_000
_PROFILE = TypeAdapter(Profile)
_MEMBERS = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What Slack said, and when; `stored` when it said so before and does not answer now."""

    value: T
    at: datetime
    stored: bool = False


class _Asked(Generic[T]):
    """Answers of one kind by key: fresh ones from memory, new ones from Slack, stored ones when Slack fails."""

    def __init__(
        self, name: str, ask: Callable[[str], Awaitable[T]], adapter: TypeAdapter[T], *, store: Store, clock: Clock
    ) -> None:
        self._name = name
        self._ask = ask
        self._adapter = adapter
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, Answer[T]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Answer[T]]] = {}

    async def get(self, key: str) -> Answer[T]:
        """The answer; callers who ask at once share one call. Raises `IntegrationError` when there is none at all."""
        known = self._known.get(key)
        if known is not None and self._clock() - known.at < (AGAIN if known.stored else FRESH):
            return known
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.get_running_loop().create_task(self._look_up(key))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _look_up(self, key: str) -> Answer[T]:
        name, now = f"slack.{self._name}.{key}", self._clock()
        try:
            answer = Answer(await self._ask(key), now)
        except IntegrationError:
            async with self._store.transaction() as tx:
                stored = await tx.remembered.get(name, within=STALE, now=now)
            if stored is None:
                raise
            answer = Answer(self._adapter.validate_python(stored), now, stored=True)
        else:
            async with self._store.transaction() as tx:
                await tx.remembered.put(name, _json(self._adapter, answer.value), at=now)
        self._known[key] = answer
        self._known.move_to_end(key)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return answer


def _json(adapter: TypeAdapter[Any], value: object) -> JsonValue:
    dumped: JsonValue = adapter.dump_python(value, mode="json")
    return dumped


class Directory:
    """Profiles of users and members of user groups."""

    def __init__(self, client: AsyncWebClient, *, team_id: str, store: Store, clock: Clock) -> None:
        self._client = client
        self._team_id = team_id
        self._profiles = _Asked("profile", self._ask_profile, _PROFILE, store=store, clock=clock)
        self._groups = _Asked("group", self._ask_group, _MEMBERS, store=store, clock=clock)

    async def profile(self, user_id: str) -> Answer[Profile]:
        """What Slack says of a user; an unknown one is an `IntegrationError` like any refusal."""
        return await self._profiles.get(user_id)

    async def group(self, group: str) -> Answer[tuple[str, ...]]:
        """Ids of a user group's members; `group` is its id or its handle."""
        return await self._groups.get(group.removeprefix("@"))

    async def _ask_profile(self, user_id: str) -> Profile:
        with translated("say who is asking"):
            user = (await self._client.users_info(user=user_id))["user"]
        untrusted = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")
        profile = user.get("profile", {})
        return Profile(
            user_id=user_id,
            name=profile.get("display_name") or user.get("real_name") or user.get("name") or user_id,
            team_id=user.get("team_id", ""),
            trusted=user.get("team_id") == self._team_id and not any(user.get(flag) for flag in untrusted),
            zone=zone_named(user.get("tz") or ""),
        )

    async def _ask_group(self, group: str) -> tuple[str, ...]:
        with translated(f"say who is in the user group {group}"):
            group_id = group if group.isupper() else await self._group_id(group)
            return tuple((await self._client.usergroups_users_list(usergroup=group_id))["users"])

    async def _group_id(self, handle: str) -> str:
        groups = (await self._client.usergroups_list())["usergroups"]
        found = next((group["id"] for group in groups if group["handle"] == handle), None)
        if found is None:
            raise IntegrationError(f"Slack has no user group called {handle}.", hint="Check people in opsbot.yaml.")
        return str(found)
