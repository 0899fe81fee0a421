"""The emergency contacts, as configured."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Second-level names that nobody owns (RFC 2606), and the ones that templates come with.
_PLACEHOLDER = re.compile(
    r"(^|[@.])(example\.(com|org|net)|domain\.com|your-domain\.com)$|^(your|changeme)", re.IGNORECASE
)

_SLACK_USER = re.compile(r"[UW][A-Z0-9]{6,20}")


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to turn to: an address, a number, or a Slack user id."""

    role: str
    contact: str
    when: str = ""

    @property
    def is_placeholder(self) -> bool:
        """Whether it is what a template came with: nobody would be reached."""
        return not self.contact.strip() or _PLACEHOLDER.search(self.contact.strip()) is not None

    @property
    def is_slack_user(self) -> bool:
        """Whether Slack can be asked to tell them."""
        return _SLACK_USER.fullmatch(self.contact) is not None


@dataclass(frozen=True, slots=True)
class Contacts:
    """All of them, in the order of the configuration."""

    entries: tuple[Contact, ...] = ()
