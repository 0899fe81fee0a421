"""When it started, was detected, mitigated and resolved, each with how that is known; what nobody told stays open."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents import forms
from bot.incidents.bots import Kind
from bot.incidents.chosen import Moment, Source
from bot.incidents.claims import ALIKE, NEXT, STANDS, Claim, sums_up
from bot.incidents.conversation import Conversation
from bot.incidents.lexicon import Cue
from bot.incidents.mitigation import read_mitigation
from bot.incidents.times import Time
from bot.incidents.units import Unit
from bot.incidents.weighing import AFFECTED, ALARM, CODE, FAILS, PERSISTS, REOPENS, THE_END
from bot.incidents.weights import Weight, Weights

_HIDDEN = timedelta(hours=12)
_LONGEST_HIDDEN = timedelta(days=7)
_HEEDS = timedelta(minutes=30)
_ANSWERED = timedelta(minutes=10)
"""How soon people take up an alert, and what one of them reports."""

_REPORTED = timedelta(hours=4)
_CHANGE_BEFORE = timedelta(hours=2)
_LOOK_BACK = 6
"""Units before one that it may refer to."""

_MATTERS = 2.4
"""Points of an alert or a report that is of the incident."""

_TOLD_OF = 0.75
"""Strength of what is told of the beginning rather than of anything."""

_TROUBLE = frozenset({ALARM, AFFECTED, FAILS, CODE, PERSISTS})
_FOR = re.compile(r"\bfor (\d{1,3}) ?(m|min|minutes|h|hours?)\b", re.IGNORECASE)
_OUR_START = re.compile(r"\b(?:that'?s|this is|is|=)\s+(?:our|the)\s+(?:start|beginning)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Course:
    """The moments of an incident."""

    started: Moment
    detected: Moment
    mitigated: Moment
    resolved: Moment


def read_course(weights: Weights, conversation: Conversation) -> Course:
    """The moments; what was recorded counts more than what was said, and the last word on it more than the first."""
    detected = _detected(weights, conversation)
    started = _strongest(list(_starts(weights, detected.at)), detected.at) if detected.at else None
    resolved = _resolved(weights, conversation)
    return Course(
        started=started or Moment(detected.at, "when it was noticed: nobody said when it began", detected.source),
        detected=detected,
        mitigated=read_mitigation(weights, started.at if started else detected.at, resolved.at),
        resolved=resolved,
    )


def _detected(weights: Weights, conversation: Conversation) -> Moment:
    """The first alert that matters and that somebody heeds, or the first person who reports something before it."""
    doubtful: Moment | None = None
    for moment, sure in _reports(weights):
        if sure:
            return moment
        doubtful = doubtful or moment
    if doubtful:
        return doubtful
    if conversation.declared_at:
        return Moment(conversation.declared_at, "declared")
    first = next((unit.main for unit in weights.units if unit.kind is None), None)
    return Moment(first.at, f"first message, by {first.name}", (first.ts,)) if first else Moment(None, "nobody spoke")


def _reports(weights: Weights) -> Iterator[tuple[Moment, bool]]:
    """What may be the detection, in order; each with whether it is of the incident for sure."""
    for number, weight in enumerate(weights):
        unit = weight.unit
        if weight.total <= _MATTERS:
            continue
        if number < weights.stir and unit.kind is None:
            continue
        if not _heeded(weights.units, number):
            continue
        if unit.kind == Kind.ALARM:
            yield Moment(unit.at, f"first alert, by {unit.main.name}", (unit.main.ts,)), True
        elif unit.kind == Kind.OPENED:
            yield _opened(weights, number), True
        elif unit.kind is None and (number == weights.stir or {FAILS, AFFECTED, CODE} & weight.points.keys()):
            reported = Moment(unit.at, f"reported by {unit.main.name}", (unit.main.ts,))
            yield _noticed(weight) or reported, _more_comes(weights, number)


def _opened(weights: Weights, number: int) -> Moment:
    """When a bot says that an incident is declared; earlier where people then tell when they noticed it."""
    main = weights.units[number].main
    for after in range(number + 1, min(len(weights), number + 1 + _LOOK_BACK)):
        told = _noticed(weights[after])
        if told and told.at and told.at < main.at and weights.units[after].at - main.at <= _ANSWERED:
            return told
    return Moment(main.at, f"declared, says {main.name}", (main.ts,))


def _noticed(weight: Weight) -> Moment | None:
    """When it was noticed, as somebody tells."""
    main = weight.unit.main
    if weight.unit.kind is not None:
        return None
    told = (time.at for time in weight.times if Cue.NOTICED in time.cues and main.at - time.at < _REPORTED)
    first = next(told, None)
    return Moment(first, f"told by {main.name}", (main.ts,)) if first else None


def _heeded(units: Sequence[Unit], number: int) -> bool:
    """Whether somebody else speaks soon after it, or nobody ever does: at night an alert stands there for hours."""
    main = units[number].main
    later = (units[after].main for after in range(number + 1, len(units)) if units[after].kind is None)
    after = next((each.at for each in later if each.author != main.author), main.at)
    return after - main.at <= (_HEEDS if units[number].kind else _ANSWERED)


def _more_comes(weights: Weights, number: int) -> bool:
    """Whether more trouble is told within the next hour; else what was reported may be of another matter."""
    times = weights.units.times
    soon = range(number + 1, bisect_right(times, times[number] + NEXT.total_seconds()))
    return any(weights.totals[after] > _MATTERS and not _TROUBLE.isdisjoint(weights[after].points) for after in soon)


def _starts(weights: Weights, detected: datetime) -> Iterator[Claim]:
    """What people say of its beginning, which is not after it was noticed, and what bots show of it."""
    for number, unit in enumerate(weights.units):
        before = range(max(0, number - _LOOK_BACK), number)
        times = [time for time in weights.times.get(number, ()) if _may_be_start(time, detected)]
        if not times and Cue.STARTS in unit.cues and _OUR_START.search(unit.text):
            yield from _meant(weights, before, unit, detected)
        for time in times:
            strength = _strength(weights, number, time, before)
            yield Claim(time.at, strength, f"told by {unit.main.name}", _source(unit))
        if unit.kind == Kind.ALARM and unit.at == detected and (lasted := _FOR.search(unit.text)):
            size = timedelta(minutes=1) if lasted[2].lower().startswith("m") else timedelta(hours=1)
            yield Claim(unit.at - int(lasted[1]) * size, 0.5, f"measured by {unit.main.name}", _source(unit))
        if unit.kind == Kind.SHIPPED and timedelta() < detected - unit.at < _CHANGE_BEFORE:
            yield Claim(unit.at, 0.8, f"the change before it, told by {unit.main.name}", _source(unit))


def _source(unit: Unit) -> Source:
    return tuple(each.ts for each in unit.said)


def _strength(weights: Weights, number: int, time: Time, before: Sequence[int]) -> float:
    """How surely a time that the `number`th unit tells is that of the beginning."""
    strength = 0.3
    unit = weights.units[number]
    if unit.kind is not None:
        return strength  # what a bot counts from is its own window
    if Cue.STARTS in time.cues or (time.begins and sums_up(weights[number])):
        strength = 3.0
    elif _asked_when([weights.units[each] for each in before], unit.author):
        strength = 2.5
    elif Cue.BEGAN in time.cues:
        strength = 1.8
    if Cue.HEDGES in time.cues or forms.asks(unit.main.text):
        strength *= 0.5
    return strength + 0.5 * unit.corrected


def _may_be_start(time: Time, detected: datetime) -> bool:
    """Not after it was noticed; and of days before only where somebody says that it began then."""
    hidden = _LONGEST_HIDDEN if Cue.STARTS in time.cues else _HIDDEN
    return detected - hidden <= time.at <= detected + timedelta(minutes=1)


def _asked_when(before: Sequence[Unit], author: str) -> bool:
    """Whether somebody else had just asked when it was."""
    return any(Cue.WHEN in unit.cues and unit.author != author for unit in before[-3:])


def _meant(weights: Weights, before: Sequence[int], unit: Unit, detected: datetime) -> Iterator[Claim]:
    """The last time that was told in the same thread, by whoever says "that is our start" of it."""
    thread = unit.main.thread_ts
    for number in reversed(before):
        main = weights.units[number].main
        if not thread or thread in {main.thread_ts, main.ts}:
            for time in weights.times.get(number, ()):
                if _may_be_start(time, detected):
                    yield Claim(time.at, 3.0, f"told by {unit.main.name}", (unit.main.ts, main.ts))
                    return


def _strongest(claims: Sequence[Claim], detected: datetime) -> Moment | None:
    """The claim that most others agree with, and of those that agree the strongest and latest said.

    A time that is only told, long before it was detected, may be of anything.
    """
    ordered = sorted(claims, key=lambda claim: (claim.at, claim.source))
    best, most, begin, support = None, 0.0, 0, 0.0
    end = 0
    for claim in ordered:
        while end < len(ordered) and ordered[end].at - claim.at <= ALIKE:
            support += ordered[end].strength
            end += 1
        while claim.at - ordered[begin].at > ALIKE:
            support -= ordered[begin].strength
            begin += 1
        if support < _TOLD_OF and detected - claim.at > NEXT:
            continue
        if (round(support, 6), claim.strength) > (most, best.strength if best else 0.0):
            best, most = claim, round(support, 6)
    if best is None:
        return None
    agreeing = [claim for claim in ordered if abs(claim.at - best.at) <= ALIKE]
    main = max(agreeing, key=lambda claim: (claim.strength, claim.source))
    others = (key for claim in agreeing for key in claim.source)
    return Moment(main.at, main.how, tuple(dict.fromkeys((*main.source, *others))))


def _resolved(weights: Weights, conversation: Conversation) -> Moment:
    """What was recorded; else the last word of somebody that it is over, which nobody took back; else the all-clear."""
    if conversation.resolved_at:
        return Moment(conversation.resolved_at, "resolved with the bot")
    last = max(weights.having(REOPENS, THE_END), default=None)
    if last is not None and REOPENS not in weights[last].points:
        main = weights.units[last].main
        return Moment(main.at, f"said by {main.name}", (main.ts,))
    for number in reversed(range(len(weights))):
        unit = weights.units[number]
        if unit.kind == Kind.CLEAR and weights.totals[number] > STANDS:
            return Moment(unit.at, f"last all-clear, by {unit.main.name}: nobody closed it", (unit.main.ts,))
    return Moment(None, "nobody said that it is over")
