"""Digests as the tests make them: everything real but Slack and the service."""

from __future__ import annotations

from bot.core.clock import Clock
from bot.core.fleet import Fleet
from bot.core.ports import Chat
from bot.core.records import Store
from bot.core.registry import Registry
from bot.digests.digest import Digests
from bot.digests.schedules import Schedule, Schedules
from bot.views import Templates


def made(
    schedules: Schedules | Schedule,
    store: Store,
    fleet: Fleet,
    chat: Chat,
    clock: Clock,
    *,
    registry: Registry | None = None,
) -> Digests:
    """The digests of some schedules, or of one."""
    known = schedules if isinstance(schedules, Schedules) else Schedules((schedules,))
    return Digests(known, store, fleet, chat, clock, Templates(), registry or Registry())
