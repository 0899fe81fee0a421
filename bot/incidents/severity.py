"""How bad an incident is, in the runbook's four words."""

from __future__ import annotations

import re
from enum import StrEnum


class Severity(StrEnum):
    """From the worst on; `Severity(text)` also takes a beginning (`crit`) and a number (`sev1`, `P2`, `3`)."""

    CRITICAL = "Critical"
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"

    @classmethod
    def _missing_(cls, value: object) -> Severity | None:
        word = str(value).lower()
        numbered = re.fullmatch(r"(?:sev|s|p)?[- ]?([1-4])", word)
        if numbered:
            return tuple(cls)[int(numbered[1]) - 1]
        return next((known for known in cls if word and known.lower().startswith(word)), None)
