"""The emergency contacts."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Args, Command, Context
from bot.core.contacts import Contact, Contacts
from bot.core.errors import NotFound
from bot.core.prose import Line, Person
from bot.core.results import Table


class Filter(Args):
    """Which ones."""

    role: str = Field("", description="Part of a role, such as security.")


async def show(_ctx: Context, args: Filter, *, contacts: Contacts) -> Table:
    """Show whom to turn to, and when; what is still a placeholder is marked, for it reaches nobody."""
    wanted = args.role.casefold()
    found = [contact for contact in contacts.entries if wanted in contact.role.casefold()]
    if contacts.entries and not found:
        roles = ", ".join(contact.role for contact in contacts.entries)
        raise NotFound(f'No contact is for "{args.role}".', hint=f"There are: {roles}.")
    missing = sum(contact.is_placeholder for contact in found)
    return Table(
        title="Emergency contacts",
        columns=("Role", "Contact", "When"),
        rows=tuple((contact.role, _reach(contact), contact.when) for contact in found),
        empty="No contact is configured.",
        notes=(f"{missing} of them reach nobody: set contacts in opsbot.yaml.",) if missing else (),
    )


def _reach(contact: Contact) -> Line:
    if contact.is_placeholder:
        return f"{contact.contact or 'nothing'} (placeholder)"
    return (Person(contact.contact),) if contact.is_slack_user else contact.contact


COMMANDS = (Command(("contacts",), Filter, run=show, rows=("A1",), examples=("", "security")),)
