"""The check of the backups: how old, how large, whether they can be one at all."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Backup, Backups
from bot.core.sizes import format_size
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms

BACKUP_AGE_FAIL = Limit("backup_hours_fail_above", 26, "Hours that may pass without a backup.")
BACKUP_SIZE_WARN = Limit("backup_size_warn_below", 0.5, "Size of the newest backup as a part of the others' median.")


async def find_backups(terms: Terms, *, backups: Backups) -> Finding:
    """How old and how large the newest backup is, and whether it is whole."""
    return judge_backups(terms, await backups.newest())


def judge_backups(terms: Terms, found: tuple[Backup, ...]) -> Finding:
    """The same of backups that are known, the newest first."""
    hours = f"at most {terms[BACKUP_AGE_FAIL]:g} h old"
    if not found:
        return Finding(State.FAIL, "no backup", hours, "The folder holds none.")
    newest, *others = found
    age = (terms.now - newest.made_at) / timedelta(hours=1)
    seen = f"newest is {age:.1f} h old, {format_size(newest.size)}"
    if newest.fault or not newest.size:
        return Finding(State.FAIL, seen, hours, f"{newest.path}: {newest.fault or 'it is empty'}", age)
    if age > terms[BACKUP_AGE_FAIL]:
        return Finding(State.FAIL, seen, hours, newest.path, age)
    if newest.made_at > terms.now + timedelta(minutes=5):
        raise IntegrationError(f"{newest.path} is dated in the future, so its age says nothing.")
    usual = median(backup.size for backup in others) if others else newest.size
    if newest.size < terms[BACKUP_SIZE_WARN] * usual:
        part = f"at least {terms[BACKUP_SIZE_WARN]:.0%} of the usual {format_size(usual)}"
        return Finding(State.WARN, seen, part, newest.path, age)
    return Finding(State.OK, seen, hours, newest.path, age)


BACKUPS = (
    Declaration(
        "Backups",
        find_backups,
        rows=("K4",),
        limits=(BACKUP_AGE_FAIL, BACKUP_SIZE_WARN),
        unit="h",
        family=Family.DATA,
        every=timedelta(minutes=15),
        owner="Infrastructure",
        then=("backup", "backups"),
    ),
)
