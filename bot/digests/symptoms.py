"""The runbook's troubleshooting table: for each symptom what is looked at, and what to type next."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.ports import Logs
from bot.digests.checks import certificates_of, check_called
from bot.digests.declaration import Declaration, Finding, Terms

_LINES = 500
_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Symptom:
    """What people see, by the words they have for it; `remedy` is the runbook's own, `then` are commands to type."""

    name: str
    words: tuple[str, ...]
    says: str
    evidence: tuple[Declaration, ...]
    remedy: str
    then: tuple[str, ...]
    certificates: bool = False


def lines_with(word: str) -> Callable[..., Awaitable[Finding]]:
    """How many of the newest log lines have this word; none of them is shown, for they are the customers' too."""
    pattern = re.compile(rf"(?<![A-Za-z0-9.]){re.escape(word)}(?![A-Za-z0-9.])", re.IGNORECASE)

    async def find(_terms: Terms, *, logs: Logs) -> Finding:
        found = [line for line in (await logs.tail(_LINES, containing=word)).lines if pattern.search(line)]
        more = " or more" if len(found) == _LINES else ""
        return Finding(State.WARN if found else State.OK, f"{len(found)}{more} lines", "0", "logs shows them.")

    return find


def evidence_of(symptom: Symptom, service: Service) -> tuple[Declaration, ...]:
    """What is looked at for a symptom of this service: each of its certificates by itself, where they matter."""
    if not symptom.certificates:
        return symptom.evidence
    return (*certificates_of(service), *symptom.evidence)


def nearest(typed: str) -> Symptom | None:
    """The symptom that somebody means; None when it is like none."""
    wanted = re.findall(r"[a-z0-9]+", typed.lower())
    likeness = {
        symptom.name: max(
            (SequenceMatcher(None, word, each).ratio() for word in symptom.words for each in wanted), default=0.0
        )
        for symptom in SYMPTOMS
    }
    best = max(SYMPTOMS, key=lambda symptom: likeness[symptom.name])
    return best if likeness[best.name] >= _ALIKE else None


_WORKERS, _HEALTH = check_called("Workers"), check_called("Health")
_SUCCESS, _PENDING = check_called("Success rate"), check_called("Pending payments")
_STATUS, _API = check_called("Provider status"), check_called("Provider API")
_MEMORY, _RESTARTS = check_called("Worker memory"), check_called("Worker restarts")
_DATABASE, _STUCK = check_called("Database"), check_called("Rate limits")
_RESPONSE, _LOAD, _HOST_MEMORY = check_called("Response time"), check_called("Load"), check_called("Memory")

SYMPTOMS = (
    Symptom(
        "webhook",
        ("webhook", "webhooks", "callback", "callbacks", "pending", "stuck"),
        "Payments stay pending: callbacks do not arrive",
        (_PENDING, _STATUS, _API, Declaration("Log lines on webhooks", lines_with("webhook"))),
        "Verify the webhook URL in the provider's dashboard.",
        ("provider", "logs 200 --grep webhook", "creds check"),
    ),
    Symptom(
        "429",
        ("429", "rate", "limit", "limits", "ratelimit", "throttled", "throttling"),
        "Customers are refused with 429",
        (_STUCK, Declaration("Log lines with 429", lines_with("429")), _API, _SUCCESS),
        "Raise the rate limit, or have the caller back off.",
        ("rate-limits", "access-log 429", "blocked", "provider"),
    ),
    Symptom(
        "memory",
        ("memory", "leak", "leaks", "heap", "oom", "ram"),
        "Memory grows, or workers are replaced for it",
        (_MEMORY, _RESTARTS, _WORKERS, _HOST_MEMORY),
        "Take a heap snapshot of the fattest worker, a second one later, and compare the two.",
        ("heap-snapshot", "processes", "resources", "reload"),
    ),
    Symptom(
        "slow",
        ("slow", "latency", "timeout", "timeouts", "response", "query", "queries", "database", "db"),
        "Answers take long",
        (_DATABASE, _RESPONSE, _HEALTH, _LOAD),
        "Log queries for some minutes and mend the slow ones.",
        ("db", "debug on 10m", "resources", "scale N"),
    ),
    Symptom(
        "ssl",
        ("ssl", "tls", "certificate", "certificates", "cert", "https", "certbot"),
        "Browsers or the provider warn of a certificate",
        (_API, Declaration("Log lines on certificates", lines_with("certificate"))),
        "certbot renew --dry-run first, then certbot renew, then reload nginx: it reads the certificate once.",
        ("cert", "provider"),
        certificates=True,
    ),
    Symptom(
        "payments",
        ("payments", "payment", "checkout", "failures", "failing", "fail", "provider", "crossmint", "errors"),
        "Payments fail",
        (_SUCCESS, _PENDING, _STATUS, _API, _HEALTH),
        "When it is the provider: maintenance on, and tell the provider's support.",
        ("errors", "provider", "creds check", "maintenance on 30m provider down"),
    ),
    Symptom(
        "down",
        ("down", "outage", "502", "503", "crash", "crashing", "unreachable", "dead"),
        "Nobody answers",
        (_WORKERS, _RESTARTS, _HEALTH, _LOAD),
        "Restart what gave up; go back to the former release when it began with the latest.",
        ("processes", "errors", "reset", "rollback", "changes"),
    ),
)
"""Every symptom, in the order of the runbook's table."""
