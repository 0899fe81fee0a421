"""Keep an attacking address out for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_network

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Arg

from bot.core.command import ChangeArgs, Command, Context, ServiceArgs
from bot.core.duration import format_duration
from bot.core.errors import Conflict, UsageError
from bot.core.firewall import Blocked, Firewall, HostNetwork, Network, parse_network, spelt
from bot.core.fleet import Service
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Call, LeaseTerms, Observation, Plan, Risk, Step, Verdict
from bot.core.prose import Bold, Code, Line, Person, When
from bot.core.records import Lease, Store
from bot.core.results import Field, Table

KIND = "block"
USUAL = timedelta(hours=24)
LONGEST = timedelta(days=30)
SHOWN = 50


class Block(ChangeArgs):
    """Whom, how long and why."""

    address: str = Arg(description="One IPv4 or IPv6 address, or a network up to /24 or /48.")
    reason: str = words("", "Why; shown in the list and told to the channel.")
    lasts: timedelta | None = option(None, "How long: 24h if not said, 30d at most.", alias="for")


class Unblock(ChangeArgs):
    """Whom, and why."""

    address: str = Arg(description="The address or network, as blocked shows it.")
    reason: str = words("", "Why.")


class Entry(BaseModel):
    """An entry that is to be there for so many seconds, or not to be there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: str
    seconds: int = 0
    mark: str = ""

    @property
    def lasts(self) -> timedelta:
        """How long."""
        return timedelta(seconds=self.seconds)


async def block(ctx: Context, args: Block, *, service: Service, firewall: Firewall, network: HostNetwork) -> Plan:
    """Drop what comes from an address until the time is over; what is ours, or what we need, is never blocked."""
    lasts = args.lasts or USUAL
    if lasts > LONGEST:
        raise UsageError(
            f"{format_duration(lasts)} is too long.", hint=f"At most {format_duration(LONGEST)} at a time."
        )
    wanted = parse_network(args.address)
    _refuse_own(wanted, {**await network.must_reach(), **{net: name for name, net in firewall.protected.items()}})
    there = await firewall.blocked(spelt(wanted))
    entry = Entry(network=spelt(wanted), seconds=int(lasts.total_seconds()), mark=ctx.actor.user_id)
    known = next((each for each in there if each.network == entry.network), None)
    if known is None and (around := _around(wanted, there)):
        raise Conflict(
            f"{entry.network} is blocked already, by {around.network}.", hint=f"unblock-ip {around.network} ends that."
        )
    argv = firewall.block_argv(entry.network, lasts=lasts, mark=entry.mark)
    return Plan(
        title=f"Block {entry.network}",
        area=Area.FIREWALL,
        changes=(
            Field("Address", _left(known) if known else "let in", None),
            Field("Ends by itself", (f"after {format_duration(lasts)}, about ", When(ctx.now + lasts))),
        ),
        actions=(Action(BLOCK.name, f"Block {entry.network}", entry.model_dump(), argv),),
        undo=() if known else (_unblock_action(firewall, entry.network),),
        warnings=tuple(_warnings(wanted, firewall)),
        lease=LeaseTerms(
            kind=KIND,
            target=entry.network,
            owner="security",
            lasts=lasts,
            inverse=Call(("unblock-ip",), {"address": entry.network, "service": service.name}),
        ),
    )


async def unblock(_ctx: Context, args: Unblock, *, service: Service, firewall: Firewall, store: Store) -> Plan:
    """Let an address in again."""
    wanted = spelt(parse_network(args.address))
    there = await firewall.blocked(wanted)
    known = next((each for each in there if each.network == wanted), None)
    if known is None and (around := _around(parse_network(args.address), there)):
        raise Conflict(
            f"{wanted} is blocked with all of {around.network}.", hint=f"unblock-ip {around.network} ends that."
        )
    async with store.transaction() as tx:
        leases = [lease for lease in await tx.leases.active(service=service.name, kind=KIND) if lease.target == wanted]
    return Plan(
        title=f"Unblock {wanted}",
        area=Area.FIREWALL,
        changes=(Field("Address", _left(known) if known else "let in"),),
        actions=(_unblock_action(firewall, wanted),) if known else (),
        ends=tuple(lease.id for lease in leases),
    )


async def blocked(_ctx: Context, _args: ServiceArgs, *, service: Service, firewall: Firewall, store: Store) -> Table:
    """List who is blocked, by whom, why and for how long yet; what the bot did not do is there too."""
    there = await firewall.blocked()
    async with store.transaction() as tx:
        leases = {lease.target: lease for lease in await tx.leases.active(service=service.name, kind=KIND)}
    gone = sorted(leases.keys() - {each.network for each in there})
    notes = [f"{len(there) - SHOWN} more are not shown."] if len(there) > SHOWN else []
    notes += [f"{network} is to be blocked, and is not in the list any more: somebody took it out." for network in gone]
    return Table(
        title=f"Blocked on {service.host}",
        columns=("Address", "Left", "By", "Why"),
        rows=tuple(_row(each, leases.get(each.network)) for each in there[:SHOWN]),
        empty="Nobody is blocked.",
        notes=tuple(notes),
    )


