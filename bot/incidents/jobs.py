"""What the jobs of incidents do, by task name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.core.clock import Clock
from bot.core.contacts import Contacts
from bot.core.mail import Scrub
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.acts import SHOW
from bot.incidents.calls import Calls
from bot.incidents.live import Live
from bot.incidents.opening import SET_UP, Opening
from bot.incidents.paging import ANSWERED, CALL, PASS_ON, STAND_DOWN, Reach
from bot.incidents.publishing import Publisher, Withdrawal
from bot.incidents.redaction import PUT_RIGHT
from bot.incidents.reminders import REMIND, Reminders
from bot.incidents.report import PUBLISH
from bot.incidents.rules import IncidentRules
from bot.incidents.updates import ANNOUNCE, WITHDRAW, Announcer


def incident_jobs(
    clock: Clock,
    *,
    store: Store,
    chat: Chat,
    rules: IncidentRules,
    contacts: Contacts,
    reach: Reach,
    publisher: Publisher,
    scrub: Scrub,
) -> Mapping[str, Callable[..., Awaitable[None]]]:
    """The handlers, on the ports that they need."""
    announcer = Announcer(store=store, chat=chat)
    calls = Calls(store=store, reach=reach, rules=rules, scrub=scrub, clock=clock)

    async def publish(number: int, attempt: int) -> None:
        await publisher.resume(number, attempt, at=clock())

    return {
        SHOW: Live(store=store, chat=chat, clock=clock).show,
        SET_UP: Opening(store=store, chat=chat, rules=rules, contacts=contacts, clock=clock).set_up,
        REMIND: Reminders(store=store, chat=chat, clock=clock).remind,
        PUBLISH: publish,
        ANNOUNCE: announcer.announce,
        WITHDRAW: announcer.withdraw,
        CALL: calls.call,
        PASS_ON: calls.pass_on,
        ANSWERED: calls.answered,
        STAND_DOWN: calls.stand_down,
        PUT_RIGHT: Withdrawal(publisher, clock).put_right,
    }
