"""The channel of an incident: its name, its topic, who is asked in."""

from __future__ import annotations

import re
import unicodedata
from zoneinfo import ZoneInfo

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.rules import IncidentRules

LONGEST_NAME = 80
LONGEST_TOPIC = 250
_NAMES_TRIED = 9


def channel_name(incident: Incident, *, rules: IncidentRules, suffix: str = "") -> str:
    """A name that Slack takes, by the configured template: lower-case letters, digits and hyphens, at most 80 of them.

    Names of private channels can be come across: there the title is left out.
    """
    plain = unicodedata.normalize("NFKD", incident.title).encode("ascii", "ignore").decode()
    values = {
        "number": incident.number,
        "date": incident.opened_at.astimezone(ZoneInfo(rules.zone)).date(),
        "severity": incident.severity,
        "title": "" if incident.private else plain,
    }
    words = re.sub(r"[^a-z0-9]+", "-", rules.channel.format(**values).lower())
    return words.strip("-")[: LONGEST_NAME - len(suffix)].strip("-") + suffix


async def create_channel(incident: Incident, *, rules: IncidentRules, store: Store, chat: Chat) -> str:
    """Create it under the first name that is free, and return its id; raises what Slack says otherwise.

    One that was created for this incident already, by a program that ended before it said so, is found again: the
    number in its name makes it this incident's.
    """
    for number in range(1, _NAMES_TRIED + 1):
        name = channel_name(incident, rules=rules, suffix=f"-{number}" if number > 1 else "")
        try:
            return await chat.create_channel(name, private=incident.private)
        except IntegrationError as error:
            if error.hint != "name_taken":
                raise
            if created := await _find(name, store=store, chat=chat):
                return created
    raise IntegrationError("Every name for the channel is taken.", hint="name_taken")


async def _find(name: str, *, store: Store, chat: Chat) -> str:
    """A channel that the bot created under a name and that is no incident's yet; empty where it knows of none."""
    try:
        found = await chat.own_channel(name)
    except OutcomeUnknown:
        raise
    except IntegrationError:
        return ""
    async with store.transaction() as tx:
        return "" if found and await tx.incidents.in_channel(found) else found


def topic(incident: Incident) -> str:
    """The incident in one line, which stays true when it is over."""
    line = f"Incident {incident.number} ({incident.severity}): {incident.title}"
    return line if len(line) <= LONGEST_TOPIC else f"{line[: LONGEST_TOPIC - 1]}…"