async def add_entry(attempt: Attempt[Entry], *, firewall: Firewall) -> str:
    """Put it on the list."""
    wanted = attempt.params
    return await firewall.block(wanted.network, lasts=wanted.lasts, mark=wanted.mark)


async def remove_entry(attempt: Attempt[Entry], *, firewall: Firewall) -> str:
    """Take it off the list."""
    return await firewall.unblock(attempt.params.network)


async def see_blocked(attempt: Attempt[Entry], *, firewall: Firewall) -> Observation:
    """It is on the list, with our mark, for about as long as was asked for."""
    wanted = attempt.params
    found = await _find(firewall, wanted.network)
    if found is None:
        return Observation(Verdict.NOT_DONE, f"{wanted.network} is not in the list.")
    is_ours = found.mark == wanted.mark and found.left is not None and found.left <= wanted.lasts
    verdict = Verdict.DONE if is_ours else Verdict.NOT_DONE
    return Observation(verdict, f"{wanted.network} is {_left(found)}.")


async def see_unblocked(attempt: Attempt[Entry], *, firewall: Firewall) -> Observation:
    """It is not on the list."""
    found = await _find(firewall, attempt.params.network)
    if found:
        return Observation(Verdict.NOT_DONE, f"{attempt.params.network} is {_left(found)}.")
    return Observation(Verdict.DONE, f"{attempt.params.network} is not in the list.")


async def _find(firewall: Firewall, network: str) -> Blocked | None:
    return next((each for each in await firewall.blocked(network) if each.network == network), None)


def _unblock_action(firewall: Firewall, network: str) -> Action:
    entry = Entry(network=network)
    return Action(UNBLOCK.name, f"Let {network} in", entry.model_dump(), firewall.unblock_argv(network))


def _refuse_own(wanted: Network, ours: Mapping[str, str]) -> None:
    for text, what in ours.items():
        other = ip_network(text)
        if other.version == wanted.version and wanted.overlaps(other):
            raise Conflict(f"{spelt(wanted)} holds {text}: {what}. Blocking it would cut us off.")


def _around(wanted: Network, there: tuple[Blocked, ...]) -> Blocked | None:
    """What is blocked already and covers `wanted`."""
    covering = (each for each in there if "/" in each.network and wanted.version == ip_network(each.network).version)
    return next((each for each in covering if wanted.overlaps(ip_network(each.network))), None)


def _warnings(wanted: Network, firewall: Firewall) -> Iterator[Line]:
    if firewall.by_packet and firewall.proxies:
        names = ", ".join(firewall.proxies)
        yield (
            Bold("It may do nothing: "),
            f"packets come from {names}, whatever address a request has. Block it there.",
        )
    for name, text in firewall.proxies.items():
        if ip_network(text).version == wanted.version and wanted.overlaps(ip_network(text)):
            raise Conflict(f"{spelt(wanted)} is {name}: every customer behind it would be kept out.")
    yield "Connections that are open already stall; the other protocol (IPv4 or IPv6) of the same machine stays open."


def _left(found: Blocked) -> str:
    if found.left is None:
        return "blocked with no end"
    return f"blocked for {format_duration(timedelta(seconds=max(round(found.left.total_seconds()), 1)))} more"


def _row(found: Blocked, lease: Lease | None) -> tuple[Line, ...]:
    left: Line = _left(found).removeprefix("blocked ")
    if lease is None:
        return ((Code(found.network),), left, f"not by me ({found.mark or 'no mark'})", "")
    return ((Code(found.network),), left, (Person(lease.by),), lease.reason or "no reason given")


_SETTLE = timedelta(seconds=5)  # the helper of a replica that died may still be on its way, on a busy host for seconds
BLOCK = Step("firewall.block", Entry, observe=see_blocked, do=add_entry, settle=_SETTLE)
UNBLOCK = Step("firewall.unblock", Entry, observe=see_unblocked, do=remove_entry, settle=_SETTLE)
COMMANDS = (
    Command(
        ("block-ip",),
        Block,
        plan=block,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("I2",),
        steps=(BLOCK, UNBLOCK),
        examples=("203.0.113.7 card testing", "2001:db8:5::/64 --for 2h scanning"),
        direct=True,
    ),
    Command(
        ("unblock-ip",),
        Unblock,
        plan=unblock,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("I2",),
        examples=("203.0.113.7",),
    ),
    Command(("blocked",), ServiceArgs, run=blocked, rows=("I2",), examples=("",)),
)
