"""The severity that people give an incident in their own words."""

from __future__ import annotations

import re

from bot.incidents.severity import Severity

_MAY = ("sev", "prio", "schwere", "sév", "critical", "high", "medium", "low", "p1", "p2", "p3", "p4", "alarm", "alerte")
"""One of these is in every text that tells one: most texts end there."""

_NAMED = re.compile(
    r"\b(?:sev(?:erity)?|prio(?:rity)?|schweregrad|sévérité|severidad|severidade)"
    r"(?:\s+(?:is|to|at|now|as|=|auf|ist))?[\s:=-]*(?P<word>critical|crit|high|medium|med|low|major|minor|[0-5])\b"
    r"|\b(?:is|it|as|to|an?|declar\w+|calling) +(?P<bare>P[1-4])\b(?! ticket| case| bug)"
    r"|\b(?P<now>critical|high|medium|low)\b(?=\s+(?:now|sev|severity|incident)\b)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?:^|[.,;!?]\s+|\bit'?s\s+|\bas\s+)(?P<word>critical|high|medium|low)\b(?=[.,;!?]|$)", re.IGNORECASE
)
_OF_INCIDENT = re.compile(r"\b(?:incident|declar\w+|resolved|closed|closing)\b", re.IGNORECASE)
_FALSE = re.compile(r"\b(?:false alarm|fehlalarm|fausse alerte|falsa alarma|falso alarme)\b", re.IGNORECASE)
_OTHERS = {"0": Severity.CRITICAL, "5": Severity.LOW, "major": Severity.HIGH, "minor": Severity.LOW}


def severity_in(text: str) -> Severity | None:
    """What `text` calls the incident: `sev high`, `SEV-2`, `this is an incident. high`; a false alarm is low."""
    low = text.lower()
    if not any(part in low for part in _MAY):
        return None
    match = _NAMED.search(text) or (_BARE.search(text) if _OF_INCIDENT.search(text) else None)
    if match:
        word = match[match.lastgroup or 0].lower()
        return _OTHERS.get(word) or Severity(word)
    return Severity.LOW if _FALSE.search(text) else None
