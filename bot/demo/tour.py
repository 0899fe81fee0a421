"""The scripted tour of the bot's three jobs; each effect is looked for in the gateway itself, not on a card."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from bot.demo.outside import Outside, look
from bot.demo.teller import Teller
from bot.demo.tools import Say
from bot.demo.workspace import Person, Seen
from bot.demo.workspace.records import Channel
from bot.demo.world import World

_HEADINGS = ("Summary", "Timeline", "Root Cause", "Resolution", "Action Items", "Lessons Learned")
_FINAL = re.compile(r"\b(done|unverified|failed|rolled back|cancelled) · crypto-payment-gateway")
_LONG = 60.0  # seconds; a reload may take n times the time that a worker has to listen
_SLOT = 75.0  # seconds; the digest that the tour asks for is due each minute


class Tour:
    """Plays the people, prints what they see, and keeps account of what was observed."""

    def __init__(self, world: World, teller: Teller, say: Say) -> None:
        self._world = world
        self._teller = teller
        self._say = say
        self._missed: list[str] = []

    async def go(self) -> tuple[str, ...]:
        """The whole tour; what was promised and not observed."""
        for part in (self._look_around, self._keep_customers_out, self._incident, self._digest):
            try:
                await part()
            except (TimeoutError, LookupError) as error:
                self._note(f"the step after this one: {error}", ok=False)
        self._say(f"\n{'Every effect was observed.' if not self._missed else f'NOT observed: {len(self._missed)}'}")
        for missed in self._missed:
            self._say(f"  - {missed}")
        return tuple(self._missed)

    async def _look_around(self) -> None:
        self._chapter("An action: somebody on call looks, and keeps customers out while the provider fails")
        ana, channel = self._world.ana, self._world.operations
        for line, answer in (
            ("/ops status", "crypto-payment-gateway"),
            ("/ops logs 5 --err", "crypto-payment-gateway"),
        ):
            await self._type(ana, channel, line, answer)

    async def _keep_customers_out(self) -> None:
        ana, channel = self._world.ana, self._world.operations
        before = await look(self._world.gateway)
        ended = await self._change(ana, channel, "/ops maintenance on 10m provider answers with errors")
        seen = await look(self._world.gateway)
        self._observe("customers are turned away by every worker, all of them new", seen, self._is_out(before, seen))
        self._note(
            "the card says done only for what is so", ok=("done" in _outcome(ended)) == self._is_out(before, seen)
        )
        await self._type(self._world.eve, channel, "/ops maintenance off", "role")
        again = await look(self._world.gateway)
        self._observe(
            "a guest could not let customers in", again, again.key == seen.key and again.online == seen.online
        )

    async def _incident(self) -> None:
        self._chapter("An incident: declared, talked over, resolved, and written up")
        ana, ben, workspace = self._world.ana, self._world.ben, self._world.workspace
        known = set(workspace.core.store.channels)
        await self._type(
            ana, self._world.operations, "/incident open high Payments fail at the provider", "Payments fail"
        )
        room = next(
            c for key, c in workspace.core.store.channels.items() if key not in known and c.name.startswith("inc-")
        )
        for person, text in (
            (ana, "Errors from the provider since 14:02, about 7 % of payments."),
            (ben, "I take command. @ana, is maintenance on?"),
            (ana, "Yes, for ten minutes. Their status page says they found it."),
        ):
            await self._speak(person, room, text)
        wrong = await self._speak(ana, room, "Provider says fixed at 14:31.")
        await ana.edit(wrong, "Provider says fixed at 14:13.")
        await self._type(ana, room, "/incident note Provider confirmed the fix by phone", "")
        before = await look(self._world.gateway)
        await self._change(ana, room, "/ops maintenance off")
        seen = await look(self._world.gateway)
        opened = seen.serves_customers and before.online.isdisjoint(seen.online)
        self._observe("customers are served again by every worker, all of them new", seen, opened)
        await self._type(ana, room, "/incident resolve The provider fixed it and customers are back", "resolved")
        await self._type(ben, room, "/incident report", "The report is in")
        report = "\n".join(message.plain() for message in ben.sees(room))
        self._note("the report has every heading", ok=all(heading in report for heading in _HEADINGS))
        self._note("the report has the corrected time", ok="14:13" in report and "14:31" not in report)

    async def _digest(self) -> None:
        self._chapter("A digest: once it is asked for it comes by itself, here each minute")
        ana, channel = self._world.ana, self._world.operations
        await self._type(ana, channel, "/ops digest add daily * * * * * --name tour", lambda seen: seen.ephemeral)
        self._teller.skip(ana, channel)
        message = await ana.wait_for(channel, lambda seen: not seen.ephemeral and "Backups" in seen.plain(), _SLOT)
        self._teller.show(ana, channel)
        age = re.search(r"newest is ([\d.]+) h old", message.plain())
        newest = max(file.stat().st_mtime for file in self._world.gateway.backup_dir.iterdir())
        hours = (float(message.ts) - newest) / 3600
        self._note(
            "the digest tells the age of the newest backup", ok=age is not None and abs(float(age[1]) - hours) < 1
        )
        await self._type(ana, channel, "/ops digest remove tour", lambda seen: seen.ephemeral)

    async def _change(self, person: Person, channel: Channel, line: str) -> Seen:
        """Type a change, confirm its plan, and wait for its card to come to an end."""
        plan = await self._type(person, channel, line, lambda seen: seen.ephemeral)
        button = next((label for label in plan.buttons() if "Confirm" in label), None)
        if button is None:
            raise LookupError(f"{line} was not answered with a plan")
        self._teller.act(person, channel, f"[clicks {button}]")
        await person.click(plan, button)
        ended = await person.wait_for(channel, _is_ended(after=plan), _LONG)
        self._teller.show(person, channel)
        return ended

    async def _type(self, person: Person, channel: Channel, line: str, answer: str | Callable[[Seen], bool]) -> Seen:
        """Type a command and wait for what comes back with `answer` in it."""
        self._teller.skip(person, channel)
        last = next(reversed(person.sees(channel)), None)
        self._teller.act(person, channel, line)
        await person.command(channel, line)
        seen = await person.wait_for(channel, answer, _LONG, after=last)
        self._teller.show(person, channel)
        return seen

    async def _speak(self, person: Person, channel: Channel, text: str) -> Seen:
        self._teller.act(person, channel, text)
        said = await person.say(channel, text)
        await asyncio.sleep(0.2)
        return said

    def _chapter(self, title: str) -> None:
        self._say(f"\n=== {title} ===")

    def _is_out(self, before: Outside, seen: Outside) -> bool:
        return seen.keeps_customers_out and len(seen.key) == 1 and before.online.isdisjoint(seen.online)

    def _observe(self, what: str, seen: Outside, ok: bool) -> None:  # noqa: FBT001 - the verdict is what this is about
        self._note(what, ok=ok, evidence=str(seen))

    def _note(self, what: str, *, ok: bool, evidence: str = "") -> None:
        self._say(f"  {'observed' if ok else 'NOT OBSERVED'}: {what}{f' ({evidence})' if evidence else ''}")
        if not ok:
            self._missed.append(what)


def _is_ended(*, after: Seen) -> Callable[[Seen], bool]:
    return lambda seen: seen.ts > after.ts and not seen.ephemeral and bool(_outcome(seen))


def _outcome(card: Seen) -> str:
    """How the card says that the operation ended; empty while it runs."""
    found = _FINAL.search(card.plain())
    return found[1] if found else ""
