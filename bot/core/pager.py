"""Paging: waking the people who are on call through the system that knows their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import StringConstraints

TargetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""What whom one can page is called in the configuration and by those who page."""


class PageState(StrEnum):
    """What has become of a page, as the paging system tells it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Page:
    """What to page about; `severity` is one of Critical, High, Medium, Low.

    `key` stands for the one problem: while its page is open, a second one with the same key joins it, so a page whose
    outcome is not known may be sent again. `source` is what is affected, `link` where to look, empty for none.
    """

    key: str
    summary: str
    severity: str
    source: str
    link: str = ""
    details: str = ""


class AlertSource(Protocol):
    """A system whose alerts come in, and that can be told that somebody is on one."""

    source: str
    """What its alerts are called here."""

    async def acknowledge_alert(self, alert_id: str) -> str:
        """Say so of the alert that it told with that id, and in a line what took it; safe to repeat.

        Raises as `Pager` does; `NotConfigured` where it lacks what that takes.
        """
        ...


class Pager(Protocol):
    """A paging system.

    It takes requests on and works on them later: that one was taken says nothing about who was woken, which `state`
    comes closest to. Everything is safe to repeat. Raises `IntegrationError` when nothing was taken, `OutcomeUnknown`
    when it may have been. What is paged leaves the bot: whoever pages takes secrets out first (`Scrub`).
    """

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of whom can be paged (a person, a role, an escalation policy), the usual one first."""
        ...

    async def page(self, page: Page, *, to: str = "") -> str:
        """Page the target `to`, the usual one when empty, and say in a line what took it; `NotFound` names all."""
        ...

    async def acknowledge(self, key: str, *, to: str = "") -> str:
        """Say that somebody is on it, which stops the escalation; `NotFound` where the system says it is not open."""
        ...

    async def resolve(self, key: str, *, to: str = "") -> str:
        """Say that it is over; `NotFound` where the system says it is not open."""
        ...

    async def state(self, key: str, *, to: str = "") -> PageState | None:
        """What has become of the page, None when there is none; `NotConfigured` where it cannot be asked."""
        ...
