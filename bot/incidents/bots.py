"""What a bot's message is, by its form: an alert, an all-clear, the result of a command, a release, a build."""

from __future__ import annotations

import re
from enum import StrEnum

_ALARMS = re.compile(
    r"\b(?:FIRING|ALARM|ALERT|TRIGGERED|CRITICAL|CRIT|PROBLEM|DEGRADED|DOWN|UNHEALTHY|WARN(?:ING)?|BREACH\w*|FAILING|ERROR)\b"
    r"|(?i:\b(?:triggered|alert(?:ing)?|is down|went down|threshold|no data)\b)"
    r"|:(?:rotating_light|fire|red_circle|warning|x|bangbang|exclamation|large_red_square|no_entry):|[🚨🔥🔴⚠❌🟥]"
)
_CLEARS = re.compile(
    r"\b(?:RESOLVED|RECOVERED|RECOVERY|UP|OK|CLEARED|HEALTHY|NORMAL|CLOSED|PASSING)\b"
    r"|(?i:\b(?:resolved|recovered|recovery|is (?:back )?up|back to normal|auto-?resolved|cleared)\b)"
    r"|:(?:white_check_mark|large_green_circle|green_heart|heavy_check_mark|ok):|[✅🟢🟩✔]"
)
_DONE_BY = re.compile(
    r"\((?:[^()]*\b)?(?:by|approved by|requested by|triggered by|via)\s(?!default|hand\b|mistake)[^()]+\)"
    r"|\b(?:started|done|run|executed|triggered) by\b",
    re.IGNORECASE,
)
_SHIPPED = re.compile(
    r"\b(?:deploy(?:ed|ment|ing)?|released?|rollout|rolled (?:out|back)|rollback|promoted|published|shipped|synced)\b"
    r"|\d\.\d\S*\s*(?:→|->|=>)\s*\w",
    re.IGNORECASE,
)
_BUILD = re.compile(
    r"\b(?:PR|pull request|merge request|MR|build|pipeline|job|tests?|lint|e2e|branch|commit|issue|merged|nightly)\b",
    re.IGNORECASE,
)
_BUILDER = re.compile(r"(?:^|[^a-z])ci(?:$|[^a-z])|build|jenkins|git|circle|travis|pipeline", re.IGNORECASE)
_OPENS = re.compile(
    r"\b(?:channel|incident|war ?room)\b.{0,30}\b(?:opened|created|declared|started|reported|eröffnet|ouvert)\b",
    re.IGNORECASE,
)
_STANDS = "declared|investigating|identified|monitoring|mitigated|reopened|resolved|closed"
_STATUS = re.compile(
    rf"\b(?:status|incident|inc-?\d+)\b[^\n]{{0,40}}?\b(?P<after>{_STANDS})\b"
    rf"|\[(?:\w+: )?(?P<before>{_STANDS})\][^\n]{{0,20}}\b(?:incident|inc-?\d+)\b"
    rf"|^(?:\W|:\w+:)*#\d+\W{{1,4}}(?P<by>{_STANDS})\W{{1,4}}by\b",
    re.IGNORECASE,
)
_STATES = re.compile(r"\[[^\]]{0,40}\]|\b\d[\w.%:]*\b")
_NAME = re.compile(r"[^\W\d_][\w.\-]*[^\W_]")


class Kind(StrEnum):
    """What a bot's message is."""

    ALARM = "alarm"
    CLEAR = "all-clear"
    RESULT = "result"
    SHIPPED = "release"
    BUILD = "build"
    OPENED = "opened"
    STATUS = "status"
    OTHER = "other"


def kind_of(name: str, text: str, *, commanded: bool) -> Kind:
    """The kind of what the bot `name` writes; `commanded` says that somebody had just told it to do something."""
    if commanded or _DONE_BY.search(text):
        return Kind.RESULT
    status = status_in(text)
    if status or _OPENS.search(text):
        return Kind.OPENED if status in {"", "declared"} else Kind.STATUS
    alarm, clear = _ALARMS.search(text), _CLEARS.search(text)
    if _SHIPPED.search(text) and not alarm:
        return Kind.SHIPPED
    if _BUILD.search(text) or _BUILDER.search(name):
        return Kind.BUILD
    if alarm and clear:
        clears = clear.start() <= alarm.start() or "resolved" in clear[0].lower()
        return Kind.CLEAR if clears else Kind.ALARM
    return Kind.ALARM if alarm else Kind.CLEAR if clear else Kind.OTHER


def status_in(text: str) -> str:
    """How a bot that keeps an incident says that it stands, in small letters: `mitigated`, `reopened`; else empty."""
    found = _STATUS.search(text.split("\n", 1)[0])
    return (found["after"] or found["before"] or found["by"]).lower() if found else ""


def alert_key(text: str) -> tuple[str, ...]:
    """What an alert has in common with its all-clear: its first words without states and figures."""
    bare = _STATES.sub(" ", _CLEARS.sub(" ", _ALARMS.sub(" ", text.split("\n", 1)[0])))
    return tuple(word.lower() for word in _NAME.findall(bare)[:2])
