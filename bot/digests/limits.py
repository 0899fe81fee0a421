"""Every limit that a service's configuration may set."""

from __future__ import annotations

from bot.digests.baselines import USUAL_LIMITS
from bot.digests.checks import CHECKS
from bot.digests.checks.certificates import CERTIFICATE_LIMITS

DECLARED = tuple(
    dict.fromkeys((*(limit for check in CHECKS for limit in check.limits), *CERTIFICATE_LIMITS, *USUAL_LIMITS))
)

LIMITS = {limit.key: limit for limit in DECLARED}
