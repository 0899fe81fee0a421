"""Every limit that a service's configuration may set."""

from __future__ import annotations

from bot.digests.certificates import CERTIFICATE_LIMITS
from bot.digests.checks import CHECKS, ERRORS_WARN
from bot.digests.resources import RESOURCES

DECLARED = (*(limit for check in (*CHECKS, *RESOURCES) for limit in check.limits), *CERTIFICATE_LIMITS, ERRORS_WARN)

LIMITS = {limit.key: limit for limit in DECLARED}
