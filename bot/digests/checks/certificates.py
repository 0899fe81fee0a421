"""The check of a certificate: how long it lasts, and whether customers accept it."""

from __future__ import annotations

from datetime import timedelta

from bot.core.certificates import Certificates
from bot.core.parts import State
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, at_least

DAYS_WARN = Limit("certificate_days_warn_below", 21, "Days that a certificate should last yet.")
DAYS_FAIL = Limit("certificate_days_fail_below", 7, "Days that a certificate must last yet.")
CERTIFICATE_LIMITS = (DAYS_WARN, DAYS_FAIL)

_NAMES_SHOWN = 4


def certificate_check(host: str) -> Declaration:
    """The check of what `host` presents."""

    async def find(terms: Terms, *, certificates: Certificates) -> Finding:
        """What it presents now: whom it is for, who issued it, and how long it lasts."""
        seen = await certificates.look(host)
        names = ", ".join(seen.names[:_NAMES_SHOWN])
        if len(seen.names) > _NAMES_SHOWN:
            names += f" and {len(seen.names) - _NAMES_SHOWN} more"
        evidence = f"For {names or 'no name'}, issued by {seen.issuer or 'nobody who is named'}."
        limit = f"at least {terms[DAYS_WARN]:g} days"
        if seen.expires_at is None:
            return Finding(State.FAIL, f"refused: {seen.fault}", limit, "It could not be read.")
        left = seen.expires_at - terms.now
        days = f"{_days(left)} left" if left > timedelta() else f"expired {_days(-left)} ago"
        value = f"{days} ({seen.expires_at:%Y-%m-%d %H:%M} UTC)"
        if seen.fault:
            return Finding(State.FAIL, f"refused: {seen.fault}; {value}", limit, evidence, left / timedelta(days=1))
        left_days = left / timedelta(days=1)
        state = at_least(left_days, terms, warn=DAYS_WARN, fail=DAYS_FAIL)
        return Finding(state, value, limit, evidence, left_days)

    return Declaration(
        host,
        find,
        rows=("L",),
        limits=CERTIFICATE_LIMITS,
        unit="days",
        family=Family.SECURITY,
        every=timedelta(hours=1),
        owner="Infrastructure",
        then=("cert", "why ssl"),
    )


def file_check(host: str) -> Declaration:
    """The check that `host` presents what lies in the file that it is said to present."""

    async def find(_terms: Terms, *, certificates: Certificates) -> Finding:
        """A renewed file that the web server has not read is no renewed certificate."""
        seen, filed = await certificates.look(host), await certificates.on_file(host)
        if seen.fingerprint == filed:
            return Finding(State.OK, "shown as it is on file", "the same")
        return Finding(
            State.WARN, "another one is shown than is on file", "the same", "Reload the web server: it reads once."
        )

    return Declaration(
        f"{host} on file",
        find,
        rows=("L",),
        family=Family.SECURITY,
        every=timedelta(hours=1),
        owner="Infrastructure",
        follows=(host,),
        then=("why ssl", "cert"),
    )


def _days(lasts: timedelta) -> str:
    return f"{lasts.days} day{'' if lasts.days == 1 else 's'}"
