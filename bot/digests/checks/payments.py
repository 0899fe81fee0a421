"""The checks of the payments, over all workers: how many, and how many of them succeed."""

from __future__ import annotations

import math
from datetime import timedelta

from bot.core.errors import IntegrationError
from bot.core.ports import Gateway, Processes
from bot.digests.checks.workers import online_of
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, Unusual, at_least

TRANSACTIONS_WARN = Limit("transactions_warn_below", 1, "Payments that are expected on any day.")
TRANSACTIONS_FAIL = Limit("transactions_fail_below", 0, "Payments of a day below which something must be broken.")
SUCCESS_WARN = Limit("success_percent_warn_below", 99, "Percentage of payments that should succeed.")
SUCCESS_FAIL = Limit("success_percent_fail_below", 95, "Percentage of payments that must succeed.")


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
        follows=("Workers", "Health", "Provider status", "Provider API", "Database"),
        then=("errors", "why payments", "provider"),
    ),
)
