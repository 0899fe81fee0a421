"""From a symptom to its cause."""

from __future__ import annotations

from dataclasses import replace

from bot.core.command import Command, Context, ServiceArgs
from bot.core.errors import NotFound
from bot.core.fleet import Service
from bot.core.parse import words
from bot.core.people import Role
from bot.core.records import Store
from bot.core.results import Result, Table
from bot.digests.rounds import check_service
from bot.digests.symptoms import SYMPTOMS, evidence_of, nearest


class Seen(ServiceArgs):
    """What somebody sees."""

    symptom: str = words("", "What you see, in a word or in yours: webhook, 429, memory, slow, ssl, payments, down.")


async def why(ctx: Context, args: Seen, *, service: Service, store: Store) -> Result:
    """Look at what a symptom may come from, and say what to do and to type next.

    Everything is looked at now; what could not be looked at is unknown. Without a symptom it lists those it knows.
    """
    if not args.symptom:
        return Table(
            "Symptoms",
            ("Type", "What it is", "What is looked at"),
            tuple((f"why {each.name}", each.says, ", ".join(e.name for e in each.evidence)) for each in SYMPTOMS),
        )
    symptom = nearest(args.symptom)
    if symptom is None:
        raise NotFound("I know no symptom like that.", hint=f"There are: {', '.join(each.name for each in SYMPTOMS)}.")
    title = f"Why {symptom.name}: {symptom.says}"
    checks = evidence_of(symptom, service)
    seen = await check_service(service, now=ctx.now, checks=checks, title=title, ports={Store: store})
    return replace(seen, note=f"{symptom.remedy} Next, type: {'; '.join(symptom.then)}.")


COMMANDS = (
    Command(("why",), Seen, run=why, role=Role.RESPONDER, rows=("Q",), examples=("", "webhook", "payments are slow")),
)
