"""When it started, was detected, mitigated and resolved, each with how that is known; what nobody told stays open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents import forms
from bot.incidents.bots import Kind
from bot.incidents.chosen import Moment, Source
from bot.incidents.conversation import Conversation
from bot.incidents.lexicon import Cue
from bot.incidents.times import Time
from bot.incidents.units import Unit
from bot.incidents.weighing import (
    AFFECTED,
    AFTER,
    AGREED,
    ALL_WELL,
    BETTER,
    CODE,
    DONE,
    FAILS,
    FIGURES,
    LOOKS,
    PERSISTS,
    REOPENS,
    THE_END,
)
from bot.incidents.weights import Weight, Weights

_ALIKE = timedelta(minutes=3)
"""Times this near each other are told of one moment."""

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

_STANDS = 2.0
"""Points of a bot's message that is of the incident."""

_FOR = re.compile(r"\bfor (\d{1,3}) ?(m|min|minutes|h|hours?)\b", re.IGNORECASE)
_OUR_START = re.compile(r"\b(?:that'?s|this is|is|=)\s+(?:our|the)\s+(?:start|beginning)\b", re.IGNORECASE)
_WELL_SINCE = re.compile(
    r"\b(?:ok|okay|fine|good|quiet|flat|stable|clean|healthy|green|normale?|back|up|recovered|gone|stabil|ruhig|läuft|bien"
    r"|estable)\b[^.;]{0,12}\b(?:since|seit|depuis|desde)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Course:
    """The moments of an incident."""

    started: Moment
    detected: Moment
    mitigated: Moment
    resolved: Moment


@dataclass(frozen=True, slots=True)
class _Claim:
    """Somebody says, or a bot shows, that it was at `at`; the stronger the claim the more it counts."""

    at: datetime
    strength: float
    how: str
    source: Source


def read_course(weights: Weights, conversation: Conversation) -> Course:
    """The moments; what was recorded counts more than what was said, and the last word on it more than the first."""
    detected = _detected(weights, conversation)
    started = _strongest(list(_starts(weights, detected.at)) if detected.at else [])
    resolved = _resolved(weights, conversation)
    return Course(
        started=started or Moment(detected.at, "when it was noticed: nobody said when it began", detected.source),
        detected=detected,
        mitigated=_mitigated(weights, started.at if started else detected.at, resolved.at),
        resolved=resolved,
    )


def _detected(weights: Weights, conversation: Conversation) -> Moment:
    """The first alert that matters and that somebody heeds, or the first person who reports something before it."""
    for number, weight in enumerate(weights):
        unit = weight.unit
        if weight.total <= _MATTERS:
            continue
        if not _heeded(weights.units, number):
            continue
        if unit.kind == Kind.ALARM:
            return Moment(unit.main.at, f"first alert, by {unit.main.name}", (unit.main.ts,))
        if unit.kind is None and ({FAILS, AFFECTED, CODE} & weight.points.keys() or not number):
            since = [
                time.at for time in weight.times if Cue.NOTICED in time.cues and unit.main.at - time.at < _REPORTED
            ]
            if since:
                return Moment(since[0], f"told by {unit.main.name}", (unit.main.ts,))
            return Moment(unit.main.at, f"reported by {unit.main.name}", (unit.main.ts,))
    if conversation.declared_at:
        return Moment(conversation.declared_at, "declared")
    first = next((unit.main for unit in weights.units if unit.kind is None), None)
    return Moment(first.at, f"first message, by {first.name}", (first.ts,)) if first else Moment(None, "nobody spoke")


def _heeded(units: Sequence[Unit], number: int) -> bool:
    """Whether somebody else speaks soon after it, or nobody ever does: at night an alert stands there for hours."""
    main = units[number].main
    later = (units[after].main for after in range(number + 1, len(units)) if units[after].kind is None)
    after = next((each.at for each in later if each.author != main.author), main.at)
    return after - main.at <= (_HEEDS if units[number].kind else _ANSWERED)


def _starts(weights: Weights, detected: datetime) -> Iterator[_Claim]:
    """What people say of its beginning, which is not after it was noticed, and what bots show of it."""
    for number, unit in enumerate(weights.units):
        before = range(max(0, number - _LOOK_BACK), number)
        source = tuple(each.ts for each in unit.said)
        times = [time for time in weights.times.get(number, ()) if _may_be_start(time, detected)]
        if not times and Cue.STARTS in unit.cues and _OUR_START.search(unit.text):
            yield from _meant(weights, before, unit, detected)
        for time in times:
            strength = _strength(weights, number, time, before)
            yield _Claim(time.at, strength, f"told by {unit.main.name}", source)
        if unit.kind == Kind.ALARM and unit.main.at == detected and (lasted := _FOR.search(unit.text)):
            size = timedelta(minutes=1) if lasted[2].lower().startswith("m") else timedelta(hours=1)
            yield _Claim(unit.main.at - int(lasted[1]) * size, 0.5, f"measured by {unit.main.name}", source)
        if unit.kind == Kind.SHIPPED and timedelta() < detected - unit.main.at < _CHANGE_BEFORE:
            yield _Claim(unit.main.at, 0.8, f"the change before it, told by {unit.main.name}", source)


def _strength(weights: Weights, number: int, time: Time, before: Sequence[int]) -> float:
    """How surely a time that the `number`th unit tells is that of the beginning."""
    strength = 0.3
    unit = weights.units[number]
    if unit.kind is not None:
        return strength  # what a bot counts from is its own window
    if Cue.STARTS in time.cues or (time.begins and _sums_up(weights[number])):
        strength = 3.0
    elif _asked_when([weights.units[each] for each in before], unit.main.author):
        strength = 2.5
    elif Cue.BEGAN in time.cues:
        strength = 1.8
    if Cue.HEDGES in time.cues or forms.asks(unit.main.text):
        strength *= 0.5
    return strength + 0.5 * unit.corrected


def _sums_up(weight: Weight) -> bool:
    """Whether its author looks back on all of it."""
    return weight.closes or AFTER in weight.points


def _may_be_start(time: Time, detected: datetime) -> bool:
    """Not after it was noticed; and of days before only where somebody says that it began then."""
    hidden = _LONGEST_HIDDEN if Cue.STARTS in time.cues else _HIDDEN
    return detected - hidden <= time.at <= detected + timedelta(minutes=1)


def _asked_when(before: Sequence[Unit], author: str) -> bool:
    """Whether somebody else had just asked when it was."""
    return any(Cue.WHEN in unit.cues and unit.main.author != author for unit in before[-3:])


def _meant(weights: Weights, before: Sequence[int], unit: Unit, detected: datetime) -> Iterator[_Claim]:
    """The last time that was told in the same thread, by whoever says "that is our start" of it."""
    thread = unit.main.thread_ts
    for number in reversed(before):
        main = weights.units[number].main
        if not thread or thread in {main.thread_ts, main.ts}:
            for time in weights.times.get(number, ()):
                if _may_be_start(time, detected):
                    yield _Claim(time.at, 3.0, f"told by {unit.main.name}", (unit.main.ts, main.ts))
                    return


def _strongest(claims: Sequence[_Claim]) -> Moment | None:
    """The claim that most others agree with, and of those that agree the strongest and latest said."""
    if not claims:
        return None
    ordered = sorted(claims, key=lambda claim: (claim.at, claim.source))
    best, most, begin, support = ordered[0], 0.0, 0, 0.0
    end = 0
    for claim in ordered:
        while end < len(ordered) and ordered[end].at - claim.at <= _ALIKE:
            support += ordered[end].strength
            end += 1
        while claim.at - ordered[begin].at > _ALIKE:
            support -= ordered[begin].strength
            begin += 1
        if (round(support, 6), claim.strength) > (most, best.strength):
            best, most = claim, round(support, 6)
    agreeing = [claim for claim in ordered if abs(claim.at - best.at) <= _ALIKE]
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
        if unit.kind == Kind.CLEAR and weights.totals[number] > _STANDS:
            return Moment(unit.main.at, f"last all-clear, by {unit.main.name}: nobody closed it", (unit.main.ts,))
    return Moment(None, "nobody said that it is over")


def _mitigated(weights: Weights, started: datetime | None, resolved: datetime | None) -> Moment:
    """What people say ended the impact, else the change after which it was better."""
    for unit in reversed(weights.units):
        main = unit.main
        if unit.kind is None and Cue.FALSE_ALARM in unit.cues:
            return Moment(None, f"nothing to mitigate: a false alarm, says {main.name}", (main.ts,))
    best = max(_mitigations(weights, started), key=lambda claim: (claim.strength, claim.at, claim.source), default=None)
    if best:
        return Moment(best.at, best.how, best.source)
    units = weights.units
    until = range(sum(resolved is None or unit.main.at < resolved for unit in units))
    clear = (n for n in reversed(until) if units[n].kind == Kind.CLEAR and weights.totals[n] > _STANDS)
    better = (n for n in reversed(weights.having(BETTER, ALL_WELL)) if n in until)
    for found, how in (
        (_change_that_helped(weights, until), "the first change after the last trouble"),
        (next(clear, None), "all-clear"),
        (next(better, None), "the last word that it is better"),
    ):
        if found is not None:
            main = units[found].main
            return Moment(main.at, f"{how}, by {main.name}", (main.ts,))
    return Moment(None, "nobody said what ended the impact")


def _change_that_helped(weights: Weights, until: Sequence[int]) -> int | None:
    """The first change after the last alert or word that it goes on; the last change where nothing came after."""
    trouble: datetime | None = None
    first: int | None = None
    last: int | None = None
    for number in until:
        weight = weights[number]
        at = weight.unit.main.at
        if _is_trouble(weight):
            trouble, first = at, None
        elif _is_change(weight):
            last = number
            if first is None and trouble is not None and at > trouble:
                first = number
    return last if first is None else first


def _is_trouble(weight: Weight) -> bool:
    if weight.unit.kind is None:
        return PERSISTS in weight.points and bool({FAILS, FIGURES, CODE} & weight.points.keys())
    return weight.unit.kind == Kind.ALARM and weight.total > _STANDS


def _is_change(weight: Weight) -> bool:
    if LOOKS in weight.points or weight.total <= _STANDS:
        return False
    if weight.unit.kind is None:
        return DONE in weight.points or {AGREED, CODE} <= weight.points.keys()
    return weight.unit.kind in {Kind.RESULT, Kind.SHIPPED}


def _mitigations(weights: Weights, started: datetime | None) -> Iterator[_Claim]:
    for number, unit in enumerate(weights.units):
        how = f"told by {unit.main.name}"
        if unit.kind is not None:
            continue
        times = weights.times.get(number, ())
        for before, time in zip((None, *times), times, strict=False):
            if before and time.ends and _sums_up(weights[number]):
                whole = started is not None and abs(before.at - started) <= _ALIKE
                yield _Claim(time.at, 4.0 if whole else 3.5, how, (unit.main.ts,))
            elif started and time.at > started and _WELL_SINCE.search(time.clause):
                yield _Claim(time.at, 2.5, how, (unit.main.ts,))
        if Cue.MITIGATED in unit.cues and Cue.NOT_YET not in unit.cues and not unit.asks:
            yield _Claim(unit.main.at, 3.0, how, (unit.main.ts,))
