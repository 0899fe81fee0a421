"""Changing the schema of a service's database by what the deployed release brings for it."""

from __future__ import annotations

from typing import Protocol


class Migrations(Protocol):
    """The migrations of the release that is deployed."""

    @property
    def migrate_argv(self) -> tuple[str, ...]:
        """The command line of `migrate`, as people are shown it."""
        ...

    async def migrate(self) -> str:
        """Run them in the deployed release and say what was said; `IntegrationError` when one failed.

        `OutcomeUnknown` when it takes longer than its budget: it is left running under its lock.
        """
        ...

    async def last_migration(self) -> str | None:
        """What was applied last, as the service tells it; None when nothing is configured that tells it."""
        ...

    async def migrated(self) -> None:
        """Return when no migration runs any more; `Conflict` when one stays."""
        ...
