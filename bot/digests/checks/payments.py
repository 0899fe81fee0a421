"""The checks of the payments, over all workers: how many, and how many of them succeed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bot.core.duration import format_duration
from bot.core.errors import IntegrationError, NotConfigured
from bot.core.parts import State
from bot.core.ports import Gateway, Processes, Worker
from bot.core.records import Store
from bot.core.rehearsal import Rehearsal
from bot.digests.checks.workers import online_of
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, Unusual, at_least, at_most
from bot.digests.lately import DAILY, FEWEST, Lately, check_rate, counted_now, is_counted, lately, successes, times
from bot.digests.today import today

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

NO_PAYMENTS = "no payments"
"""What is said of a rate of nothing."""

AS_GIVEN = "As the service gives it, which does not say of how many payments"


async def find_volume(terms: Terms, *, gateway: Gateway, processes: Processes, store: Store) -> Finding:
    """How many payments there were today, at workers that have ended too."""
    tally = await counted_now(await online_of(processes), terms, gateway)
    if not any(DAILY in worker.sums for worker in tally.workers):
        raise IntegrationError(_missing(DAILY))
    seen = await today(tally, DAILY, store=store)
    state = at_least(seen.count, terms, warn=TRANSACTIONS_WARN, fail=TRANSACTIONS_FAIL)
    limit = f"at least {terms[TRANSACTIONS_WARN]:,g}"
    evidence = f"{seen.ended:,.0f} of them at workers that have ended." if seen.ended else ""
    if seen.is_whole:
        return Finding(state, f"{seen.count:,.0f} today", limit, evidence, seen.count)
    unseen = f"For {format_duration(seen.unseen)} of it nobody saw what workers counted that have ended."
    evidence = f"{evidence} {unseen}".strip()
    return Finding(state, f"at least {seen.count:,.0f} today", limit, evidence, seen.count, floor=True)


async def find_success(terms: Terms, *, gateway: Gateway, processes: Processes, store: Store) -> Finding:
    """Which part of the payments succeeded since a look before: services say 0.987 or 98.7 and mean the same."""
    return await success_of(await online_of(processes), terms, gateway=gateway, store=store)


async def success_of(workers: Sequence[Worker], terms: Terms, *, gateway: Gateway, store: Store) -> Finding:
    """The same of workers that are known to be online."""
    tally = await counted_now(workers, terms, gateway)
    limit = f"at least {terms[SUCCESS_WARN]:g} %"

    def judge(percent: float) -> State:
        return at_least(percent, terms, warn=SUCCESS_WARN, fail=SUCCESS_FAIL)

    if not is_counted(tally, "success_rate"):
        percent, note = as_percent(await metric_of("success_rate", gateway, workers))
        return Finding(judge(percent), f"{percent:.4g} %", limit, f"{AS_GIVEN}{note}.", percent)

    def tell(seen: Lately) -> Finding:
        failed = seen.amount.count - seen.amount.total / 100
        evidence = f"{failed:,.0f}{_slack(seen.amount.slack / 100)} of {_payments(seen, terms)} failed."
        return Finding(seen.state or State.UNKNOWN, f"{seen.amount.mean:.4g} %", limit, evidence, seen.amount.mean)

    look = partial(lately, tally, "success_rate", store=store, measure=successes, judge=judge)
    return await _found(look, tell, limit, terms)


async def _found(
    look: Callable[..., Awaitable[Lately | None]], tell: Callable[[Lately], Finding], limit: str, terms: Terms
) -> Finding:
    """How it was lately; of a longer time too where the terms want that, and the worse of both."""
    recent = await look()
    longer = await look(over=terms.over) if terms.over else None
    now = tell(recent) if recent and recent.state else _undecided(recent, limit, terms)
    if not (longer and longer.state):
        return now
    found = tell(longer)
    worse = not now.undecided and State.worst((found.state, now.state)) is not found.state
    evidence = " ".join(dict.fromkeys((found.evidence, now.evidence)))
    return replace(now if worse else found, evidence=evidence)


def _undecided(seen: Lately | None, limit: str, terms: Terms) -> Finding:
    """Too few payments to go by, or too many before them."""
    if seen is None:
        why = "This is the first look at workers that were started long ago: the next one tells how it was since."
        return Finding(State.UNKNOWN, "not known yet", limit, why, undecided=True)
    if seen.amount.count < FEWEST:
        why = f"{_payments(seen, terms)}: fewer than {FEWEST} say nothing."
        value = "too few payments" if seen.amount.count else NO_PAYMENTS
        return Finding(State.UNKNOWN, value, limit, why, undecided=True)
    low, high = seen.amount.bounds
    why = f"{low:.4g} to {high:.4g} in {_payments(seen, terms)}: the service rounds what it counted since its start."
    return Finding(State.UNKNOWN, "not known", limit, why, undecided=True)


def _payments(seen: Lately, terms: Terms) -> str:
    span = format_duration(max(terms.now - seen.since, timedelta(seconds=1)))
    return f"{seen.amount.count:,.0f} payments in {span}"


def _slack(slack: float) -> str:
    return f" (give or take {math.ceil(slack)})" if slack else ""


def as_percent(rate: float) -> tuple[float, str]:
    """A rate as the service gives it, over whatever time, in percent, and how it was read."""
    check_rate(rate)
    return (100 * rate, f"; success_rate is {rate:g}, read as a fraction") if rate <= 1 else (rate, "")


async def metric_of(name: str, gateway: Gateway, workers: Sequence[Worker]) -> float:
    """One metric over all workers; an error when it is not there or is no number, for that is no zero."""
    metrics = await gateway.metrics([worker.voice for worker in workers])
    if name not in metrics:
        raise IntegrationError(_missing(name))
    if not math.isfinite(metrics[name]):
        raise IntegrationError(f"The service gives {metrics[name]} as {name}.")
    return metrics[name]


def _missing(name: str) -> str:
    return f"The service gives no {name}; it has none as long as there was no payment."


async def find_pending(terms: Terms, *, gateway: Gateway) -> Finding:
    """Payments that wait for the provider's callback."""
    count = await gateway.pending_payments()
    if count is None:
        raise NotConfigured("No probe is configured: gateway.pending.")
    state = at_most(count, terms, warn=PENDING_WARN, fail=PENDING_FAIL)
    return Finding(state, f"{count} pending", f"at most {terms[PENDING_WARN]:g}", "Each waits for a callback.", count)


async def find_response(terms: Terms, *, gateway: Gateway, processes: Processes, store: Store) -> Finding:
    """How long a payment took, on average since a look before."""
    limit = f"at most {terms[RESPONSE_WARN]:g} ms"

    def judge(took: float) -> State:
        return at_most(took, terms, warn=RESPONSE_WARN, fail=RESPONSE_FAIL)

    workers = await online_of(processes)
    tally = await counted_now(workers, terms, gateway)
    if not is_counted(tally, "avg_response_time"):
        took = await metric_of("avg_response_time", gateway, workers)
        return Finding(judge(took), f"{took:.0f} ms", limit, f"{AS_GIVEN}.", took)

    def tell(seen: Lately) -> Finding:
        took, evidence = seen.amount.mean, f"Of {_payments(seen, terms)}."
        return Finding(seen.state or State.UNKNOWN, f"{took:.0f} ms", limit, evidence, took)

    look = partial(lately, tally, "avg_response_time", store=store, measure=times, judge=judge)
    return await _found(look, tell, limit, terms)


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
