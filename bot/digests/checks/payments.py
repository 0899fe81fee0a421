"""The checks of the payments, over all workers: how many, and how many of them succeed."""

from __future__ import annotations

import math
from datetime import timedelta

from bot.core.errors import IntegrationError, NotConfigured
from bot.core.parts import State
from bot.core.ports import Gateway, Processes
from bot.core.rehearsal import Rehearsal
from bot.digests.checks.workers import online_of
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, Unusual, at_least, at_most

TRANSACTIONS_WARN = Limit("transactions_warn_below", 1, "Payments that are expected on any day.")
TRANSACTIONS_FAIL = Limit("transactions_fail_below", 0, "Payments of a day below which something must be broken.")
SUCCESS_WARN = Limit("success_percent_warn_below", 99, "Percentage of payments that should succeed.")
SUCCESS_FAIL = Limit("success_percent_fail_below", 95, "Percentage of payments that must succeed.")
PENDING_WARN = Limit("pending_payments_warn_above", 5, "Payments that may wait for the provider's callback.")
PENDING_FAIL = Limit("pending_payments_fail_above", 100, "Waiting payments beyond which no callback comes at all.")
RESPONSE_WARN = Limit("response_ms_warn_above", 1000, "Milliseconds that a payment may take on average.")
RESPONSE_FAIL = Limit("response_ms_fail_above", 5000, "The same, beyond which customers give up.")
TEST_WARN = Limit("test_payment_seconds_warn_above", 2, "Seconds that the bot's own test payment may take.")
TEST_FAIL = Limit("test_payment_seconds_fail_above", 8, "The same, beyond which customers give up.")


async def find_volume(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """How many payments there were today."""
    count = await metric_of("daily_transactions", gateway, processes)
    state = at_least(count, terms, warn=TRANSACTIONS_WARN, fail=TRANSACTIONS_FAIL)
    return Finding(state, f"{count:,.0f} today", f"at least {terms[TRANSACTIONS_WARN]:,g}", measure=count)


async def find_success(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """Which part of the payments succeeded: services say 0.987 or 98.7 and mean the same."""
    return judge_success(terms, await metric_of("success_rate", gateway, processes))


def judge_success(terms: Terms, rate: float) -> Finding:
    """The same of a rate that is known."""
    if not 0 <= rate <= 100:  # noqa: PLR2004 - percent
        raise IntegrationError(
            f"The service gives {rate:g} as success_rate, which is neither a fraction nor a percentage."
        )
    percent = 100 * rate if rate <= 1 else rate
    return Finding(
        at_least(percent, terms, warn=SUCCESS_WARN, fail=SUCCESS_FAIL),
        f"{percent:.4g} %",
        f"at least {terms[SUCCESS_WARN]:g} %",
        f"success_rate is {rate:g}, read as a fraction" if rate <= 1 else "",
        percent,
    )


async def metric_of(name: str, gateway: Gateway, processes: Processes) -> float:
    """One metric over all workers; an error when it is not there or is no number, for that is no zero."""
    metrics = await gateway.metrics([worker.voice for worker in await online_of(processes)])
    if name not in metrics:
        raise IntegrationError(f"The service gives no {name}; it has none as long as there was no payment.")
    if not math.isfinite(metrics[name]):
        raise IntegrationError(f"The service gives {metrics[name]} as {name}.")
    return metrics[name]


async def find_pending(terms: Terms, *, gateway: Gateway) -> Finding:
    """Payments that wait for the provider's callback."""
    count = await gateway.pending_payments()
    if count is None:
        raise NotConfigured("No probe is configured: gateway.pending.")
    state = at_most(count, terms, warn=PENDING_WARN, fail=PENDING_FAIL)
    return Finding(state, f"{count} pending", f"at most {terms[PENDING_WARN]:g}", "Each waits for a callback.", count)


async def find_response(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """How long a payment takes, on average since the workers were started."""
    took = await metric_of("avg_response_time", gateway, processes)
    state = at_most(took, terms, warn=RESPONSE_WARN, fail=RESPONSE_FAIL)
    return Finding(state, f"{took:.0f} ms", f"at most {terms[RESPONSE_WARN]:g} ms", measure=took)


async def find_test_payment(terms: Terms, *, rehearsal: Rehearsal) -> Finding:
    """Whether a payment goes through now, and how long it takes: one that the service knows as a test."""
    done = await rehearsal.rehearse()
    if done is None:
        raise NotConfigured("No test payment is configured: gateway.test_payment.")
    limit = f"at most {terms[TEST_WARN]:g} s"
    if done.turned_away:
        return Finding(State.OK, "turned away", limit, "Maintenance is on, so that no payment is taken.")
    value = f"{'went through' if done.ok else 'failed'} after {done.latency:.2f} s"
    slow = at_most(done.latency, terms, warn=TEST_WARN, fail=TEST_FAIL)
    return Finding(slow if done.ok else State.FAIL, value, limit, done.said, done.latency)


_CAUSES = ("Workers", "Health", "Provider status", "Provider API", "Database")
"""Of which payments that fail or wait are only the consequence."""

PAYMENTS = (
    Declaration(
        "Transaction volume",
        find_volume,
        rows=("K1",),
        limits=(TRANSACTIONS_WARN, TRANSACTIONS_FAIL),
        unit="payments",
        unusual=Unusual.BELOW,
        family=Family.PAYMENTS,
        every=timedelta(minutes=5),
        follows=("Workers", "Health"),
        then=("why payments", "errors", "provider"),
    ),
    Declaration(
        "Success rate",
        find_success,
        rows=("K2",),
        limits=(SUCCESS_WARN, SUCCESS_FAIL),
        unit="%",
        unusual=Unusual.BELOW,
        family=Family.PAYMENTS,
        every=timedelta(minutes=1),
        follows=(*_CAUSES, "Error rate"),
        then=("errors", "why payments", "provider"),
    ),
    Declaration(
        "Pending payments",
        find_pending,
        rows=("G8",),
        limits=(PENDING_WARN, PENDING_FAIL),
        unit="payments",
        unusual=Unusual.ABOVE,
        family=Family.PAYMENTS,
        every=timedelta(minutes=2),
        follows=_CAUSES,
        then=("why webhook", "provider"),
    ),
    Declaration(
        "Response time",
        find_response,
        rows=("L",),
        limits=(RESPONSE_WARN, RESPONSE_FAIL),
        unit="ms",
        unusual=Unusual.ABOVE,
        family=Family.PAYMENTS,
        every=timedelta(minutes=2),
        follows=("Workers", "Health", "Database", "Test payment"),
        then=("why slow", "resources"),
    ),
    Declaration(
        "Test payment",
        find_test_payment,
        rows=("W",),
        limits=(TEST_WARN, TEST_FAIL),
        unit="s",
        unusual=Unusual.ABOVE,
        family=Family.PAYMENTS,
        follows=(*_CAUSES, "Error rate"),
        then=("why slow", "errors", "why payments"),
    ),
)
