"""Every error that a person can act on, as one tree; anything else is a bug and is shown as a reference id.

OpsbotError
├── UsageError          what was typed cannot be understood
├── NotAllowed          the person may not do this
├── NotFound            the thing that was named does not exist
├── Conflict            the state has moved on, or something else holds the lock
├── NotConfigured       the configuration says nothing of the system that this needs
├── Fenced              another replica has taken this work over: touch nothing more
└── IntegrationError    an outside system refused, failed or was not understood
    ├── Unreachable     nobody was there to ask, and why
    ├── OutcomeUnknown  it did not answer in time, or the line broke: what it did is not known
    │   └── Busy        it answered that it had no time for this: asking again later doubles nothing
    └── Indistinct      it answered, but not for whom: which worker said it is not known
"""

from __future__ import annotations

from collections.abc import Mapping


class OpsbotError(Exception):
    """Base of all; the message says what happened and to what, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(OpsbotError):
    """What was typed, or filled in, cannot be understood; `faults` says it for each argument by its name."""

    def __init__(self, message: str, *, hint: str = "", faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = dict(faults or {})


class NotAllowed(OpsbotError):
    """The person may not do this."""


class NotFound(OpsbotError):
    """The thing that was named does not exist."""


class Conflict(OpsbotError):
    """The state has moved on since it was looked at, or something else holds the lock."""


class NotConfigured(OpsbotError):
    """The configuration says nothing of the system that this needs."""


class Fenced(OpsbotError):
    """Another replica has taken this work over: touch nothing more."""


class IntegrationError(OpsbotError):
    """An outside system refused, failed, or said something that was not understood."""


class Unreachable(IntegrationError):
    """Nobody was there to ask: `why` is `dns`, `tls`, `refused`, or empty where it cannot be told."""

    def __init__(self, message: str, *, hint: str = "", why: str = "") -> None:
        super().__init__(message, hint=hint)
        self.why = why


class OutcomeUnknown(IntegrationError):
    """An outside system did not answer in time or the line broke: what it did is not known."""


class Busy(OutcomeUnknown):
    """An outside system answered that it had no time for this: asking again later doubles nothing."""


class Indistinct(IntegrationError):
    """A service answered, but its answers do not tell which of its workers gave them."""
