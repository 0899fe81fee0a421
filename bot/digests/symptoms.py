"""The runbook's troubleshooting table: for each symptom what is looked at, and what to type next."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher

from bot.core.cache import Cache
from bot.core.certificates import Certificates
from bot.core.database import Database
from bot.core.errors import IntegrationError
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.ports import Gateway, Logs, Processes
from bot.core.processes import Supervisor
from bot.core.provider import Provider
from bot.core.sizes import format_size
from bot.digests.checks.certificates import certificate_check
from bot.digests.checks.host import find_load, find_memory
from bot.digests.checks.payments import find_success
from bot.digests.checks.workers import find_health, find_workers
from bot.digests.declaration import Declaration, Finding, Terms

_LINES = 500
_BUSY = timedelta(seconds=5)
_RECENTLY = timedelta(hours=1)
_SLOW_MS = 1000
_FULL, _OVERFULL = 0.8, 0.95
"""Parts of a limit from which on it is a warning, and a failure."""

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


async def find_pending(_terms: Terms, *, gateway: Gateway) -> Finding:
    """Payments that wait for the provider's callback."""
    count = await gateway.pending_payments()
    if count is None:
        raise IntegrationError("No probe is configured: gateway.pending.")
    return Finding(State.WARN if count else State.OK, f"{count} pending", "0", "Each waits for a callback.")


async def find_status(_terms: Terms, *, provider: Provider) -> Finding:
    """What the provider says of itself."""
    said = await provider.status()
    ill = [f"{part.name}: {part.said}" for part in (*said.incidents, *said.parts)]
    return Finding(said.state, said.words, evidence="; ".join(ill) or f"Look at {provider.page} yourself.")


async def find_api(_terms: Terms, *, provider: Provider) -> Finding:
    """How the provider answers us."""
    probed = await provider.probe()
    if probed is None:
        raise IntegrationError("No probe is configured: provider.probe_url.")
    return Finding(probed.state, probed.words, evidence=provider.probed)


async def find_worker_memory(_terms: Terms, *, processes: Processes, supervisor: Supervisor) -> Finding:
    """The fattest worker against the limit at which it is replaced."""
    workers, declared = await processes.workers(), await supervisor.declared()
    told = {worker.id: worker.memory for worker in workers if worker.memory is not None}
    if not told:
        raise IntegrationError("The process manager tells of no worker how much memory it has.")
    most = max(told, key=lambda number: told[number])
    value = f"worker {most} has {format_size(told[most])}, the most of {len(told)}"
    limit = declared.memory_limit if declared else None
    if not limit:
        raise IntegrationError(f"No limit is declared to compare with: {value}.")
    return Finding(_of_limit(told[most] / limit), value, f"replaced at {format_size(limit)}")


async def find_restarts(terms: Terms, *, processes: Processes) -> Finding:
    """Workers that were started again lately by the process manager."""
    workers = await processes.workers()
    if not workers:
        raise IntegrationError("The process manager lists no worker.")
    young = [w for w in workers if w.restarts and w.started_at and terms.now - w.started_at < _RECENTLY]
    down = [worker for worker in workers if worker.status != "online"]
    words = [f"worker {worker.id} is {worker.status} after {worker.restarts} restarts" for worker in down]
    words += [f"worker {w.id} was started again within the hour, {w.restarts} times ever" for w in young]
    state = State.FAIL if down else State.WARN if young else State.OK
    return Finding(state, f"{sum(worker.restarts for worker in workers)} ever", evidence="; ".join(words))


async def find_queries(_terms: Terms, *, database: Database) -> Finding:
    """Queries that take long, wait for one another, or leave no connection to others."""
    seen = await database.connections()
    long = [backend.pid for backend in seen.backends if backend.busy > _BUSY]
    held = [backend.pid for backend in seen.backends if backend.blocked_by]
    worst = State.FAIL if held else State.WARN if long else State.OK
    value = f"{len(long)} longer than {_BUSY.total_seconds():g} s, {len(held)} held up by others"
    pids = ", ".join(str(pid) for pid in dict.fromkeys((*held, *long)))
    full = f"{seen.count} of {seen.limit} connections"
    return Finding(
        State.worst((worst, _of_limit(seen.count / seen.limit))), f"{value}, {full}", evidence=pids and f"Pids {pids}."
    )


async def find_response(_terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """How long a payment takes, on average since the workers were started."""
    metrics = await gateway.metrics([worker.voice for worker in await processes.workers() if worker.pid])
    if "avg_response_time" not in metrics:
        raise IntegrationError("The service gives no avg_response_time; it has none before the first payment.")
    took = metrics["avg_response_time"]
    return Finding(State.WARN if took > _SLOW_MS else State.OK, f"{took:.0f} ms", f"at most {_SLOW_MS} ms")


async def find_stuck(_terms: Terms, *, cache: Cache) -> Finding:
    """Counts of rate limits that never expire: whoever reached one is kept out for good."""
    found = await cache.rate_limits()
    stuck = sum(limit.is_stuck for limit in found.limits)
    if found.left_out and not stuck:
        raise IntegrationError(f"Not all were looked at: {found.left_out}")
    value = f"{stuck} of {len(found.limits)} never expire"
    return Finding(State.FAIL if stuck else State.OK, value, "0", "rate-limits clear --stuck takes them away.")


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
    hosts = service.port(Certificates).hosts if Certificates in service.ports else ()
    return (*(certificate_check(host) for host in hosts), *symptom.evidence)


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


def _of_limit(part: float) -> State:
    return State.FAIL if part >= _OVERFULL else State.WARN if part >= _FULL else State.OK


_WORKERS = Declaration("Workers", find_workers)
_HEALTH = Declaration("Health", find_health)
_SUCCESS = Declaration("Success rate", find_success)
_PENDING = Declaration("Payments", find_pending)
_STATUS = Declaration("The provider of itself", find_status)
_API = Declaration("The provider's API", find_api, within=timedelta(seconds=25))
_MEMORY = Declaration("Memory", find_worker_memory)
_RESTARTS = Declaration("Restarts", find_restarts)
_QUERIES = Declaration("Queries", find_queries)
_RESPONSE = Declaration("Response time", find_response)
_STUCK = Declaration("Rate limits", find_stuck)
_LOAD = Declaration("Load", find_load)
_HOST_MEMORY = Declaration("Memory of the host", find_memory)

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
        (_QUERIES, _RESPONSE, _HEALTH, _LOAD),
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
