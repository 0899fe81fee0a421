"""Why something is not done by itself, though an automation would do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.automation.policy import Policy
from bot.automation.rule import Rule, Seen, Want
from bot.core.alert_looks import view_of
from bot.core.alerts import WATCH
from bot.core.automation import NOT_ALLOWED, Case, Off
from bot.core.duration import format_duration
from bot.core.people import AUTOMATIC
from bot.core.records import Unit
from bot.core.watches import Pulse
from bot.core.windows import WindowState
from bot.digests.watches import key_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

FLAPS = 3
"""A problem that began so often within half an hour is not mended by doing the same once more."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What was done by itself on a service lately, against what may be."""

    policy: Policy
    acts: Sequence[Case]
    now: datetime

    @property
    def left(self) -> int:
        """Acts that are left of the day's, of all automations together."""
        return max(self.policy.budget - len(self._within(DAY)), 0)

    def spent(self, rule: Rule) -> str:
        """Which bound is reached; empty for none."""
        settings = self.policy.settings[rule.name]
        own = [case for case in self._within(DAY) if case.rule == rule.name]
        if unsettled := next((case for case in own if case.settled_at is None), None):
            return f"what it began {_ago(unsettled, self.now)} ago has not ended"
        if not self.left:
            return f"the budget of {self.policy.budget} acts in 24 hours is used up"
        if sum(case in own for case in self._within(HOUR)) >= settings.most_per_hour:
            return f"it acted {settings.most_per_hour} times within the hour, which is the most it may"
        last = max(own, key=_acted, default=None)
        if last and self.now - _acted(last) < settings.cooldown:
            return f"it acted {_ago(last, self.now)} ago, and waits {format_duration(settings.cooldown)} after each act"
        return ""

    def _within(self, span: timedelta) -> list[Case]:
        return [case for case in self.acts if case.acted_at and self.now - case.acted_at < span]


def off_of(offs: Sequence[Off], service: str, rule: str) -> Off | None:
    """What keeps an automation from doing anything by itself."""
    return next((off for off in offs if (off.service, off.rule) in {("", ""), (service, rule)}), None)


async def why_held(tx: Unit, rule: Rule, want: Want, policy: Policy, seen: Seen) -> str:
    """The first reason; empty when nothing speaks against it."""
    if rule.name not in policy.allowed:
        return NOT_ALLOWED
    if off := off_of(await tx.automation.offs(), policy.service, rule.name):
        return _told(off)
    if want.held:
        return want.held
    for reason in (await _people(tx, rule, want, policy, seen), await _maintenance(tx, policy)):
        if reason:
            return reason
    if len(seen.pulses.get(want.check, Pulse()).openings) >= FLAPS:
        return f"it began {FLAPS} times within half an hour: the same once more does not mend it"
    acts = await tx.automation.cases(service=policy.service, since=seen.now - DAY)
    return Budget(policy, acts, seen.now).spent(rule)


async def _people(tx: Unit, rule: Rule, want: Want, policy: Policy, seen: Seen) -> str:
    """Whether somebody is at it, or wants to hear nothing of it."""
    key = key_of(policy.service, want.check)
    told = await view_of(tx, key, now=seen.now)
    silenced = any(silence.key == key for silence in await tx.alerts.silences(WATCH, now=seen.now))
    if silenced or (told and told.silence):
        return "the alert is silenced"
    if told and told.group.acknowledged_at:
        return "somebody has acknowledged the alert and is on it"
    if rule.yields and any(not each.services or policy.service in each.services for each in await tx.incidents.open()):
        return "an incident is open: whoever leads it decides"
    return ""


async def _maintenance(tx: Unit, policy: Policy) -> str:
    if await tx.leases.active(service=policy.service, kind="maintenance"):
        return "maintenance is on"
    states = {window.state for window in await tx.windows.of_service(policy.service)}
    if states & {WindowState.BEGINNING, WindowState.OPEN}:
        return "a maintenance window is under way"
    return ""


def _told(off: Off) -> str:
    if off.by == AUTOMATIC.user_id:
        return f"it is off since it failed: {off.reason}"
    what = "all automation is" if not off.rule else "it is"
    return f"{what} turned off{f': {off.reason}' if off.reason else ''}"


def _acted(case: Case) -> datetime:
    assert case.acted_at
    return case.acted_at


def _ago(case: Case, now: datetime) -> str:
    return format_duration(now - _acted(case))
